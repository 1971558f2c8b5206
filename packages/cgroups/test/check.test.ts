import { checkLimits } from '../src/check.ts'
import { Cgroup } from '../src/index.ts'
import type { Limits } from '../src/limits.ts'

/** What a program in JavaScript may give. */
const wrong: [unknown, string][] = [
  [{ memory: '512 MiB' }, 'limits.memory '],
  [{ memory: -1 }, 'limits.memory '],
  [{ memory: { max: 1.5 } }, 'limits.memory '],
  [{ memory: { high: 'none' } }, 'limits.memory.high '],
  [{ memory: null }, 'memory '],
  [{ memory: { maximum: 5 } }, 'memory has no field "maximum"'],
  [{ cpu: 5 }, 'limits.cpu '],
  [{ cpus: 0 }, 'limits.cpus '],
  [{ cpus: -1 }, 'limits.cpus '],
  [{ cpus: Number.NaN }, 'limits.cpus '],
  [{ cpus: '0.5' }, 'limits.cpus '],
  [{ cpus: 0.001 }, 'limits.cpus '],
  [{ cpu: { weight: 0 } }, 'limits.cpu.weight '],
  [{ cpu: { weight: 10_001 } }, 'limits.cpu.weight '],
  [{ cpu: { shares: 1 } }, 'limits.cpu.shares '],
  [{ cpu: { shares: 2, weight: 1 } }, 'limits.cpu.shares '],
  [{ cpu: { period: 100 } }, 'limits.cpu.period '],
  [{ cpus: 1, cpu: { period: 2000 } }, 'limits.cpu.period '],
  [{ cpu: { idle: 1 } }, 'limits.cpu.idle '],
  [{ cpuset: { cpus: '0,' } }, 'limits.cpuset.cpus '],
  [{ cpuset: { mems: '' } }, 'limits.cpuset.mems '],
  [{ pids: 1.5 }, 'limits.pids '],
  [{ pids: '64' }, 'limits.pids '],
  [{ io: { weight: 0 } }, 'limits.io.weight '],
  [{ io: { devices: [{ device: '/dev/vda' }] } }, 'limits.io.devices[0].device '],
  [{ io: { devices: [{ device: '1:1', read: 5 }] } }, 'limits.io.devices[0].read '],
  [{ io: { devices: [{ device: '1:1', read: '1bit' }] } }, 'limits.io.devices[0].read '],
  [{ io: { devices: [{ device: '1:1', readOperations: '5' }] } }, 'limits.io.devices[0].readOperations '],
  [{ hugetlb: { '../x': 5 } }, 'limits.hugetlb '],
  [{ rdma: { 'a b': {} } }, 'limits.rdma.a b '],
  [{ devices: [{ allow: true, type: 'a', major: 1 }] }, 'limits.devices[0].type '],
  [{ devices: [{ allow: true, type: 'c', access: 'rr' }] }, 'limits.devices[0].access '],
  [{ unified: { 'cgroup.procs': '1' } }, 'limits.unified '],
  [{ unified: { '../memory.max': '1' } }, 'limits.unified '],
  [{ unified: { 'memory.max': 5 } }, 'limits.unified.memory.max '],
  [{ memroy: 5 }, 'limits has no field "memroy"'],
  [[], 'limits '],
]

test.each(wrong)('%j is refused by the name of the field', (limits, message) => {
  expect(() => checkLimits(limits as Limits)).toThrow(
    expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT', message: expect.stringContaining(message) }),
  )
})

test('limits of numbers and words are checked once, and each time that they are others', () => {
  const first = checkLimits({ memory: '64MiB', pids: 64, cpus: 0.5 })
  expect(checkLimits({ memory: '64MiB', pids: 64, cpus: 0.5 })).toBe(first)
  expect(checkLimits({ memory: '64MiB', pids: 65, cpus: 0.5 })).toEqual({ ...first, pids: 65 })
  expect(checkLimits({ memory: '64MiB', cpus: 0.5 })).toEqual({ ...first, pids: undefined })
  const memory = { max: 5 }
  checkLimits({ memory })
  memory.max = -1
  expect(() => checkLimits({ memory })).toThrow(/memory/)
})

test('a misspelt option is refused by its name, before anything is made', async () => {
  const misspelt: object = { systemd: { slices: 'machine.slice' } }
  await expect(Cgroup.create('box-groups-misspelt', {}, misspelt)).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
  const other: object = { temporal: true }
  await expect(Cgroup.create('box-groups-misspelt', {}, other)).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
  await expect(Cgroup.open('box-groups-misspelt', other)).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
})
