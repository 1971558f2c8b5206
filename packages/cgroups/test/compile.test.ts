import { checkLimits } from '../src/check.ts'
import { compile } from '../src/compile.ts'
import type { Limits } from '../src/limits.ts'

function written(limits: Limits, version: 1 | 2): string[] {
  return compile(checkLimits(limits), () => version).flatMap((it) => it.writes.map(({ file, value }) => `${file}=${value}`))
}

const cases: [Limits, readonly string[] | string, readonly string[] | string][] = [
  [{}, [], []],
  [{ cpus: 0.5 }, ['cpu.max=50000 100000'], ['cpu.cfs_period_us=100000', 'cpu.cfs_quota_us=50000']],
  [{ cpus: 'max' }, ['cpu.max=max 100000'], ['cpu.cfs_period_us=100000', 'cpu.cfs_quota_us=-1']],
  [
    { cpus: 2, cpu: { period: 50, burst: 10 } },
    ['cpu.max=100000 50000', 'cpu.max.burst=10000'],
    ['cpu.cfs_period_us=50000', 'cpu.cfs_quota_us=100000', 'cpu.cfs_burst_us=10000'],
  ],
  [{ cpu: { weight: 100 } }, ['cpu.weight=100'], ['cpu.shares=1024']],
  [{ cpu: { shares: 1024 } }, ['cpu.weight=100'], ['cpu.shares=1024']],
  [{ cpu: { idle: true } }, ['cpu.idle=1'], ['cpu.idle=1']],
  [{ cpu: { realtime: { runtime: 5, period: 100 } } }, 'cpu.realtime', ['cpu.rt_period_us=100000', 'cpu.rt_runtime_us=5000']],
  [{ cpuset: { cpus: '0-1,3', mems: '0' } }, ['cpuset.cpus=0-1,3', 'cpuset.mems=0'], ['cpuset.cpus=0-1,3', 'cpuset.mems=0']],
  [{ memory: '1KiB' }, ['memory.max=1024'], ['memory.limit_in_bytes=1024']],
  [{ memory: 'max' }, ['memory.max=max'], ['memory.limit_in_bytes=-1']],
  [
    { memory: { max: 100, swap: 50 } },
    ['memory.swap.max=50', 'memory.max=100'],
    ['memory.limit_in_bytes=100', 'memory.memsw.limit_in_bytes=150'],
  ],
  [{ memory: { swap: 50 } }, ['memory.swap.max=50'], 'memory.swap'],
  [{ memory: { swap: 'max' } }, ['memory.swap.max=max'], ['memory.memsw.limit_in_bytes=-1']],
  [{ memory: { low: 5 } }, ['memory.low=5'], ['memory.soft_limit_in_bytes=5']],
  [{ memory: { high: 5 } }, ['memory.high=5'], 'memory.high'],
  [{ memory: { min: 5 } }, ['memory.min=5'], 'memory.min'],
  [{ memory: { oomGroup: true } }, ['memory.oom.group=1'], 'memory.oomGroup'],
  [{ memory: { disableOomKiller: true } }, 'memory.disableOomKiller', ['memory.oom_control=1']],
  [{ memory: { swappiness: 0 } }, 'memory.swappiness', ['memory.swappiness=0']],
  [{ pids: 64 }, ['pids.max=64'], ['pids.max=64']],
  [{ pids: 'max' }, ['pids.max=max'], ['pids.max=max']],
  [{ io: { weight: 200 } }, ['io.weight=200'], ['blkio.bfq.weight=200']],
  [{ io: { blkioWeight: 500 } }, ['io.bfq.weight=500'], ['blkio.bfq.weight=500']],
  [
    { io: { devices: [{ device: '254:0', read: '8mbit', write: 'max', writeOperations: '50/s' }] } },
    ['io.max=254:0 rbps=1000000 wbps=max wiops=50'],
    [
      'blkio.throttle.read_bps_device=254:0 1000000',
      'blkio.throttle.write_bps_device=254:0 0',
      'blkio.throttle.write_iops_device=254:0 50',
    ],
  ],
  [
    { hugetlb: { '2MB': '4MiB' } },
    ['hugetlb.2MB.max=4194304', 'hugetlb.2MB.rsvd.max=4194304'],
    ['hugetlb.2MB.limit_in_bytes=4194304', 'hugetlb.2MB.rsvd.limit_in_bytes=4194304'],
  ],
  [
    { rdma: { mlx5_1: { handles: 3, objects: 'max' } } },
    ['rdma.max=mlx5_1 hca_handle=3 hca_object=max'],
    ['rdma.max=mlx5_1 hca_handle=3 hca_object=max'],
  ],
  [
    { devices: [{ allow: false }, { allow: true, type: 'c', major: 1, access: 'r' }] },
    'devices',
    ['devices.deny=a', 'devices.allow=c 1:* r'],
  ],
  [{ io: { devices: [{ device: '254:0', latency: 5 }] } }, ['io.latency=254:0 target=5000'], 'io.devices[0].latency'],
  [{ misc: { sev: 4, sev_es: 'max' } }, ['misc.max=sev 4', 'misc.max=sev_es max'], 'misc.sev'],
  [{ network: { classId: 0x10_0001 } }, 'network.classId', ['net_cls.classid=1048577']],
  [{ network: { priorities: { eth0: 5, lo: 1 } } }, 'network.priorities.eth0', ['net_prio.ifpriomap=eth0 5', 'net_prio.ifpriomap=lo 1']],
  [{ unified: { 'memory.high': '5' } }, ['memory.high=5'], 'unified.memory.high'],
]

describe.each([2, 1] as const)('on v%i', (version) => {
  test.each(cases.map(([limits, onV2, onV1]) => [limits, version === 2 ? onV2 : onV1] as const))('%j', (limits, expected) => {
    if (typeof expected === 'string')
      expect(() => written(limits, version)).toThrow(expect.objectContaining({ code: 'ERR_BOX_CGROUP_UNSUPPORTED', step: expected }))
    else expect(written(limits, version)).toEqual(expected)
  })
})

test.each<[Limits, string]>([
  [{ cpus: 1 }, 'cpus'],
  [{ memory: { high: 1 } }, 'memory.high'],
  [{ pids: 1 }, 'pids'],
  [{ io: { weight: 1 } }, 'io.weight'],
  [{ hugetlb: { '2MB': 1 } }, 'hugetlb.2MB'],
])('without the controller, %j is refused by the name of the field', (limits, step) => {
  expect(() => compile(checkLimits(limits), () => undefined)).toThrow(expect.objectContaining({ code: 'ERR_BOX_CGROUP_UNSUPPORTED', step }))
})

test('raw files are written after everything else', () => {
  expect(written({ unified: { 'pids.max': '5' }, pids: 10 }, 2)).toEqual(['pids.max=10', 'pids.max=5'])
})
