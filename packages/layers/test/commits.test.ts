import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LayerStore, type MountedRoot } from '../src/index.ts'
import { changeTable } from './change-table.ts'
import { putImage, tar } from './fixtures.ts'

const asRoot = process.platform === 'linux' && process.getuid?.() === 0 ? describe : describe.skip
const umoci = spawnSync('umoci', ['--version']).status === 0

let folder: string
let store: LayerStore

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-commits-'))
  store = await LayerStore.open(join(folder, 'store'))
  await putImage(
    store,
    [
      tar([
        { name: 'a/', type: 'folder' },
        { name: 'a/one', content: 'one\n' },
        { name: 'a/two', content: 'two\n', mode: 0o4755 },
        { name: 'a/deep/', type: 'folder', mode: 0o750, uid: 7, gid: 8 },
        { name: 'a/deep/file', content: 'deep\n' },
        { name: 'b/', type: 'folder' },
        { name: 'b/file', content: 'b\n' },
        { name: 'gone', content: 'gone\n' },
        { name: 'link', type: 'symlink', target: 'a/one' },
        { name: 'z', type: 'hardlink', target: 'a/one' },
      ]),
      tar([
        { name: 'upper/', type: 'folder' },
        { name: 'upper/file', content: 'upper\n' },
      ]),
    ],
    'base',
  )
})
afterEach(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

/** All names with what they are; folders without their times where `times` says so. */
function listing(path: string): string {
  const script =
    'cd "$1"; find . -mindepth 1 -type d -printf "%P d %m %U:%G\\n" -o -mindepth 1 \\( -type b -o -type c \\) -printf "%P %y %m %U:%G\\n" -o -mindepth 1 -printf "%P %y %m %U:%G %s %Ts %l\\n" | sort; find . -type f | sort | xargs -r md5sum'
  return execFileSync('sh', ['-c', script, 'sh', path], { encoding: 'utf8' })
}

const pathOf = (root: MountedRoot): string => `/proc/${process.pid}/fd/${root.fd}`

function change(root: MountedRoot, script: string): void {
  execFileSync('sh', ['-ec', `cd ${pathOf(root)}; ${script}`])
}

describe.each(['overlay', 'copy'] as const)('of a root by %s', (kind) => {
  asRoot('what it says and a commit keeps when', () => {
    test.each(changeTable)('$what', async ({ script, changes, changesOfCopy = changes }) => {
      const expected = kind === 'copy' ? changesOfCopy : changes
      const root = await store.mount('base', { kind })
      expect(root.kind).toBe(kind)
      change(root, script)
      const found: string[] = []
      for await (const { kind: what, path } of root.changes()) found.push(`${what} ${path}`)
      expect(found).toEqual(expected)
      const seen = listing(pathOf(root))
      const committed = await store.commit(root, { tag: 'next', compression: 'zstd' })
      expect((await store.commit(root, { compression: 'zstd' })).digest).toBe(committed.digest)
      await root.close()
      expect(committed.layers).toHaveLength(expected.length === 0 ? committed.layers.length : 3)

      const again = await store.mount('next', { readOnly: true })
      expect(listing(pathOf(again))).toBe(seen)
      await again.close()
      if (kind === 'copy') return
      await store.export('next', join(folder, 'flat'), { format: 'folder' })
      expect(listing(join(folder, 'flat'))).toBe(seen)
      await rm(join(folder, 'flat'), { recursive: true })
      await store.export(await store.squash('next'), join(folder, 'flat.tar'), { format: 'tar' })
      execFileSync('sh', ['-ec', `mkdir "$1/tar"; tar -xpf "$1/flat.tar" -C "$1/tar"`, 'sh', folder])
      expect(listing(join(folder, 'tar'))).toBe(seen)
    })
  })
})

asRoot('commits of all of these', () => {
  ;(umoci ? test : test.skip)('are unpacked by umoci to the same files', async () => {
    for (const [index, { script }] of changeTable.entries()) {
      const root = await store.mount('base')
      change(root, script)
      const seen = listing(pathOf(root))
      await store.commit(root, { tag: `next-${index}` })
      await root.close()
      const bundle = join(folder, `bundle-${index}`)
      execFileSync('umoci', ['unpack', '--image', `${store.path}:next-${index}`, bundle], { stdio: 'ignore' })
      expect(listing(join(bundle, 'rootfs'))).toBe(seen)
    }
  })
})
