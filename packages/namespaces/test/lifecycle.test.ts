import { spawn as nodeSpawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type NamespaceKind, type Process, spawn } from '../src/index.ts'
import { asRoot, run } from './support/run.ts'

const six: readonly NamespaceKind[] = ['user', 'pid', 'mount', 'uts', 'ipc', 'network']

/** The processes whose parent is this one. */
function children(): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    const status = statusOf(Number(name))
    return status !== undefined && new RegExp(`^PPid:\\s${process.pid}$`, 'm').test(status) ? [Number(name)] : []
  })
}

function statusOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return undefined
  }
}

function isRunning(pid: number): boolean {
  const status = statusOf(pid)
  return status !== undefined && !/^State:\s[ZX]/m.test(status)
}

function launcher(): number {
  const found = children().filter((pid) => readlink(`/proc/${pid}/exe`)?.includes('memfd:box-launcher') && leadsSession(pid))
  expect(found).toHaveLength(1)
  return found[0] ?? 0
}

/** As the launcher does, and what it has made ahead does not. */
function leadsSession(pid: number): boolean {
  const [, session] = /\) \S \d+ \d+ (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
  return session === String(pid)
}

/** Whether it waits in namespaces that were made ahead for the next launch. */
function isSpare(pid: number): boolean {
  return /^Name:\sbox-spare$/m.test(statusOf(pid) ?? '') && isRunning(pid)
}

/** The one that has made its namespaces. */
async function readySpare(): Promise<number> {
  let ready: number[] = []
  await until(() => {
    ready = children().filter((pid) => isSpare(pid) && networkOf(pid) !== undefined && networkOf(pid) !== networkOf('self'))
    return ready.length === 1
  })
  return ready[0] ?? 0
}

function networkOf(pid: number | 'self'): string | undefined {
  return readlink(`/proc/${pid}/ns/net`)
}

function readlink(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 5000
  while (!condition()) {
    if (Date.now() > end) throw new Error('it did not happen within five seconds')
    await delay(5)
  }
}

test('64 at once', async () => {
  const results = await Promise.all(
    Array.from({ length: 64 }, (_, index) => run(['sh', '-c', `echo ${index}; exit ${index}`], { namespaces: six })),
  )
  expect(results.map(({ stdout, exitCode }) => [stdout, exitCode])).toEqual(results.map((_, index) => [`${index}\n`, index]))
})

test('a thousand launches, 16 at once, leave no descriptor behind, and a launcher of less than 1 MiB', async () => {
  const descriptors = (pid: number | 'self'): number => readdirSync(`/proc/${pid}/fd`).length
  const launchOne = async (): Promise<void> => {
    const child = await spawn(['true'], { stdio: 'ignore' })
    expect((await child.exited).exitCode).toBe(0)
    await child.close()
  }
  await Promise.all(Array.from({ length: 16 }, launchOne))
  const before = descriptors('self')
  let left = 1000
  const worker = async (): Promise<void> => {
    while (left-- > 0) await launchOne()
  }
  await Promise.all(Array.from({ length: 16 }, worker))
  await until(() => descriptors('self') <= before)
  // Fewer where those of an earlier test were collected meanwhile.
  expect(descriptors('self')).toBeLessThanOrEqual(before)
  const status = statusOf(launcher()) ?? ''
  expect(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1])).toBeLessThan(1024)
  // It holds its socket, the caller, /proc, the three standard ones, and the last children until it makes room.
  expect(descriptors(launcher())).toBeLessThan(64)
})

test('mixed with child_process, each sees its own exits', async () => {
  const ours = Array.from({ length: 100 }, async (_, index) => (await run(['sh', '-c', `exit ${index}`])).exitCode)
  const theirs = Array.from({ length: 100 }, async (_, index) => {
    const child = nodeSpawn('sh', ['-c', `exit ${index}`], { stdio: 'ignore' })
    const [code]: unknown[] = await once(child, 'exit')
    return code
  })
  const expected = Array.from({ length: 100 }, (_, index) => index)
  expect(await Promise.all(ours)).toEqual(expected)
  expect(await Promise.all(theirs)).toEqual(expected)
})

test('the launcher holds nothing of its caller, and its memory is its own', async () => {
  await run(['true'])
  const pid = launcher()
  const descriptors = readdirSync(`/proc/${pid}/fd`).map((name) => [Number(name), readlink(`/proc/${pid}/fd/${name}`)] as const)
  for (const [number, target] of descriptors) {
    if (number <= 2) expect(target).toBe('/dev/null')
    else expect(target).toMatch(number === 3 ? /^socket:/ : number === 5 ? /^\/proc$/ : /pidfd|^socket:/)
  }
  // Its own, and those to the process that waits for the next launch and to the one before.
  expect(descriptors.filter(([, target]) => target?.startsWith('socket:')).length).toBeLessThanOrEqual(3)
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  expect(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1])).toBeLessThan(1536)
  expect(status).toMatch(/CapInh:\s0{16}/)
})

test('a launcher that is killed disturbs no child, and the next launch has another', async () => {
  const child = await spawn(['sleep', '60'])
  const pid = launcher()
  process.kill(pid, 'SIGKILL')
  const { exitCode } = await run(['true'])
  expect(exitCode).toBe(0)
  expect(isRunning(child.pid)).toBe(true)
  await until(() => !existsSync(`/proc/${pid}`))
  expect(launcher()).not.toBe(pid)
  child.kill('SIGINT')
  expect((await child.exited).signal).toBe('SIGINT')
})

