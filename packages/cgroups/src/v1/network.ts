import type { CheckedLimits } from '../checked.ts'
import type { Write } from '../writes.ts'

/** Documentation/admin-guide/cgroup-v1/net_cls.rst. */
export function classWrites(classId: CheckedLimits['classId']): Write[] {
  return classId === undefined ? [] : [{ file: 'net_cls.classid', value: `${classId}`, field: 'network.classId' }]
}

/** Documentation/admin-guide/cgroup-v1/net_prio.rst. */
export function priorityWrites(priorities: CheckedLimits['priorities']): Write[] {
  return [...priorities].map(([name, priority]) => ({
    file: 'net_prio.ifpriomap',
    value: `${name} ${priority}`,
    field: `network.priorities.${name}`,
  }))
}
