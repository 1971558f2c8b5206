import type { CheckedLimits } from '../checked.ts'
import type { Write } from '../writes.ts'

/** Documentation/admin-guide/cgroup-v2.rst, "Misc Interface Files". */
export function miscWrites(misc: CheckedLimits['misc']): Write[] {
  return [...misc].map(([name, most]) => ({ file: 'misc.max', value: `${name} ${most}`, field: `misc.${name}` }))
}
