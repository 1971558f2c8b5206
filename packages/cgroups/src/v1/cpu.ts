import type { CheckedCpu } from '../checked.ts'
import { weightToShares } from '../weights.ts'
import type { Write } from '../writes.ts'

/** Documentation/scheduler/sched-bwc.rst and sched-rt-group.rst. */
export function cpuWrites(cpu: CheckedCpu): Write[] {
  const shares = cpu.shares ?? (cpu.weight === undefined ? undefined : weightToShares(cpu.weight))
  const writes: Write[] = []
  if (cpu.idle !== undefined) writes.push({ file: 'cpu.idle', value: cpu.idle ? '1' : '0', field: 'cpu.idle' })
  if (shares !== undefined)
    writes.push({ file: 'cpu.shares', value: `${shares}`, field: cpu.shares === undefined ? 'cpu.weight' : 'cpu.shares' })
  if (cpu.quota !== undefined) {
    writes.push({ file: 'cpu.cfs_period_us', value: `${cpu.period}`, field: 'cpu.period' })
    writes.push({ file: 'cpu.cfs_quota_us', value: cpu.quota === 'max' ? '-1' : `${cpu.quota}`, field: 'cpus' })
  }
  if (cpu.burst !== undefined) writes.push({ file: 'cpu.cfs_burst_us', value: `${cpu.burst}`, field: 'cpu.burst' })
  if (cpu.realtime !== undefined) {
    const { runtime, period } = cpu.realtime
    if (period !== undefined) writes.push({ file: 'cpu.rt_period_us', value: `${period}`, field: 'cpu.realtime.period' })
    writes.push({ file: 'cpu.rt_runtime_us', value: `${runtime}`, field: 'cpu.realtime.runtime' })
  }
  return writes
}
