import * as fc from 'fast-check'
import { checkLimits } from '../src/check.ts'
import { compile } from '../src/compile.ts'
import { fromSpec, toSpec, type Limits, type Resources } from '../src/index.ts'
import { blkioToIoWeight, ioToBlkioWeight, sharesToWeight, weightToShares } from '../src/weights.ts'

function written(limits: Limits, version: 1 | 2): string[] {
  return compile(checkLimits(limits), () => version).flatMap((it) => it.writes.map(({ file, value }) => `${file}=${value}`))
}

describe('weights', () => {
  test.each([
    [2, 1],
    [512, 59],
    [1024, 100],
    [262_144, 10_000],
  ])('%i shares are weight %i', (shares, weight) => {
    expect(sharesToWeight(shares)).toBe(weight)
  })

  test('a weight keeps its value through shares, where shares are fine enough', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), (weight) => {
        expect(Math.abs(sharesToWeight(weightToShares(weight)) - weight)).toBeLessThanOrEqual(1)
      }),
    )
  })

  test('conversions keep the order', () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 262_143 }), (shares) => sharesToWeight(shares) <= sharesToWeight(shares + 1)))
    fc.assert(fc.property(fc.integer({ min: 10, max: 1000 }), (weight) => ioToBlkioWeight(blkioToIoWeight(weight)) === weight))
  })
})

const cases: [Resources, readonly string[], readonly string[]][] = [
  [{}, [], []],
  [
    { memory: { limit: 100, swap: 150 } },
    ['memory.swap.max=50', 'memory.max=100'],
    ['memory.limit_in_bytes=100', 'memory.memsw.limit_in_bytes=150'],
  ],
  [
    { memory: { limit: 100, swap: 100 } },
    ['memory.swap.max=0', 'memory.max=100'],
    ['memory.limit_in_bytes=100', 'memory.memsw.limit_in_bytes=100'],
  ],
  [
    { memory: { limit: 100, swap: -1 } },
    ['memory.swap.max=max', 'memory.max=100'],
    ['memory.limit_in_bytes=100', 'memory.memsw.limit_in_bytes=-1'],
  ],
  [{ memory: { limit: -1, swap: 0 } }, ['memory.max=max'], ['memory.limit_in_bytes=-1']],
  [{ memory: { reservation: 7 } }, ['memory.low=7'], ['memory.soft_limit_in_bytes=7']],
  [{ cpu: { shares: 1024 } }, ['cpu.weight=100'], ['cpu.shares=1024']],
  [{ cpu: { shares: 0, quota: 0, period: 0 } }, [], []],
  [{ cpu: { quota: 20_000 } }, ['cpu.max=20000 100000'], ['cpu.cfs_period_us=100000', 'cpu.cfs_quota_us=20000']],
  [{ cpu: { quota: -1, period: 50_000 } }, ['cpu.max=max 50000'], ['cpu.cfs_period_us=50000', 'cpu.cfs_quota_us=-1']],
  [
    { cpu: { quota: 33_333, period: 99_999, burst: 7 } },
    ['cpu.max=33333 99999', 'cpu.max.burst=7'],
    ['cpu.cfs_period_us=99999', 'cpu.cfs_quota_us=33333', 'cpu.cfs_burst_us=7'],
  ],
  [{ cpu: { cpus: '0', mems: '' } }, ['cpuset.cpus=0'], ['cpuset.cpus=0']],
  [{ pids: { limit: -1 } }, ['pids.max=max'], ['pids.max=max']],
  [{ blockIO: { weight: 10 } }, ['io.bfq.weight=10'], ['blkio.bfq.weight=10']],
  [
    { blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 500 }], throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 0 }] } },
    ['io.max=8:0 rbps=500 wiops=max'],
    ['blkio.throttle.read_bps_device=8:0 500', 'blkio.throttle.write_iops_device=8:0 0'],
  ],
]

