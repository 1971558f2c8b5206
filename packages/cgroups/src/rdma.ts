import type { CheckedLimits } from './checked.ts'
import type { Write } from './writes.ts'

/** Documentation/admin-guide/cgroup-v1/rdma.rst; the file is the same on v2. */
export function rdmaWrites(rdma: CheckedLimits['rdma']): Write[] {
  return [...rdma].map(([device, { handles, objects }]) => {
    const values = [handles === undefined ? '' : ` hca_handle=${handles}`, objects === undefined ? '' : ` hca_object=${objects}`]
    return { file: 'rdma.max', value: `${device}${values.join('')}`, field: `rdma.${device}` }
  })
}
