import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Landlock, type LandlockFileRight, landlockReadOnly, plan, spawn } from '../src/index.ts'
import { asOrdinaryUser } from './support/ordinary-user.ts'
import { asRoot, run } from './support/run.ts'

const system = ['/usr', '/bin', '/lib', '/lib64', '/etc'].map((path) => ({ path, allow: landlockReadOnly }))
const devices = { path: '/dev', allow: ['readFile', 'readDir', 'writeFile', 'truncate'] } as const

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'box-landlock-'))
  writeFileSync(join(folder, 'file'), 'content')
  writeFileSync(join(folder, 'program'), '#!/bin/sh\necho ran\n', { mode: 0o755 })
  mkdirSync(join(folder, 'empty'))
  mkdirSync(join(folder, 'other'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** What a script does in the folder, with these rights on it. */
async function tryIt(script: string, allow: readonly LandlockFileRight[]): Promise<boolean> {
  const { exitCode } = await run(['sh', '-c', script], {
    cwd: folder,
    landlock: { files: [...system, devices, { path: folder, allow }] },
  })
  return exitCode === 0
}

describe('each right on files bites where it is missing', () => {
  const table: readonly (readonly [string, LandlockFileRight, string, readonly LandlockFileRight[]])[] = [
    ['execute', 'execute', './program', ['readFile']],
    ['readFile', 'readFile', 'cat file', []],
    ['writeFile', 'writeFile', 'echo more >> file', []],
    ['truncate', 'truncate', 'truncate -s 0 file', ['writeFile']],
    ['readDir', 'readDir', 'ls .', []],
    ['makeReg', 'makeReg', 'touch made', ['writeFile']],
    ['makeDir', 'makeDir', 'mkdir made', []],
    ['makeSym', 'makeSym', 'ln -s x made', []],
    ['makeFifo', 'makeFifo', 'mkfifo made', []],
    ['makeSock', 'makeSock', `perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, pack_sockaddr_un("made")) or exit 1'`, []],
    ['removeFile', 'removeFile', 'unlink file', []],
    ['removeDir', 'removeDir', 'rmdir empty', []],
    ['refer', 'refer', 'ln file other/file', ['makeReg', 'removeFile']],
  ]
  test.each(table)('%s', async (_title, right, script, beside) => {
    expect(await tryIt(script, beside)).toBe(false)
    expect(await tryIt(script, [...beside, right])).toBe(true)
  })

  test('what is not named cannot be read, and what is below a named folder can', async () => {
    const { stdout, stderr } = await run(['sh', '-c', 'cat /etc/hostname >/dev/null && echo read; cat /proc/version; ls /root'], {
      cwd: '/',
      landlock: { files: [...system, devices] },
    })
    expect(stdout).toBe('read\n')
    expect(stderr.match(/Permission denied/g)).toHaveLength(2)
  })
})

asRoot('each right on nodes bites where it is missing', () => {
  test.each([
    ['makeChar', 'mknod made c 1 3'],
    ['makeBlock', 'mknod made b 7 0'],
  ] as const)('%s', async (right, script) => {
    expect(await tryIt(script, [])).toBe(false)
    expect(await tryIt(script, [right])).toBe(true)
  })

  test('without a namespace and without a privilege', async () => {
    const outcome = await asOrdinaryUser(['sh', '-c', 'grep NoNewPrivs /proc/self/status; cat /etc/hostname'], {
      landlock: { files: [...system.slice(0, 4), devices, { path: '/proc', allow: landlockReadOnly }] },
    })
    expect(outcome.stdout).toBe('NoNewPrivs:\t1\n')
    expect(outcome.stderr).toContain('Permission denied')
  })
})

describe('TCP', () => {
  const perl = (program: string): readonly string[] => [
    'perl',
    '-MSocket',
    '-e',
    `socket(S, AF_INET, SOCK_STREAM, 0) or die; ${program} or do { print 0 + $!; exit }; print "done"`,
  ]
  const address = (port: number): string => `pack_sockaddr_in(${port}, INADDR_LOOPBACK)`
  const outcome = async (command: readonly string[], landlock: Landlock): Promise<string> => (await run(command, { landlock })).stdout
  const EACCES = '13'

  test('only to the ports that are named', async () => {
    const server = createServer((socket) => socket.end())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const listening = server.address()
    const port = listening !== null && typeof listening === 'object' ? listening.port : 0
    try {
      const connect = perl(`connect(S, ${address(port)})`)
      expect(await outcome(connect, {})).toBe('done')
      expect(await outcome(connect, { connectTcp: [] })).toBe(EACCES)
      expect(await outcome(connect, { connectTcp: [port] })).toBe('done')
      expect(await outcome(connect, { connectTcp: [port === 1 ? 2 : 1], bindTcp: [port] })).toBe(EACCES)
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
  })

  test('only on the ports that are named', async () => {
    const bind = perl(`bind(S, ${address(0)})`)
    expect(await outcome(bind, { bindTcp: [] })).toBe(EACCES)
    expect(await outcome(bind, { bindTcp: [0] })).toBe('done')
    expect(await outcome(bind, { connectTcp: [] })).toBe('done')
  })
})

describe('scopes', () => {
  test('signals reach nobody outside', async () => {
    const victim = await spawn(['sleep', '60'])
    try {
      const kill = ['sh', '-c', `kill -0 ${victim.pid} && echo reached`]
      expect((await run(kill)).stdout).toBe('reached\n')
      expect((await run(kill, { landlock: { scopes: ['signals'] } })).stdout).toBe('')
      expect((await run(kill, { landlock: { scopes: ['abstractUnixSockets'] } })).stdout).toBe('reached\n')
    } finally {
      await victim.close()
    }
  })

  test('abstract sockets of others cannot be connected to', async () => {
    const name = `box-landlock-${process.pid}`
    const server = createServer((socket) => socket.end())
    await new Promise<void>((resolve) => server.listen(`\0${name}`, resolve))
    try {
      const connect = [
        'perl',
        '-MSocket',
        '-e',
        `socket(S, AF_UNIX, SOCK_STREAM, 0); my $name = "\\0${name}"; print connect(S, pack("S a*", AF_UNIX, $name)) || connect(S, pack("S a108", AF_UNIX, $name)) ? "in" : 0 + $!`,
      ]
      expect((await run(connect)).stdout).toBe('in')
      expect((await run(connect, { landlock: { scopes: ['abstractUnixSockets'] } })).stdout).toBe('1')
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
  })
})

test('a path that is not there is an error with its name, and nothing runs', async () => {
  const landlock = { files: [{ path: '/no/such', allow: landlockReadOnly }] }
  await expect(spawn(['true'], { landlock })).rejects.toMatchObject({
    code: 'ERR_BOX_NOT_FOUND',
    step: 'restrict by landlock',
    path: '/no/such',
  })
  expect(readdirSync(folder)).toContain('file')
})

test.each([
  ['landlock.files.allow', { landlock: { files: [{ path: '/', allow: JSON.parse('["read"]') }] } }],
  ['landlock.files.path', { landlock: { files: [{ path: 'etc', allow: [] }] } }],
  ['landlock.bindTcp', { landlock: { bindTcp: [65_536] } }],
  ['landlock.scopes', { landlock: { scopes: JSON.parse('["files"]') } }],
  ['noNewPrivileges', { landlock: {}, noNewPrivileges: false }],
])('%s that cannot be is refused', (named, options) => {
  expect(() => plan(['true'], options)).toThrow(
    expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT', message: expect.stringContaining(named) }),
  )
})
