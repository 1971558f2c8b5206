/** How a process is scheduled (sched(7), sched_setattr(2)). */
export interface Scheduler {
  readonly policy: 'other' | 'batch' | 'idle' | 'fifo' | 'rr' | 'deadline'
  /** From -20 to 19, of `other` and `batch`. Default: 0. */
  readonly nice?: number | undefined
  /** From 1 to 99, of `fifo` and `rr`. */
  readonly priority?: number | undefined
  /** Nanoseconds, of `deadline`: how much of each period, by when, how long a period is. */
  readonly runtime?: number | undefined
  readonly deadline?: number | undefined
  readonly period?: number | undefined
  /**
   * `SCHED_FLAG_…`: children fall back to `other`, unused time is reclaimed, its overrun told, the policy or its parameters are left as they
   * are.
   */
  readonly flags?: readonly ('resetOnFork' | 'reclaim' | 'overrun' | 'keepPolicy' | 'keepParams')[] | undefined
}

/** The order in which a process's reads and writes are served (ioprio_set(2)). */
export interface IoPriority {
  readonly class: 'realtime' | 'bestEffort' | 'idle'
  /** From 0, the highest, to 7. Default: 4, and 0 for `idle`. */
  readonly priority?: number | undefined
}

/** On which NUMA nodes memory is taken (set_mempolicy(2)). */
export interface MemoryPolicy {
  readonly mode: 'default' | 'preferred' | 'bind' | 'interleave' | 'local' | 'preferredMany' | 'weightedInterleave'
  /** Default: none, as `default` and `local` need it. */
  readonly nodes?: readonly number[] | undefined
  /** `MPOL_F_…`: whether the nodes are the machine's or count within the cpuset's, and whether pages move to where they are used. */
  readonly flags?: readonly ('staticNodes' | 'relativeNodes' | 'numaBalancing')[] | undefined
}
