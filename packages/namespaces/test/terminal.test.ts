import { randomBytes } from 'node:crypto'
import { readdirSync, readlinkSync } from 'node:fs'
import { type NamespaceKind, type Process, type SpawnOptions, plan, spawn } from '../src/index.ts'
import { asOrdinaryUser } from './support/ordinary-user.ts'
import { RootFolder } from './support/root-folder.ts'
import { asRoot } from './support/run.ts'

const sandbox: readonly NamespaceKind[] = ['user', 'pid', 'mount', 'uts', 'ipc', 'network', 'cgroup']

/** What the terminal shows from here on, until it has shown this. */
async function shown(child: Process, until: RegExp): Promise<string> {
  let seen = ''
  const { terminal } = child
  if (terminal === undefined) throw new Error('there is no terminal')
  return await new Promise((resolve, reject) => {
    const look = (chunk: Buffer): void => {
      seen += chunk.toString()
      if (until.test(seen)) settle(() => resolve(seen))
    }
    const ended = (): void => settle(() => reject(new Error(`the terminal ended and had shown ${JSON.stringify(seen)}`)))
    const settle = (done: () => void): void => {
      terminal.off('data', look)
      terminal.off('end', ended)
      done()
    }
    terminal.on('data', look)
    terminal.once('end', ended)
  })
}

/** All that it shows, up to its end. */
async function everything(child: Process): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of child.stdout) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

const openDescriptors = (): string[] => readdirSync('/proc/self/fd').filter((fd) => /ptmx/.test(link(fd)))

function link(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}

let root: RootFolder
beforeAll(() => {
  root = new RootFolder(['tty', 'stty', 'dd'])
})
afterAll(() => root.close())

const places: readonly (readonly [string, () => SpawnOptions])[] = [
  ['with no namespace at all', () => ({})],
  ['in a mount namespace without a root', () => ({ namespaces: ['mount', 'pid'] })],
  ['in a root under a user namespace', () => ({ namespaces: sandbox, root })],
  ['in a root under the host’s ids', () => ({ namespaces: sandbox.filter((kind) => kind !== 'user'), root })],
  ['in a root below an init', () => ({ namespaces: sandbox, root, init: true })],
]

asRoot('a terminal', () => {
  describe.each(places)('%s', (_title, options) => {
    test('is the controlling terminal and the three standard descriptors, and nothing else is open', async () => {
      const script = 'tty; stty size; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all; echo controlling > /dev/tty; ls /proc/self/fd | cat'
      const child = await spawn(['sh', '-c', script], { ...options(), terminal: { columns: 133, rows: 41 } })
      const text = await everything(child)
      expect(text).toMatch(/^\/dev\/pts\/\d+\r\n41 133\r\nall\r\ncontrolling\r\n0\r\n1\r\n2\r\n3\r\n$/)
      expect((await child.exited).exitCode).toBe(0)
      await child.close()
    })

    test('tells of a new size by SIGWINCH', async () => {
      const script = 'trap "stty size; exit 3" WINCH; stty size; while :; do sleep 0.01; done'
      const child = await spawn(['sh', '-c', script], { ...options(), terminal: true })
      expect(await shown(child, /\n/)).toBe('24 80\r\n')
      const next = shown(child, /\n/)
      child.terminal?.resize(100, 50)
      expect(await next).toBe('50 100\r\n')
      expect((await child.exited).exitCode).toBe(3)
      await child.close()
    })

    test('makes an interrupt of ^C', async () => {
      const child = await spawn(['sh', '-c', 'trap "exit 7" INT; echo ready; while :; do sleep 0.01; done'], {
        ...options(),
        terminal: true,
      })
      await shown(child, /ready/)
      child.terminal?.write('\x03')
      expect((await child.exited).exitCode).toBe(7)
      await child.close()
    })

    test('that is given up hangs up', async () => {
      const child = await spawn(['sh', '-c', 'trap "exit 9" HUP; echo ready; while :; do sleep 0.01; done'], {
        ...options(),
        terminal: true,
      })
      await shown(child, /ready/)
      child.terminal?.destroy()
      expect((await child.exited).exitCode).toBe(9)
      expect(() => child.terminal?.resize(1, 1)).toThrow(expect.objectContaining({ code: 'ERR_BOX_STATE' }))
      await child.close()
    })
  })

  test('carries bytes as they are in both directions', async () => {
    const bytes = randomBytes(1 << 20)
    const child = await spawn(['sh', '-c', `stty raw -echo; echo go; exec head -c ${bytes.length}`], { terminal: true })
    await shown(child, /go\n/)
    const chunks: Buffer[] = []
    child.terminal?.on('data', (chunk: Buffer) => chunks.push(chunk))
    const ended = new Promise((resolve) => child.terminal?.once('end', resolve))
    child.terminal?.write(bytes)
    await ended
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
    expect((await child.exited).exitCode).toBe(0)
  })

  test('that is never looked at is given back with the process, and so is that of a launch that failed', async () => {
    const before = openDescriptors().length
    const child = await spawn(['true'], { terminal: true })
    await child.close()
    await expect(spawn(['/no/such/program'], { terminal: true })).rejects.toMatchObject({ code: 'ERR_BOX_COMMAND_NOT_FOUND' })
    expect(openDescriptors()).toHaveLength(before)
  })

  test('belongs to the user of the process, who can open it by its name', async () => {
    const options = { namespaces: sandbox, root, user: { uid: 1000, gid: 1000 }, terminal: true }
    const child = await spawn(['sh', '-c', 'echo opened > $(tty) && stat -c "%u %a" $(tty)'], options)
    expect(await everything(child)).toBe('opened\r\n1000 620\r\n')
    await child.close()
  })

  test('is of the container’s own devpts, and /dev/console is it', async () => {
    const child = await spawn(
      ['sh', '-c', 'tty; echo by the console > /dev/console; stat -c %t:%T $(tty) /dev/console; ls /dev/pts | cat'],
      {
        namespaces: sandbox,
        root,
        terminal: true,
      },
    )
    expect(await everything(child)).toBe('/dev/pts/0\r\nby the console\r\n88:0\r\n88:0\r\n0\r\nptmx\r\n')
    await child.close()
  })

  test('an ordinary user has one, with namespaces and without', async () => {
    for (const options of [{}, { namespaces: sandbox, root: { path: root.path, fd: -1 } }]) {
      const outcome = await asOrdinaryUser(['sh', '-c', 'tty; stty size'], { ...options, terminal: true })
      expect(outcome.stdout).toMatch(/^\/dev\/pts\/\d+\r\n24 80\r\n$/)
    }
  })
})

test.each([
  ['terminal.columns', { terminal: { columns: 0 } }],
  ['terminal.rows', { terminal: { rows: 70_000 } }],
  ['stdio', { terminal: true, stdio: 'pipe' }],
  ['terminal', { terminal: true, namespaces: ['mount'], root: { fd: 3 }, mounts: [] }],
] as const)('%s that cannot be is refused', (named, options) => {
  expect(() => plan(['true'], options)).toThrow(
    expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT', message: expect.stringContaining(named) }),
  )
})
