import { execFileSync, spawn as nodeSpawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { native } from '@box/native'
import { type NamespaceKind, type Process, spawn } from '../src/index.ts'
import { asOrdinaryUser } from './support/ordinary-user.ts'
import { asRoot, run, shell } from './support/run.ts'

const kinds: readonly (readonly [NamespaceKind, string])[] = [
  ['user', 'user'],
  ['pid', 'pid'],
  ['mount', 'mnt'],
  ['uts', 'uts'],
  ['ipc', 'ipc'],
  ['network', 'net'],
  ['cgroup', 'cgroup'],
]
const six: readonly NamespaceKind[] = ['user', 'pid', 'mount', 'uts', 'ipc', 'network']

describe('streams and exits', () => {
  test('output arrives on the stream that it was written to', async () => {
    const { stdout, stderr } = await run(['sh', '-c', 'echo out; echo err >&2'])
    expect({ stdout, stderr }).toEqual({ stdout: 'out\n', stderr: 'err\n' })
  })

  test('standard input is a stream where it is asked for', async () => {
    const child = await spawn(['cat'], { stdio: 'pipe' })
    child.stdin.end('through the pipe')
    expect(await text(child.stdout)).toBe('through the pipe')
    expect((await child.exited).exitCode).toBe(0)
  })

  test('a megabyte crosses whole', async () => {
    const { stdout } = await run(['sh', '-c', 'head -c 1048576 /dev/zero'])
    expect(stdout.length).toBe(1048576)
  })

  test('output that is read after the exit is still there', async () => {
    const child = await spawn(['echo', 'late'])
    await child.exited
    expect(await text(child.stdout)).toBe('late\n')
  })

  test.each([0, 1, 42, 255])('exit code %d is reported', async (code) => {
    const result = await run(['sh', '-c', `exit ${code}`])
    expect(result).toMatchObject({ exitCode: code, signal: null, timedOut: false })
    expect(result.maxRss).toBeGreaterThan(0)
    expect(result.durationMs).toBeGreaterThan(0)
  })

  test.each(['SIGTERM', 'SIGKILL', 'SIGUSR1'] as const)('a death by %s is reported', async (signal) => {
    const child = await spawn(['sleep', '60'])
    expect(child.kill(signal)).toBe(true)
    expect(await child.exited).toMatchObject({ exitCode: null, signal })
    expect(child.kill(signal)).toBe(false)
    expect(() => child.pidfd).toThrow(expect.objectContaining({ code: 'ERR_BOX_STATE' }))
  })

  test('a timeout ends it and says so', async () => {
    const child = await spawn(['sleep', '60'], { timeout: 50 })
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL', timedOut: true })
  })

  test('a death by a realtime signal, which has no name, is reported by its number', async () => {
    const child = await spawn(['sleep', '60'])
    child.kill(40)
    expect(await child.exited).toMatchObject({ exitCode: null, signal: 'SIG40' })
  })

  test('an aborted signal ends it', async () => {
    const controller = new AbortController()
    const child = await spawn(['sleep', '60'], { signal: controller.signal })
    controller.abort()
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL', timedOut: false })
  })

  test('an aborted signal stops the launch with its reason', async () => {
    const reason = new Error('no longer wanted')
    await expect(spawn(['true'], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  test('close() ends what runs, and can be called again', async () => {
    const child = await spawn(['sleep', '60'])
    await child.close()
    await child.close()
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' })
  })
})

describe('what a process is given', () => {
  test('nothing but the three standard descriptors', async () => {
    // The listing itself has one more open, the folder.
    expect((await shell('ls /proc/self/fd')).split('\n')).toEqual(['0', '1', '2', '3'])
  })

  test('further descriptors by number', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'box-fd-'))
    const fd = openSync(join(folder, 'out'), 'w')
    try {
      await run(['sh', '-c', 'echo third >&3; ls /proc/self/fd'], { descriptors: { 3: fd } })
      expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('third\n')
    } finally {
      closeSync(fd)
      rmSync(folder, { recursive: true })
    }
  })

  test('an environment of PATH alone, or the one that is asked for', async () => {
    expect(await shell('env | sort')).toBe('PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPWD=' + process.cwd())
    expect(await shell('/usr/bin/env', { env: { ONE: '1', NONE: undefined } })).toContain('ONE=1')
  })

  test('default signal dispositions, though Node ignores SIGPIPE', async () => {
    const status = await shell('cat /proc/self/status')
    expect(status).toMatch(/SigBlk:\s0{16}/)
    expect(status).toMatch(/SigIgn:\s0{16}/)
  })

  test('limits, umask, directory and oom_score_adj', async () => {
    const script = 'ulimit -n; ulimit -Hn; umask; pwd; cat /proc/self/oom_score_adj'
    const options = { rlimits: { nofile: { soft: 100, hard: 200 } }, umask: 0o077, cwd: '/tmp', oomScoreAdj: 500 }
    expect((await shell(script, options)).split('\n')).toEqual(['100', '200', '0077', '/tmp', '500'])
  })
})

describe('namespaces', () => {
  test.each(kinds)('a new %s namespace is another one', async (kind, file) => {
    const namespaces = process.getuid?.() === 0 ? [kind] : [...new Set<NamespaceKind>(['user', kind])]
    const inside = await shell(`readlink /proc/self/ns/${file}`, { namespaces })
    expect(inside).toMatch(new RegExp(`^${file}:`))
    expect(inside).not.toBe(readlinkSync(`/proc/self/ns/${file}`))
  })

  test('without the option every namespace is the caller’s', async () => {
    for (const [, file] of kinds) expect(await shell(`readlink /proc/self/ns/${file}`)).toBe(readlinkSync(`/proc/self/ns/${file}`))
  })

  test('process 1 with a host name of its own, and only lo', async () => {
    const before = execFileSync('hostname', { encoding: 'utf8' })
    const output = await shell('echo $$; hostname; ls /sys/class/net 2>/dev/null; cat /proc/net/dev | wc -l; ls -d /proc/[0-9]*', {
      namespaces: six,
      hostname: 'box',
    })
    const [pid, name] = output.split('\n')
    expect({ pid, name }).toEqual({ pid: '1', name: 'box' })
    expect(output).toMatch(/^\/proc\/1$/m)
    expect(output).not.toMatch(/^\/proc\/\d{3,}$/m)
    expect(execFileSync('hostname', { encoding: 'utf8' })).toBe(before)
  })

  test('a namespace of another process is joined, all at once by its handle', async () => {
    const holder = await spawn(['sleep', '60'], { namespaces: ['user', 'pid', 'uts', 'network'], hostname: 'held' })
    try {
      const { stdout, exitCode } = await run(['sh', '-c', 'hostname; readlink /proc/self/ns/net; echo $$; exit 7'], {
        namespaces: { user: holder, pid: holder, uts: holder, network: holder },
      })
      const [name, network, pid] = stdout.trim().split('\n')
      expect(name).toBe('held')
      expect(network).toBe(readlinkSync(`/proc/${holder.pid}/ns/net`))
      expect(Number(pid)).toBeGreaterThan(1)
      expect(exitCode).toBe(7)
    } finally {
      await holder.close()
    }
  })

  test('an init reaps, forwards signals and passes the exit code on', async () => {
    const options = { namespaces: six, init: true }
    expect(await run(['sh', '-c', 'echo $$; exit 9'], options)).toMatchObject({ stdout: '2\n', exitCode: 9 })
    const child = await spawn(['sh', '-c', 'trap "exit 5" TERM; echo ready; while :; do sleep 0.01; done'], options)
    await new Promise((resolve) => child.stdout.once('data', resolve))
    child.kill('SIGTERM')
    expect((await child.exited).exitCode).toBe(5)
    expect((await run(['sh', '-c', 'kill -KILL $$'], options)).exitCode).toBe(128 + 9)
    // Its parent has ended before it, and nobody but the init could wait for it.
    const orphan = 'orphan=$(sleep 0.05 > /dev/null & echo $!); while [ -e /proc/$orphan ]; do :; done; echo reaped'
    expect(await run(['sh', '-c', orphan], { ...options, timeout: 5_000 })).toMatchObject({ stdout: 'reaped\n', timedOut: false })
  })
})

asRoot('as an ordinary user', () => {
  test('the six kinds together, and the same words', async () => {
    const script = 'echo "process $$ on $(hostname)"; id -u; cat /proc/self/uid_map; ls /proc/self/fd; grep NoNewPrivs /proc/self/status'
    const outcome = await asOrdinaryUser(['sh', '-c', script], { namespaces: six, hostname: 'box' })
    expect(outcome.error).toBeUndefined()
    const [greeting, uid, map, ...rest] = (outcome.stdout ?? '').trim().split('\n')
    expect({ greeting, uid }).toEqual({ greeting: 'process 1 on box', uid: '0' })
    expect(map?.trim().split(/\s+/)).toEqual(['0', '65534', '1'])
    expect(rest.slice(0, 4)).toEqual(['0', '1', '2', '3'])
  })

  test('a namespace without a user namespace is refused with what to do', async () => {
    const { error } = await asOrdinaryUser(['true'], { namespaces: ['pid'] })
    expect(error).toMatchObject({ code: 'ERR_BOX_PERMISSION', step: 'make the process', syscall: 'clone3', errno: 'EPERM' })
    expect(error?.message).toContain('user namespace')
  })
})

test('the process table says that children are this process’s own', async () => {
  const child = await spawn(['sleep', '60'])
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  expect(status).toMatch(new RegExp(`PPid:\\s${process.pid}\n`))
  await child.close()
})

asRoot('a process whose namespaces are all joined', () => {
  test.each<[string, NamespaceKind[]]>([
    ['that has a user namespace', ['user', 'pid', 'mount', 'uts', 'ipc', 'network', 'cgroup']],
    ['in the caller’s user namespace', ['pid', 'mount', 'uts', 'ipc', 'network']],
  ])('%s shares each of them with who joins', async (_title, namespaces) => {
    const first = await spawn(['sleep', '60'], { namespaces, stdio: 'ignore' })
    const second = await spawn(['sleep', '60'], { namespaces: first, stdio: 'ignore' })
    const of = ({ pid }: Process) => readdirSync(`/proc/${pid}/ns`).map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`))
    expect(of(second)).toEqual(of(first))
    first.kill('SIGKILL')
    expect((await second.exited).signal).toBe('SIGKILL')
    await first.exited
  })

  test('that has ended is ERR_BOX_STATE', async () => {
    const first = nodeSpawn('sleep', ['60'])
    const pidfd = native().pidfdOpen(first.pid ?? 0)
    first.kill('SIGKILL')
    await once(first, 'exit')
    try {
      const joined = spawn(['true'], { namespaces: { pid: first.pid ?? 0, pidfd } })
      await expect(joined).rejects.toMatchObject({ code: 'ERR_BOX_STATE', step: 'join the namespaces', errno: 'ESRCH' })
    } finally {
      closeSync(pidfd)
    }
  })
})
