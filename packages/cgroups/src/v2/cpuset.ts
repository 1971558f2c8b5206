import type { CheckedLimits } from '../checked.ts'
import type { Write } from '../writes.ts'

/** cpuset(7). */
export function cpusetWrites({ cpus, mems }: CheckedLimits['cpuset']): Write[] {
  const writes: Write[] = []
  if (cpus !== undefined) writes.push({ file: 'cpuset.cpus', value: cpus, field: 'cpuset.cpus' })
  if (mems !== undefined) writes.push({ file: 'cpuset.mems', value: mems, field: 'cpuset.mems' })
  return writes
}
