import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Namespace, type NamespaceKind, type Process, plan, spawn } from '../src/index.ts'
import { asRoot } from './support/run.ts'

const names: Readonly<Record<NamespaceKind, string>> = {
  user: 'user',
  pid: 'pid',
  mount: 'mnt',
  uts: 'uts',
  ipc: 'ipc',
  network: 'net',
  cgroup: 'cgroup',
  time: 'time',
}
const kinds: readonly NamespaceKind[] = ['user', 'pid', 'mount', 'uts', 'ipc', 'network', 'cgroup', 'time']
const idOf = (pid: number | 'self', kind: NamespaceKind): number =>
  Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/${names[kind]}`))?.[1])
const sleep = (namespaces: readonly NamespaceKind[]): Promise<Process> => spawn(['sleep', '60'], { namespaces, stdio: 'ignore', cwd: '/' })

/** How many descriptors of namespaces this process has. */
function held(): number {
  const links = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      return []
    }
  })
  return links.filter((link) => /^[a-z_]+:\[\d+\]$/.test(link) && !/^(socket|pipe):/.test(link)).length
}

describe('a handle', () => {
  let child: Process
  beforeAll(async () => {
    child = await sleep(['user', 'pid', 'mount', 'uts', 'ipc', 'network'])
  })
  afterAll(() => child.close())

  test.each(kinds)(
    'of a %s namespace is the same from a process, its id, its handle and its path, and holds kind and inode',
    async (kind) => {
      const handles = [
        await Namespace.of(child, kind),
        await Namespace.of(child.pid, kind),
        await Namespace.open(`/proc/${child.pid}/ns/${names[kind]}`),
      ]
      const expected = { kind, id: idOf(child.pid, kind) }
      for (const handle of [...handles, child.namespaces[kind]]) expect(handle).toMatchObject(expected)
      expect(child.namespaces[kind]).toBe(child.namespaces[kind])
      for (const handle of handles) await handle.close()
      const own = await Namespace.own(kind)
      expect(own).toMatchObject({ kind, id: idOf('self', kind) })
      await own.close()
    },
  )

  test('knows the user namespace that it belongs to, who made that, and what is above', async () => {
    const before = held()
    const { network, user, pid } = child.namespaces
    const [owner, parent, above] = [await network.owner(), await user.parent(), await pid.parent()]
    expect(owner).toMatchObject({ kind: 'user', id: user.id, ownerUid: process.geteuid?.() })
    expect(parent).toMatchObject({ kind: 'user', id: idOf('self', 'user') })
    expect((await user.owner())?.id).toBe(parent?.id)
    expect(above).toMatchObject({ kind: 'pid', id: idOf('self', 'pid'), ownerUid: undefined })
    expect(await network.parent()).toBeUndefined()
    for (const handle of [owner, parent, above]) await handle?.close()
    expect(held()).toBeLessThanOrEqual(before + 4)
  })

  test('of another kind is refused where a process would join it', () => {
    expect(() => plan(['true'], { namespaces: { uts: child.namespaces.network } })).toThrow(
      expect.objectContaining({
        code: 'ERR_BOX_INVALID_ARGUMENT',
        message: 'namespaces.uts: "a network namespace" is not a uts namespace',
      }),
    )
  })

  test.each([
    ['a file', '/etc/passwd', 'ERR_BOX_INVALID_ARGUMENT'],
    ['a device', '/dev/null', 'ERR_BOX_INVALID_ARGUMENT'],
    ['nothing', '/no/such', 'ERR_BOX_NOT_FOUND'],
  ])('cannot be opened where %s is', async (_title, path, code) => {
    await expect(Namespace.open(path)).rejects.toMatchObject({ code, path })
  })

  test('of a fifo is refused without waiting for its writer', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'box-fifo-'))
    try {
      await promisify(execFile)('mkfifo', [join(folder, 'fifo')])
      await expect(Namespace.open(join(folder, 'fifo'))).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('of a kind that is none is refused', async () => {
    await expect(Namespace.own(JSON.parse('"net"'))).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
  })
})

test('a process that has ended has no namespaces to open', async () => {
  const child = await spawn(['true'], { stdio: 'ignore' })
  const { pid } = child
  await child.exited
  expect(() => child.namespaces.uts).toThrow(expect.objectContaining({ code: 'ERR_BOX_STATE' }))
  await expect(Namespace.of(child, 'uts')).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
  // Its number may be another's by now, but is most likely nobody's: the error says so.
  await Namespace.of(pid, 'uts').then(
    (other) => other.close(),
    (error: unknown) => expect(error).toMatchObject({ code: 'ERR_BOX_STATE' }),
  )
})

test('a handle keeps a namespace whose processes have ended, until it is closed', async () => {
  const before = held()
  const child = await sleep(['user', 'uts'])
  const [user, uts] = [await Namespace.of(child, 'user'), await Namespace.of(child, 'uts')]
  void child.namespaces.uts.id
  await child.close()
  expect(held()).toBe(before + 2)
  const next = await spawn(['sleep', '60'], { namespaces: { user, uts }, stdio: 'ignore', cwd: '/' })
  expect([idOf(next.pid, 'user'), idOf(next.pid, 'uts')]).toEqual([user.id, uts.id])
  await next.close()
  await user.close()
  await uts[Symbol.asyncDispose]()
  await uts.close()
  expect(held()).toBe(before)
  expect(() => uts.fd).toThrow(expect.objectContaining({ code: 'ERR_BOX_STATE' }))
  expect(() => plan(['true'], { namespaces: { uts } })).toThrow(expect.objectContaining({ code: 'ERR_BOX_STATE' }))
  await expect(uts.owner()).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
})

asRoot('a namespace that is pinned', () => {
  const folder = mkdtempSync(join(tmpdir(), 'box-pin-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const mounted = (path: string): boolean => readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${path} `)

  test('outlives all processes and handles, is joined by its path, and goes when it is released', async () => {
    const path = join(folder, 'network')
    const child = await sleep(['network'])
    const { id } = child.namespaces.network
    await child.namespaces.network.pin(path)
    await child.close()
    const next = await spawn(['sleep', '60'], { namespaces: { network: `/${path.slice(1)}` }, stdio: 'ignore' })
    expect(idOf(next.pid, 'network')).toBe(id)
    await next.close()
    const handle = await Namespace.open(path)
    expect(handle.id).toBe(id)
    await expect(handle.pin(path)).rejects.toMatchObject({ code: 'ERR_BOX_STATE', path })
    await handle.close()
    await Namespace.unpin(path)
    expect(mounted(path)).toBe(false)
    expect(existsSync(path)).toBe(false)
    await expect(Namespace.unpin(path)).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND', path })
  })

  test('is not pinned over what is no ordinary file, nor where a folder is missing, and nothing is left', async () => {
    const child = await sleep(['uts'])
    const { uts } = child.namespaces
    mkdirSync(join(folder, 'folder'))
    await expect(uts.pin(join(folder, 'folder'))).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
    rmdirSync(join(folder, 'folder'))
    await expect(uts.pin(join(folder, 'no/such'))).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
    // A mount namespace may not hold itself: the kernel refuses it, and the file that was made for it goes again.
    const own = await Namespace.own('mount')
    await expect(own.pin(join(folder, 'own'))).rejects.toMatchObject({ syscall: 'move_mount', path: join(folder, 'own') })
    await own.close()
    await child.close()
    expect(readdirSync(folder)).toEqual([])
  })

  test('what was not pinned is not released', async () => {
    const path = join(folder, 'file')
    writeFileSync(path, 'mine')
    await expect(Namespace.unpin(path)).rejects.toMatchObject({ code: 'ERR_BOX_STATE', path })
    expect(readFileSync(path, 'utf8')).toBe('mine')
    rmSync(path)
  })
})
