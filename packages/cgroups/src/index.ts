export type * from './limits.ts'
export type * from './stats.ts'
