import { flatKeyed, nestedKeyed, pressure, single } from '../parse.ts'
import type { CpuStats, HugetlbStats, IoDeviceStats, MemoryStats, PidsStats, PressureStats, SwapStats } from '../stats.ts'

/** Reads a file of a group's folder, undefined where it is not there. */
export type Read = (file: string) => string | undefined

/** `cpu.stat` has the usage even where the controller is elsewhere. */
export function cpuStats(read: Read): CpuStats {
  const stat = flatKeyed(read('cpu.stat'))
  const milliseconds = (key: string): number | undefined => divided(stat.get(key), 1000)
  return {
    usage: milliseconds('usage_usec'),
    user: milliseconds('user_usec'),
    system: milliseconds('system_usec'),
    periods: stat.get('nr_periods'),
    throttledPeriods: stat.get('nr_throttled'),
    throttled: milliseconds('throttled_usec'),
  }
}

export function memoryStats(read: Read): MemoryStats {
  const stat = flatKeyed(read('memory.stat'))
  const events = flatKeyed(read('memory.events'))
  return {
    current: single(read('memory.current')),
    peak: single(read('memory.peak')),
    max: single(read('memory.max')),
    anonymous: stat.get('anon'),
    file: stat.get('file'),
    shared: stat.get('shmem'),
    mapped: stat.get('file_mapped'),
    dirty: stat.get('file_dirty'),
    writeback: stat.get('file_writeback'),
    kernel: stat.get('kernel'),
    slab: stat.get('slab'),
    sockets: stat.get('sock'),
    pageFaults: stat.get('pgfault'),
    majorPageFaults: stat.get('pgmajfault'),
    highEvents: events.get('high'),
    maxEvents: events.get('max'),
    oomEvents: events.get('oom'),
    oomKills: events.get('oom_kill'),
  }
}

export function swapStats(read: Read): SwapStats {
  return { current: single(read('memory.swap.current')), peak: single(read('memory.swap.peak')), max: single(read('memory.swap.max')) }
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
  return [...nestedKeyed(read('io.stat'))].map(([device, values]) => ({
    device,
    readBytes: values.get('rbytes') ?? 0,
    writtenBytes: values.get('wbytes') ?? 0,
    reads: values.get('rios') ?? 0,
    writes: values.get('wios') ?? 0,
  }))
}

export function hugetlbStats(read: Read, pages: string): HugetlbStats {
  return {
    current: single(read(`hugetlb.${pages}.current`)),
    // The v2 files have no peak.
    peak: undefined,
    max: single(read(`hugetlb.${pages}.max`)),
    refused: flatKeyed(read(`hugetlb.${pages}.events`)).get('max'),
  }
}

export function pressureStats(read: Read): PressureStats {
  return { cpu: pressure(read('cpu.pressure')), memory: pressure(read('memory.pressure')), io: pressure(read('io.pressure')) }
}

function divided(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : value / by
}
