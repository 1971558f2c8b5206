export { Cgroup, type CgroupOptions } from './cgroup.ts'
export type * from './limits.ts'
export type * from './stats.ts'
