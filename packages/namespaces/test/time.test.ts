import { spawn } from '../src/index.ts'
import { asOrdinaryUser } from './support/ordinary-user.ts'
import { asRoot, run, shell } from './support/run.ts'

const offsets = { monotonic: { secs: 7_000_000 }, boottime: { secs: 1_000_000_000, nanosecs: 5 } }
const read = 'cat /proc/self/timens_offsets /proc/uptime'
const shifted = /^monotonic +7000000 +0\nboottime +1000000000 +5\n10\d{8}\./

asRoot('a time namespace', () => {
  test.each([
    ['alone', ['time']],
    ['with a user namespace and others', ['user', 'pid', 'mount', 'time', 'network']],
  ] as const)('%s has the clocks that were asked for', async (_title, namespaces) => {
    expect(await shell(read, { namespaces, timeOffsets: offsets })).toMatch(shifted)
  })

  test('is made by an ordinary user in a user namespace of its own', async () => {
    const outcome = await asOrdinaryUser(['sh', '-c', `${read}; id -u`], {
      namespaces: ['user', 'pid', 'mount', 'time'],
      timeOffsets: offsets,
    })
    expect(outcome).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(shifted) })
    expect(outcome.stdout).toMatch(/\n0\n$/)
  })

  test('is joined with its clocks', async () => {
    const first = await spawn(['sleep', '60'], { namespaces: ['user', 'time'], timeOffsets: offsets, stdio: 'ignore' })
    try {
      expect(await shell(read, { namespaces: { time: first } })).toMatch(shifted)
      expect(await shell(read, { namespaces: { time: `/proc/${first.pid}/ns/time` } })).toMatch(shifted)
      expect(await shell(read, { namespaces: first })).toMatch(shifted)
    } finally {
      await first.close()
    }
  })

  test('without offsets has the host’s clocks, and the process ends as any other', async () => {
    expect(await shell('cat /proc/self/timens_offsets', { namespaces: ['time'] })).toMatch(/^monotonic +0 +0\nboottime +0 +0$/)
    expect((await run(['sh', '-c', 'kill -TERM $$'], { namespaces: ['time'] })).signal).toBe('SIGTERM')
    expect((await run(['sh', '-c', 'exit 9'], { namespaces: ['time', 'pid'], init: true })).exitCode).toBe(9)
  })

  test('with a clock before the start of time is refused by the kernel, and nothing is left', async () => {
    const launched = spawn(['true'], { namespaces: ['time'], timeOffsets: { monotonic: { secs: -1e12 } } })
    await expect(launched).rejects.toMatchObject({ step: 'make the time namespace', syscall: 'write', errno: 'ERANGE' })
    expect((await run(['true'])).exitCode).toBe(0)
  })
})
