import { spawn as nodeSpawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import {
  type SeccompProfile,
  type SpawnOptions,
  type SystemCall,
  type SystemCallAnswer,
  type SystemCallHandler,
  plan,
  spawn,
} from '../../src/index.ts'
import { run } from '../support/run.ts'

const notify = (...names: string[]): SeccompProfile => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names, action: 'SCMP_ACT_NOTIFY' }],
})
const profile = notify('mkdir', 'mkdirat')

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'box-notify-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const make = ['sh', '-c', 'mkdir made; echo $?'] as const
const options = (onSystemCall: SystemCallHandler): SpawnOptions => ({
  cwd: folder,
  noNewPrivileges: true,
  seccomp: profile,
  onSystemCall,
})
const path = (call: SystemCall): string => call.text(call.name === 'mkdir' ? 0 : 1)

describe('a system call that is asked about', () => {
  test('is what the handler makes of it', async () => {
    const seen: string[] = []
    const { stdout } = await run(
      make,
      options((call) => {
        seen.push(`${path(call)} ${call.architecture} ${call.args.length}`)
        // The folder that the process believes to have made is another one.
        mkdirSync(join(folder, `of-the-handler-${basename(path(call))}`))
        return { value: 0 }
      }),
    )
    expect(stdout).toBe('0\n')
    expect(seen).toEqual([`made ${process.arch} 6`])
    expect(readdirSync(folder)).toEqual(['of-the-handler-made'])
  })

  test('is carried out by the kernel where the handler says so, and later, too', async () => {
    const { stdout } = await run(
      make,
      options(async (): Promise<SystemCallAnswer> => {
        await new Promise((resolve) => setImmediate(resolve))
        return 'continue'
      }),
    )
    expect(stdout).toBe('0\n')
    expect(readdirSync(folder)).toEqual(['made'])
  })

  test.each([
    ['by name', { errno: 'ENOSPC' }, 'No space left'],
    ['by number', { errno: 30 }, 'Read-only file system'],
  ])('fails with the error that the handler names, %s', async (_title, answer, message) => {
    const { stdout, stderr } = await run(
      make,
      options(() => answer),
    )
    expect(stdout).toBe('1\n')
    expect(stderr).toContain(message)
    expect(readdirSync(folder)).toEqual([])
  })

  const broken: readonly (readonly [string, SystemCallHandler])[] = [
    [
      'throws',
      () => {
        throw new Error('a mistake')
      },
    ],
    ['rejects', () => Promise.reject(new Error('a mistake'))],
    ['answers with nothing', () => JSON.parse('null')],
    ['answers with another word', () => JSON.parse('"allow"')],
    ['answers with an object of nothing', () => JSON.parse('{}')],
    ['gives a descriptor that is a word', () => JSON.parse('{"fd":"a"}')],
    ['names an error that is none', () => ({ errno: 'ENOTHING' })],
    ['gives a descriptor that is not open', () => ({ fd: 1_000_000 })],
  ]
  test.each(broken)('fails with EPERM where the handler %s', async (_title, handler) => {
    const { stdout, stderr } = await run(make, options(handler))
    expect(stdout).toBe('1\n')
    expect(stderr).toContain('Operation not permitted')
    expect(readdirSync(folder)).toEqual([])
  })

  test('fails where nobody answers any more', async () => {
    let ask = (_call: SystemCall): void => {}
    const asked = new Promise<SystemCall>((resolve) => {
      ask = resolve
    })
    const child = await spawn(
      ['mkdir', 'made'],
      options((call) => {
        ask(call)
        return new Promise(() => {})
      }),
    )
    const call = await asked
    expect(path(call)).toBe('made')
    await child.close()
    await expect(async () => {
      for (;;) {
        path(call)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_BOX_(STATE|NOT_FOUND)$/) })
    expect(existsSync(join(folder, 'made'))).toBe(false)
  })

  test('fails where the process that is asked is killed: who waited goes on, or ends with it', async () => {
    const program = join(__dirname, '../support/asker.mjs')
    const asker = nodeSpawn(process.execPath, [program, folder], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] })
    const [, said, , pipe] = asker.stdio
    if (!(said instanceof Readable) || !(pipe instanceof Readable)) throw new Error('no pipe')
    expect(String((await once(said, 'data'))[0])).toBe('both wait\n')
    asker.kill('SIGKILL')
    // The pipe ends when nobody has it any more: neither of the two hangs. How far the one gets that ends with Node, is chance.
    const written = await text(pipe)
    // Both write to it, and mkdir writes a line in pieces.
    expect(written).toContain(': Function not implemented')
    expect(written).toContain('mkdir gave 1\n')
    expect(written).not.toContain('mkdir gave 0')
    expect(readdirSync(folder)).toEqual([])
  })

  test('is given a descriptor of the caller’s', async () => {
    const file = join(folder, 'content')
    writeFileSync(file, 'from the caller')
    const fd = openSync(file, 'r')
    try {
      const { stdout } = await run(['cat', '/no/such/file'], {
        noNewPrivileges: true,
        seccomp: notify('openat'),
        onSystemCall: (call) => (call.text(1) === '/no/such/file' ? { fd } : 'continue'),
      })
      expect(stdout).toBe('from the caller')
    } finally {
      closeSync(fd)
    }
  })

  test('before the program is asked about as well', async () => {
    const names = new Set<string>()
    const { exitCode } = await run(['true'], {
      noNewPrivileges: true,
      seccomp: notify('execve', 'close_range'),
      onSystemCall: ({ name }) => {
        names.add(name)
        return 'continue'
      },
    })
    expect(exitCode).toBe(0)
    expect([...names].toSorted()).toEqual(['close_range', 'execve'])
  })

  test('of a program that may not be executed is the launch’s failure', async () => {
    await expect(
      spawn(['true'], { noNewPrivileges: true, seccomp: notify('execve'), onSystemCall: () => ({ errno: 'EACCES' }) }),
    ).rejects.toMatchObject({ step: 'execute the program', errno: 'EACCES' })
  })
})

describe('what cannot be is refused', () => {
  test('a filter that holds up the message by which its listener comes', () => {
    for (const seccomp of [notify('sendmsg'), { defaultAction: 'SCMP_ACT_NOTIFY' }] satisfies SeccompProfile[])
      expect(() => plan(['true'], { seccomp })).toThrow(expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }))
  })

  test('a rule without a handler, and a handler without a rule', async () => {
    await expect(spawn(['true'], { seccomp: profile })).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
    await expect(spawn(['true'], { onSystemCall: () => 'continue' })).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
  })
})
