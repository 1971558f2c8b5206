import type { CheckedCpu } from '../checked.ts'
import { sharesToWeight } from '../weights.ts'
import { unsupported, type Write } from '../writes.ts'

/** Documentation/admin-guide/cgroup-v2.rst, "CPU Interface Files". */
export function cpuWrites(cpu: CheckedCpu): Write[] {
  if (cpu.realtime !== undefined) throw unsupported('cpu.realtime', 'cgroup v2 has no limits for real-time threads')
  const weight = cpu.weight ?? (cpu.shares === undefined ? undefined : sharesToWeight(cpu.shares))
  const writes: Write[] = []
  if (cpu.idle !== undefined) writes.push({ file: 'cpu.idle', value: cpu.idle ? '1' : '0', field: 'cpu.idle' })
  if (weight !== undefined)
    writes.push({ file: 'cpu.weight', value: `${weight}`, field: cpu.shares === undefined ? 'cpu.weight' : 'cpu.shares' })
  if (cpu.quota !== undefined) writes.push({ file: 'cpu.max', value: `${cpu.quota} ${cpu.period}`, field: 'cpus' })
  if (cpu.burst !== undefined) writes.push({ file: 'cpu.max.burst', value: `${cpu.burst}`, field: 'cpu.burst' })
  return writes
}
