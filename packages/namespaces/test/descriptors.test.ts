import { closeSync, fstatSync, openSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { type Process, type SpawnOptions, spawn } from '../src/index.ts'
import { asRoot, run } from './support/run.ts'

/** What a process has, by number. */
const descriptorsOf = ({ pid }: Process): Record<string, string> =>
  Object.fromEntries(readdirSync(`/proc/${pid}/fd`).map((fd) => [fd, readlinkSync(`/proc/${pid}/fd/${fd}`)]))

async function within(options: SpawnOptions, use: (descriptors: Record<string, string>) => void): Promise<void> {
  const child = await spawn(['sleep', '60'], options)
  try {
    use(descriptorsOf(child))
  } finally {
    await child.close()
  }
}

describe('a process has the descriptors that it is given', () => {
  let held: number[] = []
  beforeEach(() => {
    held = Array.from({ length: 20 }, () => openSync('/etc/passwd', 'r'))
  })
  afterEach(() => {
    for (const fd of held) closeSync(fd)
  })

  const ways: readonly (readonly [string, SpawnOptions])[] = [
    ['with the caller’s namespaces', {}],
    ['of an init, whose own it has not', { namespaces: ['user', 'pid'], init: true }],
  ]
  test.each(ways)('and no other, %s', async (_title, options) => {
    await within({ ...options, stdio: 'ignore' }, (found) =>
      expect(found).toEqual(options.init === true ? {} : { 0: '/dev/null', 1: '/dev/null', 2: '/dev/null' }),
    )
    const given = openSync('/etc/group', 'r')
    try {
      const script = 'cat /proc/self/fd/200; for fd in /proc/self/fd/*; do echo "${fd##*/}"; done'
      const { stdout } = await run(['sh', '-c', script], { ...options, descriptors: { 5: held[0], 200: given } })
      expect(stdout.startsWith(readFileSync('/etc/group', 'utf8'))).toBe(true)
      // The shell reads the folder by one of its own.
      expect(stdout.slice(readFileSync('/etc/group', 'utf8').length).trim().split('\n')).toEqual(['0', '1', '2', '200', '3', '5'])
    } finally {
      closeSync(given)
    }
  })

  test('with a terminal, too', async () => {
    await within({ terminal: true, descriptors: { 4: held[0], 9: held[1] } }, (found) =>
      expect(found).toEqual({
        0: expect.stringMatching(/^\/dev\/pts\/\d+$/),
        1: found[0],
        2: found[0],
        4: '/etc/passwd',
        9: '/etc/passwd',
      }),
    )
  })

  test('by number, file, stream, socket and server, with their offset and state; they stay the caller’s', async () => {
    await using file = await open('/etc/passwd')
    const stream = (await open('/etc/group')).createReadStream()
    await using server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const client = connect(address(server.address()).port, '127.0.0.1')
    const [accepted] = await Promise.all([
      new Promise<Socket>((resolve) => server.once('connection', resolve)),
      new Promise((resolve) => client.once('connect', resolve)),
    ])
    const { buffer } = await file.read(Buffer.alloc(5), 0, 5)
    try {
      const descriptors = { 3: held[0], 4: file, 5: accepted, 6: server, 7: undefined }
      await within({ stdio: 'ignore', descriptors }, (found) => {
        const socket = expect.stringMatching(/^socket:\[\d+\]$/)
        expect(found).toEqual({ 0: '/dev/null', 1: '/dev/null', 2: '/dev/null', 3: '/etc/passwd', 4: '/etc/passwd', 5: socket, 6: socket })
        expect(found[5]).not.toBe(found[6])
      })
      const { stdout } = await run(['sh', '-c', 'echo through the socket >&5; cat <&4'], { descriptors })
      expect(buffer.toString() + stdout).toBe(readFileSync('/etc/passwd', 'utf8'))
      accepted.end('and by the caller\n')
      expect(await text(client)).toBe('through the socket\nand by the caller\n')
      expect(fstatSync(file.fd).isFile()).toBe(true)
    } finally {
      client.destroy()
      stream.destroy()
    }
  })

  asRoot('in namespaces of others', () => {
    test('as well', async () => {
      const first = await spawn(['sleep', '60'], { namespaces: ['user', 'pid', 'mount', 'network'], stdio: 'ignore' })
      try {
        await within({ namespaces: first, stdio: 'ignore', descriptors: { 3: held[0] } }, (found) =>
          expect(found).toEqual({ 0: '/dev/null', 1: '/dev/null', 2: '/dev/null', 3: '/etc/passwd' }),
        )
      } finally {
        await first.close()
      }
    })
  })
})

function address(found: AddressInfo | string | null): AddressInfo {
  if (typeof found !== 'object' || found === null) throw new Error('the server has no address')
  return found
}
