/**
 * What a group has used. Sizes are bytes, times milliseconds, the rest are counts. A field is undefined where the kernel, or the
 * hierarchy that the group is in, does not tell.
 */
export interface Stats {
  /** When this was read, in milliseconds since the epoch. */
  readonly time: number
  readonly cpu: CpuStats
  readonly memory: MemoryStats
  readonly swap: SwapStats
  readonly pids: PidsStats
  readonly io: readonly IoDeviceStats[]
  readonly hugetlb: Readonly<Record<string, HugetlbStats>>
  readonly network: NetworkStats
  readonly pressure: PressureStats
}

export interface CpuStats {
  readonly usage: number | undefined
  readonly user: number | undefined
  readonly system: number | undefined
  /** Periods in which the group ran while it had a quota. */
  readonly periods: number | undefined
  /** Periods in which it used up its quota. */
  readonly throttledPeriods: number | undefined
  /** The time that its threads were held back. */
  readonly throttled: number | undefined
}

export interface MemoryStats {
  /** All memory that is charged to the group, page cache included. */
  readonly current: number | undefined
  /** The most that `current` has been. */
  readonly peak: number | undefined
  /** The limit; undefined where there is none. */
  readonly max: number | undefined
  /** Memory of no file: heaps, stacks. */
  readonly anonymous: number | undefined
  /** Page cache, tmpfs included. */
  readonly file: number | undefined
  /** tmpfs and shared anonymous memory: a part of `file`. */
  readonly shared: number | undefined
  readonly mapped: number | undefined
  readonly dirty: number | undefined
  readonly writeback: number | undefined
  readonly kernel: number | undefined
  readonly slab: number | undefined
  readonly sockets: number | undefined
  readonly pageFaults: number | undefined
  readonly majorPageFaults: number | undefined
  /** How often the group was slowed down above `high`. */
  readonly highEvents: number | undefined
  /** How often it ran into its limit. */
  readonly maxEvents: number | undefined
  /** How often nothing could be reclaimed. */
  readonly oomEvents: number | undefined
  /** How many of its processes the OOM killer has ended. */
  readonly oomKills: number | undefined
}

export interface SwapStats {
  readonly current: number | undefined
  readonly peak: number | undefined
  readonly max: number | undefined
}

export interface PidsStats {
  readonly current: number | undefined
  readonly peak: number | undefined
  readonly max: number | undefined
  /** How many forks the limit has refused. */
  readonly refused: number | undefined
}

export interface IoDeviceStats {
  /** The device's number, `'254:0'`. */
  readonly device: string
  readonly readBytes: number
  readonly writtenBytes: number
  readonly reads: number
  readonly writes: number
}

export interface HugetlbStats {
  readonly current: number | undefined
  readonly peak: number | undefined
  readonly max: number | undefined
  /** How many allocations the limit has refused. */
  readonly refused: number | undefined
}

/** IP packets and their bytes, headers of TCP and UDP included. Counted in groups made with the limit `network`, from then on. */
export interface NetworkStats {
  readonly sent: number | undefined
  readonly sentPackets: number | undefined
  /** What was not let out. */
  readonly sentDropped: number | undefined
  readonly sentDroppedPackets: number | undefined
  readonly received: number | undefined
  readonly receivedPackets: number | undefined
  /** What arrived and was not let in. */
  readonly receivedDropped: number | undefined
  readonly receivedDroppedPackets: number | undefined
}

export interface PressureStats {
  readonly cpu: Pressure | undefined
  readonly memory: Pressure | undefined
  readonly io: Pressure | undefined
}

/** Pressure stall information (Linux, Documentation/accounting/psi.rst). */
export interface Pressure {
  /** At least one thread waited. */
  readonly some: PressureLine
  /** All threads waited at once. */
  readonly full: PressureLine | undefined
}

export interface PressureLine {
  /** The share of the last 10 seconds, 0 to 100. */
  readonly avg10: number
  readonly avg60: number
  readonly avg300: number
  /** In milliseconds. */
  readonly total: number
}
