import { execFileSync } from 'node:child_process'
import { openSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { Plan, launch, plan, spawn } from '../src/index.ts'
import { RootFolder } from './support/root-folder.ts'
import { asRoot, run, shell } from './support/run.ts'

test('a plan that is larger than a message arrives whole', async () => {
  const value = 'x'.repeat(100_000)
  expect(await shell('echo ${#A} ${#B}', { env: { PATH: process.env['PATH'], A: value, B: value } })).toBe('100000 100000')
})

test('arguments and environment arrive byte for byte', async () => {
  const odd = ' "$(x)" \n\t\\ \u{1F4E6} '
  const { stdout } = await run(['sh', '-c', 'printf %s "$1$ODD"', 'sh', odd], { env: { ODD: odd } })
  expect(stdout).toBe(odd + odd)
})

asRoot('runc CVE-2021-43784: a length of more than 16 bits', () => {
  const whole = '0 0 4294967295\n'
  const long = `${whole}${'1 100000 1\n'.repeat(6000)}`
  const uidMap = long.slice(0, 65_536 + whole.length)

  test('is not what is left of it: a map of 64 KiB and a line is not that line', async () => {
    // Who writes the length in 16 bits has asked for every id of the host.
    expect(uidMap.slice(0, uidMap.length & 0xffff)).toBe(whole)
    const { data } = plan(['cat', '/proc/self/uid_map'], { namespaces: ['user'] })
    await expect(launch(new Plan({ ...data, uidMap }, undefined))).rejects.toMatchObject({ step: 'make the process', errno: 'EINVAL' })
  })

  test('is no map of an option either', () => {
    const map = Array.from({ length: 341 }, (_, index) => ({ containerId: index, hostId: index, size: 1 }))
    expect(() => plan(['true'], { namespaces: ['user'], uidMappings: map, gidMappings: map })).toThrow('a list of 1 to 340 ranges')
  })
})

test('the launcher’s program cannot be written by anybody', async () => {
  const child = await spawn(['sleep', '60'])
  try {
    const launcher = readdirSync('/proc').find((name) => {
      try {
        return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/exe`).includes('memfd:box-launcher') && parentOf(name) === process.pid
      } catch {
        return false
      }
    })
    expect(() => openSync(`/proc/${launcher}/exe`, 'r+')).toThrow(/ETXTBSY|EPERM|EACCES/)
  } finally {
    await child.close()
  }
})

function parentOf(pid: string): number {
  return Number(/^PPid:\s(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

test('the built package works in a worker, and its end is not the process’s', () => {
  const program = `
    import { Worker } from 'node:worker_threads'
    import { spawn } from '@box/namespaces'
    const code = async () => (await (await spawn(['sh', '-c', 'exit 4'], { stdio: 'ignore' })).exited).exitCode
    const worker = new Worker(\`
      const { parentPort } = await import('node:worker_threads')
      import('@box/namespaces').then(async ({ spawn }) => {
        const child = await spawn(['sh', '-c', 'exit 5'], { stdio: 'ignore' })
        parentPort.postMessage((await child.exited).exitCode)
      })\`, { eval: true })
    const fromWorker = await new Promise((resolve) => worker.once('message', resolve))
    await worker.terminate()
    console.log(fromWorker, await code())`
  expect(execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: __dirname, encoding: 'utf8' })).toBe('5 4\n')
})

asRoot('inside a root', () => {
  let root: RootFolder
  beforeAll(() => {
    root = new RootFolder()
  })
  afterAll(() => root.close())

  test('no process before the program is one that the payload could look into', async () => {
    // The first process of the namespace sees every start in it: those that join are never readable before they execute.
    const watcher = await spawn(
      [
        'sh',
        '-c',
        'while :; do for p in /proc/[0-9]*; do case $p in /proc/1|/proc/$$) ;; *) ls -l $p/fd $p/exe 2>/dev/null;; esac; done; done',
      ],
      { namespaces: ['user', 'pid', 'mount', 'uts', 'ipc', 'network'], root },
    )
    let seen = ''
    watcher.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
    })
    for (let index = 0; index < 30; index += 1) {
      const joined = await spawn(['true'], { namespaces: { user: watcher, pid: watcher, network: watcher }, stdio: 'ignore' })
      await joined.exited
    }
    await watcher.close()
    expect(seen).not.toContain('box-launcher')
    expect(seen).not.toContain('socket:')
  })
})
