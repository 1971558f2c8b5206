import type { Amount } from '../checked.ts'
import type { Write } from '../writes.ts'

/** Documentation/admin-guide/cgroup-v1/pids.rst; the file is the same on v2. */
export function pidsWrites(pids: Amount | undefined): Write[] {
  return pids === undefined ? [] : [{ file: 'pids.max', value: `${pids}`, field: 'pids' }]
}