test('launches that are under way when the launcher dies end one way or the other', async () => {
  for (let round = 0; round < 20; round += 1) {
    const pid = launcher()
    const launches = Array.from({ length: 8 }, () => run(['true'], { namespaces: ['user', 'pid'] }))
    process.kill(pid, 'SIGKILL')
    for (const outcome of await Promise.allSettled(launches)) {
      if (outcome.status === 'fulfilled') expect([outcome.value.exitCode, outcome.value.signal]).toEqual([0, null])
      else expect(outcome.reason).toMatchObject({ code: 'ERR_BOX_LAUNCHER_LOST' })
    }
    await run(['true'])
  }
})

test('when Node is killed its children end, save the detached', async () => {
  const holder = nodeSpawn(process.execPath, [join(__dirname, 'support/holder.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line]: unknown[] = await once(holder.stdout, 'data')
  const pids: number[] = JSON.parse(String(line))
  const detached = pids.at(-1) ?? 0
  try {
    expect(pids.map((pid) => isRunning(pid))).toEqual([true, true, true, true])
    holder.kill('SIGKILL')
    await until(() => pids.slice(0, -1).every((pid) => !isRunning(pid)))
    expect(isRunning(detached)).toBe(true)
  } finally {
    process.kill(detached, 'SIGKILL')
  }
})

test('a hundred launches leave no descriptor and no process', async () => {
  await run(['true'])
  const count = (): number => readdirSync('/proc/self/fd').length
  const before = count()
  for (let index = 0; index < 100; index += 1) await run(['true'], { namespaces: ['user', 'pid', 'mount', 'uts'] })
  await until(() => count() <= before)
  // What is left is the launcher alone.
  await until(() => children().filter((pid) => !isSpare(pid)).length === 1)
})

asRoot('namespaces that are made ahead', () => {
  const map = [{ containerId: 0, hostId: 100_000, size: 65_536 }]
  const options = { namespaces: ['user', 'network', 'ipc', 'uts'], uidMappings: map, gidMappings: map } as const

  async function launchTwice(): Promise<void> {
    for (let index = 0; index < 2; index += 1) expect((await run(['true'], options)).exitCode).toBe(0)
  }

  test('serve one launch each, and have what new ones have', async () => {
    await launchTwice()
    const seen: string[] = []
    const running: Process[] = []
    try {
      for (let index = 0; index < 5; index += 1) {
        const network = networkOf(await readySpare())
        const child = await spawn(['sleep', '60'], options)
        running.push(child)
        expect(networkOf(child.pid)).toBe(network)
        seen.push(...['user', 'net', 'ipc', 'uts'].map((kind) => readlinkSync(`/proc/${child.pid}/ns/${kind}`)))
        expect(readFileSync(`/proc/${child.pid}/uid_map`, 'utf8')).toMatch(/^ +0 +100000 +65536\n$/)
        // The loopback interface is up.
        expect(readFileSync(`/proc/${child.pid}/net/fib_trie`, 'utf8')).toContain('127.0.0.1')
      }
    } finally {
      for (const child of running) await child.close()
    }
    // All at once: a number is used again when a namespace is gone.
    expect(new Set(seen).size).toBe(20)
  })

  test('are made anew where other ids are asked for', async () => {
    await launchTwice()
    const network = networkOf(await readySpare())
    const other = [{ containerId: 0, hostId: 200_000, size: 1 }]
    const { stdout } = await run(['sh', '-c', 'readlink /proc/self/ns/net; cat /proc/self/uid_map'], {
      ...options,
      uidMappings: other,
      gidMappings: other,
    })
    expect(stdout).not.toContain(network)
    expect(stdout).toMatch(/ 0 +200000 +1\n$/)
  })

  test('a child made in them ends with its caller’s launcher or without, as all do', async () => {
    await launchTwice()
    const spare = await readySpare()
    const child = await spawn(['sleep', '60'], options)
    await until(() => !existsSync(`/proc/${spare}`))
    const pid = launcher()
    process.kill(pid, 'SIGKILL')
    expect((await run(['true'], options)).exitCode).toBe(0)
    expect(isRunning(child.pid)).toBe(true)
    await until(() => !existsSync(`/proc/${pid}`))
    await child.close()
  })

  test('the process that waits in them ends with the launcher, and is not left behind', async () => {
    await launchTwice()
    const spare = await readySpare()
    process.kill(launcher(), 'SIGKILL')
    await until(() => !existsSync(`/proc/${spare}`))
  })

  test('are done without where that process was killed', async () => {
    await launchTwice()
    const spare = await readySpare()
    process.kill(spare, 'SIGKILL')
    await until(() => !existsSync(`/proc/${spare}`))
    expect((await run(['true'], options)).exitCode).toBe(0)
  })
})

test('a process with nothing pending ends by itself', async () => {
  const program = `import { spawn } from '@box/namespaces'; const c = await spawn(['true'], { stdio: 'ignore' }); await c.exited`
  const child = nodeSpawn(process.execPath, ['--input-type=module', '-e', program], { cwd: __dirname, stdio: 'inherit' })
  const [code]: unknown[] = await once(child, 'exit')
  expect(code).toBe(0)
})

test('a process whose child runs waits for it', async () => {
  const program = `import { spawn } from '@box/namespaces'; spawn(['sleep', '0.1'], { stdio: 'ignore' }).then((c) => c.exited).then(() => console.log('seen'))`
  const child = nodeSpawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: __dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output]: unknown[] = await once(child.stdout, 'data')
  expect(String(output)).toBe('seen\n')
})
