import { readdirSync } from 'node:fs'
import { read } from './files.ts'
import type { Places } from './places.ts'
import type { CpuStats, HugetlbStats, IoDeviceStats, MemoryStats, NetworkStats, PidsStats, Stats, SwapStats } from './stats.ts'
import * as v1 from './v1/stats.ts'
import * as v2 from './v2/stats.ts'
import type { Read } from './v2/stats.ts'

/** Reads what a group has used, each controller from the hierarchy that has it. */
export function readStats(places: Places, network: NetworkStats): Stats {
  const unified = reader(places.v2)
  const memoryV1 = places.v1.get('memory')
  const pidsV1 = places.v1.get('pids')
  const ioV1 = places.v1.get('io')
  const onV1 = reader(memoryV1)
  const memory: MemoryStats = memoryV1 === undefined ? v2.memoryStats(unified) : v1.memoryStats(onV1)
  const swap: SwapStats = memoryV1 === undefined ? v2.swapStats(unified) : v1.swapStats(onV1)
  const pids: PidsStats = pidsV1 === undefined ? v2.pidsStats(unified) : v1.pidsStats(reader(pidsV1))
  const io: readonly IoDeviceStats[] =
    ioV1 === undefined ? (places.controllers.has('io') ? v2.ioStats(unified) : []) : v1.ioStats(reader(ioV1))
  return {
    time: Date.now(),
    cpu: cpuStats(places, unified),
    memory,
    swap,
    pids,
    io,
    hugetlb: hugetlbStats(places),
    network,
    pressure: v2.pressureStats(unified),
  }
}

function cpuStats(places: Places, unified: Read): CpuStats {
  const both = v2.cpuStats(unified)
  const usage = places.v2 === undefined ? v1.cpuacctStats(reader(places.v1.get('cpuacct'))) : both
  const cpu = places.v1.get('cpu')
  const throttling = cpu === undefined ? both : v1.throttlingStats(reader(cpu))
  const { periods, throttledPeriods, throttled } = throttling
  return { usage: usage.usage, user: usage.user, system: usage.system, periods, throttledPeriods, throttled }
}

function hugetlbStats(places: Places): Record<string, HugetlbStats> {
  const onV1 = places.v1.get('hugetlb')
  const folder = onV1 ?? (places.controllers.has('hugetlb') ? places.v2 : undefined)
  if (folder === undefined) return {}
  const sizes = new Set(readdirSync(folder).map((file) => /^hugetlb\.(\d+[KMG]B)\./.exec(file)?.[1]))
  const stats: Record<string, HugetlbStats> = {}
  for (const pages of sizes)
    if (pages !== undefined)
      stats[pages] = onV1 === undefined ? v2.hugetlbStats(reader(folder), pages) : v1.hugetlbStats(reader(folder), pages)
  return stats
}

/** Some files say several things: each is read once. */
function reader(folder: string | undefined): Read {
  if (folder === undefined) return () => undefined
  const texts = new Map<string, string | undefined>()
  return (file) => {
    if (!texts.has(file)) texts.set(file, read(folder, file))
    return texts.get(file)
  }
}