test.each(cases)('%j is written as on crun and runc', (resources, onV2, onV1) => {
  expect(written(fromSpec(resources), 2)).toEqual(onV2)
  expect(written(fromSpec(resources), 1)).toEqual(onV1)
})

test.each<[Resources, string, string]>([
  [{ memory: { swap: 5 } }, 'ERR_BOX_INVALID_ARGUMENT', 'memory.swap'],
  [{ memory: { limit: 10, swap: 5 } }, 'ERR_BOX_INVALID_ARGUMENT', 'memory.swap'],
  [{ memory: { kernel: 5 } }, 'ERR_BOX_CGROUP_UNSUPPORTED', 'memory.kernel'],
  [{ memory: { checkBeforeUpdate: true } }, 'ERR_BOX_CGROUP_UNSUPPORTED', 'memory.checkBeforeUpdate'],
  [{ blockIO: { leafWeight: 5 } }, 'ERR_BOX_CGROUP_UNSUPPORTED', 'io.leafWeight'],
  [{ devices: [{ allow: true, type: 'p' }] }, 'ERR_BOX_INVALID_ARGUMENT', 'devices'],
])('%j is an error, not dropped', (resources, code, step) => {
  expect(() => fromSpec(resources)).toThrow(expect.objectContaining({ code, step }))
})

const optional = <Value>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> => fc.option(arbitrary, { nil: undefined })
const bytes = fc.oneof(fc.integer({ min: 1, max: 2 ** 40 }), fc.constant('max' as const))

/** Limits in the scales of the specification, so that nothing is rounded. */
const limits: fc.Arbitrary<Limits> = fc.record(
  {
    cpus: fc.oneof(
      fc.integer({ min: 1000, max: 6_400_000 }).map((quota) => quota / 100_000),
      fc.constant('max' as const),
    ),
    cpu: fc.record(
      { shares: fc.integer({ min: 2, max: 262_144 }), idle: fc.boolean(), burst: fc.integer({ min: 0, max: 1e6 }).map((it) => it / 1000) },
      { requiredKeys: [] },
    ),
    memory: fc.record({ max: bytes, low: bytes, high: bytes, min: bytes, swap: bytes, oomGroup: fc.boolean() }, { requiredKeys: [] }),
    pids: fc.oneof(fc.integer({ min: 1, max: 1e6 }), fc.constant('max' as const)),
    io: fc.record(
      {
        blkioWeight: fc.integer({ min: 10, max: 1000 }),
        devices: fc.uniqueArray(
          fc.record({
            device: fc.integer({ min: 0, max: 99 }).map((minor) => `254:${minor}` as const),
            blkioWeight: optional(fc.integer({ min: 10, max: 1000 })),
            read: optional(fc.integer({ min: 1, max: 1e9 }).map((it) => `${it}B/s` as const)),
            writeOperations: optional(fc.integer({ min: 1, max: 1e6 }).map((it) => `${it}/s` as const)),
          }),
          { selector: (it) => it.device, maxLength: 4 },
        ),
      },
      { requiredKeys: [] },
    ),
    hugetlb: fc.record({ '2MB': fc.integer({ min: 1, max: 2 ** 40 }) }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
)

test('classes and priorities of packets are read and written', () => {
  const resources: Resources = { network: { classID: 0x10_0001, priorities: [{ name: 'eth0', priority: 5 }] } }
  expect(fromSpec(resources).network).toEqual({ classId: 0x10_0001, priorities: { eth0: 5 } })
  expect(toSpec(fromSpec(resources))).toEqual(resources)
  // Marks alone need no program that counts packets.
  expect(checkLimits(fromSpec(resources)).network).toBeUndefined()
})

test('limits written into a specification and read back come to the same writes', () => {
  fc.assert(
    fc.property(limits, (given) => {
      const back = fromSpec(toSpec(given))
      expect(written(back, 2).toSorted()).toEqual(written(given, 2).toSorted())
    }),
  )
})
