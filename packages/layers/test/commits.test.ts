import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LayerStore, type MountedRoot } from '../src/index.ts'
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

/** What can happen in a root, by a script, and what the root then says of it. */
const table: readonly (readonly [string, string, readonly string[]])[] = [
  ['a file is written to (copied up)', 'echo more >> a/one', ['modified /a/one']],
  ['a file is replaced by another', 'echo new > t; mv t a/one', ['modified /a/one']],
  ['a file gets another mode', 'chmod 600 a/one', ['modified /a/one']],
  ['a file gets another owner', 'chown 5:6 a/two', ['modified /a/two']],
  ['a file gets another time', 'touch -d @1000 a/one', ['modified /a/one']],
  ['a file gets an attribute', 'setfattr -n user.note -v x a/one', ['modified /a/one']],
  ['a folder gets an attribute', 'setfattr -n user.note -v x b', ['modified /b']],
  ['a folder gets another mode', 'chmod 700 a', ['modified /a']],
  ['a folder gets another owner', 'chown 9:9 a/deep', ['modified /a/deep']],
  ['a link gets another owner', 'chown -h 9:9 link', ['modified /link']],
  ['a file is removed', 'rm gone', ['removed /gone']],
  ['a folder is removed', 'rm -r a', ['removed /a']],
  ['a folder is removed and made again (opaque)', 'rm -r a; mkdir a; echo x > a/own', ['modified /a', 'added /a/own']],
  ['a folder of an upper layer is made again', 'rm -r upper; mkdir upper', ['modified /upper']],
  ['a file is renamed', 'mv a/one a/uno', ['removed /a/one', 'added /a/uno']],
  ['a folder is renamed', 'mv a c', ['removed /a', 'added /c', 'added /c/deep', 'added /c/deep/file', 'added /c/one', 'added /c/two']],
  ['a new folder is renamed', 'mkdir n; echo x > n/x; mv n m', ['added /m', 'added /m/x']],
  ['one of two names is written to: the hard link breaks', 'echo other > z', ['modified /z']],
  ['a file gets another name (hard link)', 'ln a/one a/new', ['added /a/new', 'modified /a/one']],
  ['new files are hard links', 'echo x > p; ln p q; ln p b/r', ['added /b/r', 'added /p', 'added /q']],
  ['pipes and devices are made', 'mkfifo pipe; mknod dev c 1 3; mknod block b 7 0', ['added /block', 'added /dev', 'added /pipe']],
  ['a file becomes a link', 'rm gone; ln -s nowhere gone', ['modified /gone']],
  ['a file becomes a folder', 'rm gone; mkdir gone; echo x > gone/x', ['modified /gone', 'added /gone/x']],
  ['a folder becomes a file', 'rm -r a; echo x > a', ['modified /a']],
  ['a link becomes a file', 'rm link; echo x > link', ['modified /link']],
  ['a file comes and goes', 'echo x > t; rm t; mkdir d; rmdir d', []],
  [
    'something deep is added',
    'mkdir -p a/deep/er/still; echo x > a/deep/er/still/x',
    ['added /a/deep/er', 'added /a/deep/er/still', 'added /a/deep/er/still/x'],
  ],
  ['a file is sparse', 'truncate -s 1M sparse', ['added /sparse']],
  ['set-id bits are set and taken', 'chmod 2755 b; chmod 755 a/two', ['modified /a/two', 'modified /b']],
]

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

asRoot('what a root says and a commit keeps when', () => {
  test.each(table)('%s', async (_what, script, expected) => {
    const root = await store.mount('base')
    change(root, script)
    const changes: string[] = []
    for await (const { kind, path } of root.changes()) changes.push(`${kind} ${path}`)
    expect(changes).toEqual(expected)
    const seen = listing(pathOf(root))
    const committed = await store.commit(root, { tag: 'next', compression: 'zstd' })
    expect((await store.commit(root, { compression: 'zstd' })).digest).toBe(committed.digest)
    await root.close()
    expect(committed.layers).toHaveLength(expected.length === 0 ? committed.layers.length : 3)

    const again = await store.mount('next', { readOnly: true })
    expect(listing(pathOf(again))).toBe(seen)
    await again.close()
    await store.export('next', join(folder, 'flat'), { format: 'folder' })
    expect(listing(join(folder, 'flat'))).toBe(seen)
    await rm(join(folder, 'flat'), { recursive: true })
    await store.export(await store.squash('next'), join(folder, 'flat.tar'), { format: 'tar' })
    execFileSync('sh', ['-ec', `mkdir "$1/tar"; tar -xpf "$1/flat.tar" -C "$1/tar"`, 'sh', folder])
    expect(listing(join(folder, 'tar'))).toBe(seen)
  })

  ;(umoci ? test : test.skip)('umoci unpacks all of these to the same files', async () => {
    for (const [index, [, script]] of table.entries()) {
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

asRoot('an image of 300 layers', () => {
  test('is mounted, written to, committed and read', async () => {
    const layers = Array.from({ length: 300 }, (_, index) =>
      tar([
        { name: `layer-${index}`, content: String(index) },
        { name: 'last', content: String(index) },
      ]),
    )
    await putImage(store, layers, 'many')
    const root = await store.mount('many')
    expect(await root.readdir('/')).toHaveLength(301)
    expect(await root.readFile('/last', 'utf8')).toBe('299')
    await root.remove('/layer-0')
    await root.writeFile('/last', 'new')
    expect(await root.usage()).toMatchObject({ inodes: 2 })
    const next = await store.commit(root)
    await root.close()
    expect(next.layers).toHaveLength(301)
    const flat = await store.squash(next)
    const files = await store.files(flat)
    expect(files.list()).toHaveLength(300)
    expect(await files.readFile('/last', 'utf8')).toBe('new')
    const seen = await store.mount(flat, { readOnly: true })
    expect(await seen.readdir('/')).toHaveLength(300)
    await seen.close()
  })
})
