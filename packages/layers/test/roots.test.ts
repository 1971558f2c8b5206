import { native } from '@box/native'
import { execFileSync } from 'node:child_process'
import { closeSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LayerStore, type MountedRoot } from '../src/index.ts'
import { put, putImage, tar } from './fixtures.ts'

const asRoot = process.getuid?.() === 0 ? describe : describe.skip

// Blobs are synced one by one, and the disk may be busy.
jest.setTimeout(60_000)

let folder: string
let store: LayerStore

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-layers-'))
  store = await LayerStore.open(join(folder, 'store'))
})
afterEach(async () => {
  await store.close()
  expect(await readdir(join(folder, 'store/containers'))).toEqual([])
  await rm(folder, { recursive: true })
})

async function changesOf(root: MountedRoot): Promise<string[]> {
  const lines: string[] = []
  for await (const { kind, path } of root.changes()) lines.push(`${kind} ${path}`)
  return lines
}

/** What is there of a root, by reading its mount as any process could. */
function statusOf(root: MountedRoot, path: string): string {
  const { mode, uid, gid } = lstatSync(`/proc/self/fd/${root.fd}/${path}`)
  return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`
}

/** The files, folders, mounts and namespaces that are held open; the sockets and pipes of the test runner come and go. */
function filesHeld(): string[] {
  return readdirSync('/proc/self/fd')
    .flatMap((fd) => {
      try {
        const target = readlinkSync(`/proc/self/fd/${fd}`)
        return /^(socket|pipe|anon_inode):/.test(target) ? [] : [target]
      } catch {
        return []
      }
    })
    .toSorted()
}

/** The mounts that lead into a folder; others on the machine come and go. */
function mountsOf(path: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(path))
}

asRoot('roots', () => {
  test('paths are resolved inside the root, wherever its links lead', async () => {
    await mkdir(join(folder, 'files'))
    await writeFile(join(folder, 'secret'), 'outside')
    await symlink(join(folder, 'secret'), join(folder, 'files/absolute'))
    await symlink('../../../../../../../../etc/hostname', join(folder, 'files/up'))
    await store.create({ add: { '/': join(folder, 'files') }, tag: 'links' })
    const root = await store.mount('links')
    expect(readlinkSync(`/proc/self/fd/${root.fd}/absolute`)).toBe(join(folder, 'secret'))
    await expect(root.readFile('/absolute')).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
    await expect(root.readFile('/up')).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
    await root.mkdir('/etc')
    await root.writeFile('/up', 'inside')
    expect(await root.readFile('/etc/hostname', 'utf8')).toBe('inside')
    expect(readFileSync(join(folder, 'secret'), 'utf8')).toBe('outside')
    await root.close()
  })

  test('the top folder looks as the image has it', async () => {
    const layers = [
      tar([{ name: './', type: 'folder', mode: 0o751, uid: 3, gid: 4 }]),
      tar([
        { name: 'etc/', type: 'folder' },
        { name: 'etc/x', content: 'x' },
      ]),
    ]
    await putImage(store, layers, 'top')
    const root = await store.mount('top')
    expect(statusOf(root, '.')).toBe('751 3:4')
    expect(await changesOf(root)).toEqual([])
    await root.close()
    const readOnly = await store.mount('top', { readOnly: true })
    expect(statusOf(readOnly, '.')).toBe('751 3:4')
    expect(await readOnly.readFile('/etc/x', 'utf8')).toBe('x')
    await expect(readOnly.writeFile('/y', '')).rejects.toMatchObject({ errno: 'EROFS' })
    await readOnly.close()
    expect(await readdir(join(folder, 'store/containers'))).toEqual([])
  })

  test('an image without layers is an empty root', async () => {
    await store.create({ tag: 'empty' })
    const root = await store.mount('empty')
    expect(await root.readdir('/')).toEqual([])
    await root.writeFile('/x', '')
    expect(await changesOf(root)).toEqual(['added /x'])
    await root.close()
  })

  test('a layer that an image has twice is no obstacle, and the upper one has the last word', async () => {
    const first = tar([{ name: 'file', content: 'first' }])
    const second = tar([{ name: 'file', content: 'second' }])
    await putImage(store, [first, second, first], 'twice')
    const root = await store.mount('twice')
    expect(await root.readFile('/file', 'utf8')).toBe('first')
    await root.close()
  })

  test('a layer that leaves folders out takes them from the image that it is part of', async () => {
    const below = (mode: number): Buffer => tar([{ name: 'home/', type: 'folder', mode }])
    const above = tar([{ name: 'home/user/file', content: 'x' }])
    await putImage(store, [below(0o700), above], 'strict')
    await putImage(store, [below(0o777), above], 'open')
    for (const [name, expected] of [
      ['strict', '700 0:0'],
      ['open', '777 0:0'],
    ] as const) {
      const root = await store.mount(name)
      expect(statusOf(root, 'home')).toBe(expected)
      expect(await root.readFile('/home/user/file', 'utf8')).toBe('x')
      await root.close()
    }
  })

  test('whiteouts and opaque folders hide what lies below, also after a commit and another mount', async () => {
    const layers = [
      tar([
        { name: 'a/', type: 'folder' },
        { name: 'a/one', content: '1' },
        { name: 'b/', type: 'folder' },
        { name: 'b/one', content: '1' },
        { name: 'c', content: 'c' },
      ]),
      tar([{ name: 'a/', type: 'folder' }, { name: 'a/.wh..wh..opq' }, { name: 'a/two', content: '2' }, { name: '.wh.c' }]),
    ]
    await putImage(store, layers, 'hidden')
    const root = await store.mount('hidden')
    expect(await root.readdir('/')).toEqual(['a', 'b'])
    expect(await root.readdir('/a')).toEqual(['two'])
    await root.remove('/b')
    await root.mkdir('/b')
    await root.writeFile('/b/two', '2')
    await root.remove('/a')
    await store.commit(root, { tag: 'next' })
    await root.close()
    const again = await store.mount('next')
    expect(await again.readdir('/')).toEqual(['b'])
    expect(await again.readdir('/b')).toEqual(['two'])
    await again.close()
  })

  test('a commit keeps modes, owners and times, and without changes adds no layer', async () => {
    await putImage(store, [tar([{ name: 'tool', content: 'x', mode: 0o4755, uid: 7, gid: 8 }])], 'base')
    const root = await store.mount('base')
    const unchanged = await store.commit(root, { labels: { a: 'b' } })
    expect(unchanged.layers).toHaveLength(1)
    await root.writeFile('/file', 'x', { mode: 0o640 })
    await chown(`/proc/self/fd/${root.fd}/file`, 12, 13)
    await chmod(`/proc/self/fd/${root.fd}/file`, 0o2640)
    const once = await store.commit(root, { tag: 'next', created: new Date(1_600_000_000_000) })
    const twice = await store.commit(root, { created: new Date(1_600_000_000_000) })
    expect(twice.digest).toBe(once.digest)
    await root.close()
    const again = await store.mount('next')
    expect(statusOf(again, 'file')).toBe('2640 12:13')
    expect(statusOf(again, 'tool')).toBe('4755 7:8')
    expect(lstatSync(`/proc/self/fd/${again.fd}/file`).mtimeMs).toBe(1_600_000_000_000)
    await again.close()
  })

  test('in a user namespace files have its ids, and a commit the ids of the image', async () => {
    const maps = [{ containerId: 0, hostId: 300_000, size: 65_536 }]
    const fd = await native().createUserNamespace(maps, maps)
    const userNamespace = { fd, uidMappings: maps, gidMappings: maps }
    try {
      await putImage(store, [tar([{ name: 'file', content: 'x', uid: 5, gid: 6 }])], 'base')
      const root = await store.mount('base', { userNamespace })
      expect(root.userNamespace).toBe(userNamespace)
      expect(statusOf(root, 'file')).toBe('644 300005:300006')
      await root.mkdir('/folder')
      await root.writeFile('/folder/new', 'new')
      expect(statusOf(root, 'folder/new')).toBe('644 300000:300000')
      await store.commit(root, { tag: 'next' })
      await root.close()
      const again = await store.mount('next')
      expect(statusOf(again, 'file')).toBe('644 5:6')
      expect(statusOf(again, 'folder/new')).toBe('644 0:0')
      await again.close()
      const memory = await store.mount('next', { userNamespace, upper: { tmpfs: '1MiB' } })
      await memory.writeFile('/folder/new', 'newer')
      expect(statusOf(memory, 'folder/new')).toBe('644 300000:300000')
      await memory.close()
    } finally {
      closeSync(fd)
    }
  })

  test('a writable layer in memory is bounded, and its changes are seen and committed', async () => {
    await putImage(store, [tar([{ name: 'file', content: 'x' }])], 'base')
    const root = await store.mount('base', { upper: { tmpfs: '64KiB' } })
    expect(root.upperKind).toBe('tmpfs')
    await root.writeFile('/small', 'x')
    await expect(root.writeFile('/large', Buffer.alloc(1024 * 1024))).rejects.toMatchObject({ errno: 'ENOSPC' })
    await root.remove('/large')
    expect(await changesOf(root)).toEqual(['added /small'])
    await store.commit(root, { tag: 'next' })
    await root.close()
    const again = await store.mount('next', { readOnly: true })
    expect(await again.readdir('/')).toEqual(['file', 'small'])
    await again.close()
  })

  test('where the store stands on an overlay, writes go to memory and the root says so', async () => {
    const nested = join(folder, 'nested')
    for (const name of ['lower', 'upper', 'work', 'nested']) await mkdir(join(folder, name))
    const options = `lowerdir=${folder}/lower,upperdir=${folder}/upper,workdir=${folder}/work`
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options, nested])
    try {
      const inner = await LayerStore.open(join(nested, 'store'))
      await putImage(inner, [tar([{ name: 'file', content: 'x' }])], 'base')
      const root = await inner.mount('base')
      expect(root.upperKind).toBe('tmpfs')
      await root.writeFile('/file', 'y')
      expect(await changesOf(root)).toEqual(['modified /file'])
      await root.close()
      await expect(inner.mount('base', { kind: 'overlay', upper: 'disk' })).rejects.toMatchObject({ errno: 'EINVAL' })
      const copy = await inner.mount('base', { upper: 'disk' })
      expect([copy.kind, copy.upperKind]).toEqual(['copy', 'disk'])
      await copy.writeFile('/file', 'z')
      expect(await changesOf(copy)).toEqual(['modified /file'])
      await copy.close()
      expect(await readdir(join(nested, 'store/containers'))).toEqual([])
      await inner.close()
    } finally {
      execFileSync('umount', [nested])
    }
  })

  test('many layers are no limit', async () => {
    const layers = Array.from({ length: 130 }, (_, index) => tar([{ name: `file-${index}`, content: String(index) }]))
    await putImage(store, layers, 'many')
    const root = await store.mount('many')
    expect(await root.readdir('/')).toHaveLength(130)
    await root.close()
  })

  test('nothing stays open or mounted, also where a mount fails', async () => {
    // Without durability nothing is synced beside the test.
    const quiet = await LayerStore.open(join(folder, 'quiet'), { durability: 'none' })
    await putImage(quiet, [tar([{ name: 'file', content: 'x' }])], 'base')
    await (await quiet.mount('base')).close()
    const open = filesHeld()
    for (let round = 0; round < 20; round += 1) {
      const root = await quiet.mount('base')
      expect(mountsOf(folder)).toEqual([])
      await root.close()
    }
    await expect(quiet.mount('absent')).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
    const bad = { fd: 0, uidMappings: [], gidMappings: [] }
    await expect(quiet.mount('base', { userNamespace: bad })).rejects.toMatchObject({ name: 'BoxError' })
    expect(filesHeld()).toEqual(open)
    expect(await readdir(join(folder, 'quiet/containers'))).toEqual([])
    await quiet.close()
  })

  test('a closed root takes no more calls, and a store with mounted roots is not closed', async () => {
    await store.create({ tag: 'empty' })
    const root = await store.mount('empty')
    await expect(store.close()).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
    await root.close()
    expect(() => root.fd).toThrow(expect.objectContaining({ code: 'ERR_BOX_STATE' }))
    await expect(root.readFile('/x')).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
    await expect(store.commit(root)).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
    await expect(put(store, Buffer.from('x'))).resolves.toBeDefined()
  })
})
