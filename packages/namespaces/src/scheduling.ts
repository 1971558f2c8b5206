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
  /** Whether children fall back to `other` (SCHED_FLAG_RESET_ON_FORK), and whether unused time is reclaimed, or its overrun told. */
  readonly flags?: readonly ('resetOnFork' | 'reclaim' | 'overrun')[] | undefined
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
}
