import { execFileSync, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { lstatSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LayerStore, type MountedRoot } from '../src/index.ts'
import { putImage, tar } from './fixtures.ts'
import { start } from './programs/start.ts'

const asRoot = process.platform === 'linux' && process.getuid?.() === 0 ? describe : describe.skip
const btrfs = spawnSync('mkfs.btrfs', ['--version']).status === 0

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-copies-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const layers = [
  tar([
    { name: './', type: 'folder', mode: 0o711, uid: 3, gid: 4 },
    { name: 'etc/', type: 'folder', mode: 0o750, uid: 5 },
    { name: 'etc/old', content: 'old' },
    { name: 'etc/kept', content: 'kept'.repeat(4096), mode: 0o4711, uid: 7, gid: 8 },
    { name: 'gone/', type: 'folder' },
    { name: 'gone/file', content: 'x' },
    { name: 'pipe', type: 'fifo' },
  ]),
  tar([
    { name: 'etc/', type: 'folder', mode: 0o750, uid: 5 },
    { name: 'etc/.wh.old' },
    { name: '.wh.gone' },
    { name: 'etc/new', content: 'new' },
  ]),
]

async function changesOf(root: MountedRoot): Promise<string[]> {
  const lines: string[] = []
  for await (const { kind, path } of root.changes()) lines.push(`${kind} ${path}`)
  return lines
}

/** All that is there, with its owners, modes and times. */
function listing(root: MountedRoot): string {
  return execFileSync('sh', ['-ec', 'cd "$1"; find . -printf "%P %y %m %U:%G %T@\\n" | sort', 'sh', `/proc/${process.pid}/fd/${root.fd}`], {
    encoding: 'utf8',
  })
}

asRoot('a root of a copy', () => {
  test('shows what the overlay of the same layers shows, and is gone after it', async () => {
    const store = await LayerStore.open(join(folder, 'store'))
    await putImage(store, layers, 'base')
    const overlay = await store.mount('base', { kind: 'overlay' })
    for (const upper of ['disk', { tmpfs: '1MiB' }] as const) {
      const copy = await store.mount('base', { kind: 'copy', upper })
      expect(listing(copy)).toBe(listing(overlay))
      expect(await copy.usage()).toEqual({ bytes: 0, inodes: 0 })
      expect(await changesOf(copy)).toEqual([])
      await copy.writeFile('/etc/new', 'other')
      await copy.mkdir('/added')
      expect((await copy.usage()).inodes).toBe(2)
      await copy.close()
    }
    await overlay.close()
    expect(await readdir(join(folder, 'store/containers'))).toEqual([])
    await store.close()
  })

  test('can be made read-only', async () => {
    const store = await LayerStore.open(join(folder, 'store'))
    await putImage(store, layers, 'base')
    const root = await store.mount('base', { kind: 'copy', readOnly: true })
    expect([root.readOnly, root.upperKind, await root.readFile('/etc/new', 'utf8')]).toEqual([true, 'none', 'new'])
    await expect(root.writeFile('/etc/new', 'x')).rejects.toMatchObject({ errno: 'EROFS' })
    await root.close()
    expect(await readdir(join(folder, 'store/containers'))).toEqual([])
    await store.close()
  })

  test('that does not fit is an error that says so, and is gone', async () => {
    const store = await LayerStore.open(join(folder, 'store'))
    await putImage(store, [tar([{ name: 'large', content: Buffer.alloc(1024 * 1024, 'x') }])], 'base')
    await expect(store.mount('base', { kind: 'copy', upper: { tmpfs: '256KiB' } })).rejects.toMatchObject({
      errno: 'ENOSPC',
      path: 'large',
    })
    const root = await store.mount('base', { kind: 'copy', upper: { tmpfs: '2MiB' } })
    await root.close()
    await store.close()
  })

  test('commits to the same digest as an overlay', async () => {
    const store = await LayerStore.open(join(folder, 'store'))
    await putImage(store, layers, 'base')
    const digests: string[] = []
    for (const kind of ['overlay', 'copy'] as const) {
      const root = await store.mount('base', { kind })
      await root.writeFile('/etc/new', 'newer')
      await root.writeFile('/etc/added', 'added')
      await root.remove('/etc/kept')
      await root.symlink('added', '/etc/link')
      digests.push((await store.commit(root, { created: new Date(1_700_000_000_000) })).digest)
      await root.close()
    }
    expect(digests[0]).toBe(digests[1])
    await store.close()
  })

  ;(btrfs ? test : test.skip)('shares its blocks with the layers where the file system can', async () => {
    const [image, mount] = [join(folder, 'image'), join(folder, 'mount')]
    await mkdir(mount)
    await writeFile(image, '')
    await truncate(image, 128 * 1024 * 1024)
    execFileSync('mkfs.btrfs', ['--quiet', image])
    execFileSync('mount', ['-o', 'loop', image, mount])
    try {
      const store = await LayerStore.open(join(mount, 'store'), { durability: 'none' })
      await putImage(store, [tar([{ name: 'large', content: Buffer.alloc(8 * 1024 * 1024, 'x') }])], 'base')
      const root = await store.mount('base', { kind: 'copy' })
      expect(root.kind).toBe('reflink')
      const extents = (path: string): string =>
        execFileSync('filefrag', ['-v', path], { encoding: 'utf8' })
          .split('\n')
          .filter((line) => line.includes('shared'))
          .join('\n')
      execFileSync('sync', ['-f', mount])
      expect(extents(`/proc/${process.pid}/fd/${root.fd}/large`)).not.toBe('')
      await root.writeFile('/large', 'new')
      expect(await changesOf(root)).toEqual(['modified /large'])
      const next = await store.commit(root)
      await root.close()
      const again = await store.mount(next)
      expect(await again.readFile('/large', 'utf8')).toBe('new')
      await again.close()
      await store.close()
    } finally {
      execFileSync('umount', [mount])
    }
  })

  test('is made, changed and committed by an ordinary user, to the digest that root gives it and an overlay', async () => {
    const root = start('copied.ts', [join(folder, 'root')])
    const ofRoot = await root.line()
    expect(ofRoot).toMatchObject({ kind: 'copy', digests: [expect.stringMatching(/^sha256:/)] })
    expect(await root.ended).toBe(0)
    execFileSync('chown', ['65533:65533', folder])
    const program = start('copied.ts', [folder], { uid: 65_533, gid: 65_533 })
    expect(await program.line()).toEqual({
      kind: 'copy',
      changes: ['added /etc/added', 'removed /etc/kept', 'modified /etc/new'],
      maps: [{ containerId: 0, hostId: 65_533, size: 1 }],
      again: ['added', 'new'],
      digests: Object(ofRoot).digests,
    })
    expect(await program.ended).toBe(0)
    expect(lstatSync(join(folder, 'store/containers')).uid).toBe(65_533)
    expect(await readdir(join(folder, 'store/containers'))).toEqual([])
  })
})
