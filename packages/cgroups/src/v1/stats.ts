import { flatKeyed, single } from '../parse.ts'
import type { CpuStats, HugetlbStats, IoDeviceStats, MemoryStats, PidsStats, SwapStats } from '../stats.ts'
import type { Read } from '../v2/stats.ts'

/** The kernel counts in ticks of USER_HZ, which is 100 on every platform that this package knows. */
const tick = 10

/** Usage, from the cpuacct controller. */
export function cpuacctStats(read: Read): Pick<CpuStats, 'usage' | 'user' | 'system'> {
  const stat = flatKeyed(read('cpuacct.stat'))
  const usage = single(read('cpuacct.usage'))
  const user = single(read('cpuacct.usage_user'))
  const system = single(read('cpuacct.usage_sys'))
  return {
    usage: divided(usage, 1e6),
    user: divided(user, 1e6) ?? multiplied(stat.get('user'), tick),
    system: divided(system, 1e6) ?? multiplied(stat.get('system'), tick),
  }
}

/** Throttling, from the cpu controller. */
export function throttlingStats(read: Read): Pick<CpuStats, 'periods' | 'throttledPeriods' | 'throttled'> {
  const stat = flatKeyed(read('cpu.stat'))
  return {
    periods: stat.get('nr_periods'),
    throttledPeriods: stat.get('nr_throttled'),
    throttled: divided(stat.get('throttled_time'), 1e6),
  }
}

export function memoryStats(read: Read): MemoryStats {
  // `total_` counts the groups below, as v2 does.
  const stat = flatKeyed(read('memory.stat'))
  return {
    current: single(read('memory.usage_in_bytes')),
    peak: single(read('memory.max_usage_in_bytes')),
    max: single(read('memory.limit_in_bytes')),
    anonymous: stat.get('total_rss'),
    file: stat.get('total_cache'),
    shared: stat.get('total_shmem'),
    mapped: stat.get('total_mapped_file'),
    dirty: stat.get('total_dirty'),
    writeback: stat.get('total_writeback'),
    kernel: single(read('memory.kmem.usage_in_bytes')),
    slab: undefined,
    sockets: single(read('memory.kmem.tcp.usage_in_bytes')),
    pageFaults: stat.get('total_pgfault'),
    majorPageFaults: stat.get('total_pgmajfault'),
    highEvents: undefined,
    maxEvents: single(read('memory.failcnt')),
    oomEvents: undefined,
    oomKills: flatKeyed(read('memory.oom_control')).get('oom_kill'),
  }
}

/** v1 counts memory and swap together; swap alone is in `memory.stat`. */
export function swapStats(read: Read): SwapStats {
  const both = single(read('memory.memsw.limit_in_bytes'))
  const memory = single(read('memory.limit_in_bytes'))
  return {
    current: flatKeyed(read('memory.stat')).get('total_swap'),
    peak: undefined,
    max: both === undefined || memory === undefined ? undefined : Math.max(0, both - memory),
  }
}

export function pidsStats(read: Read): PidsStats {
  return {
    current: single(read('pids.current')),
    peak: single(read('pids.peak')),
    max: single(read('pids.max')),
    refused: flatKeyed(read('pids.events')).get('max'),
  }
}

export function ioStats(read: Read): IoDeviceStats[] {
  const bytes = byDevice(read('blkio.throttle.io_service_bytes_recursive'))
  const operations = byDevice(read('blkio.throttle.io_serviced_recursive'))
  return [...bytes].map(([device, counts]) => ({
    device,
    readBytes: counts.get('Read') ?? 0,
    writtenBytes: counts.get('Write') ?? 0,
    reads: operations.get(device)?.get('Read') ?? 0,
    writes: operations.get(device)?.get('Write') ?? 0,
  }))
}

/** `MAJOR:MINOR KIND COUNT` lines, and a line with the total. */
function byDevice(text: string | undefined): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const devices = new Map<string, Map<string, number>>()
  for (const line of text?.split('\n') ?? []) {
    const [, device, kind, count] = /^(\d+:\d+) (\w+) (\d+)$/.exec(line) ?? []
    if (device === undefined || kind === undefined) continue
    const counts = devices.get(device) ?? new Map<string, number>()
    devices.set(device, counts.set(kind, Number(count)))
  }
  return devices
}

export function hugetlbStats(read: Read, pages: string): HugetlbStats {
  return {
    current: single(read(`hugetlb.${pages}.usage_in_bytes`)),
    peak: single(read(`hugetlb.${pages}.max_usage_in_bytes`)),
    max: single(read(`hugetlb.${pages}.limit_in_bytes`)),
    refused: single(read(`hugetlb.${pages}.failcnt`)),
  }
}

function divided(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : value / by
}

function multiplied(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : value * by
}
