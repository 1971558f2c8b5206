import type { Rate, Size } from '@box/core'

/** `'max'` takes a limit away; a field that is absent leaves the kernel's value as it is. */
export type Max = 'max'

/** Operations a second: `'500/s'`. */
export type OperationRate = `${number}/s`

/** What a group may use. Every field is optional; the table in the README names the file that each one becomes on v2 and on v1. */
export interface Limits {
  /** CPU time: 0.5 is half of one CPU, 2 is two of them. */
  readonly cpus?: number | Max | undefined
  readonly cpu?: CpuLimits | undefined
  readonly cpuset?: CpusetLimits | undefined
  /** The most memory that the group may hold, page cache included. A group that needs more than can be reclaimed is OOM-killed. */
  readonly memory?: Size | Max | MemoryLimits | undefined
  /** The most processes and threads. */
  readonly pids?: number | Max | undefined
  readonly io?: IoLimits | undefined
  /** The most huge pages by page size, as the kernel writes it: `{ '2MB': '64MiB' }`. */
  readonly hugetlb?: Readonly<Record<string, Size | Max>> | undefined
  /** What the group may hold of each RDMA device: `{ mlx5_1: { handles: 3, objects: 10000 } }`. */
  readonly rdma?: Readonly<Record<string, RdmaLimits>> | undefined
  /** What the group may use of resources that the machine has few of, as `misc.capacity` names them: `{ sev: 4 }`. On v2 only. */
  readonly misc?: Readonly<Record<string, number | Max>> | undefined
  /**
   * Which devices the group may open and make. For each access the last rule that fits decides; where none fits, the groups above decide. On v2 it is
   * a BPF program, which needs CAP_BPF and CAP_NET_ADMIN, and `update` replaces all rules; on v1 `update` adds to those that are there.
   */
  readonly devices?: readonly DeviceRule[] | undefined
  /**
   * Bandwidth of all sockets of the group, in whichever network namespace: what it may send and what it may receive. `'max'` limits nothing and counts.
   * It needs a v2 hierarchy (beside v1 will do), CAP_BPF and CAP_NET_ADMIN. Sockets made before their process was added keep the group that they
   * were made in, an accepted one has that of its listener. Packets of AF_PACKET and AF_UNIX are not seen.
   */
  readonly network?: Rate | Max | NetworkLimits | undefined
  /** Files of the v2 group and what is written to them, in order, after everything else: `{ 'memory.zswap.max': '0' }`. */
  readonly unified?: Readonly<Record<string, string>> | undefined
}

export interface CpuLimits {
  /** The share of CPU time when there is not enough for all: 1 to 10000, the kernel's default is 100 (v2 `cpu.weight`; converted on v1). */
  readonly weight?: number | undefined
  /** The same in the scale of v1: 2 to 262144, the kernel's default is 1024 (`cpu.shares`; converted on v2). Not together with `weight`. */
  readonly shares?: number | undefined
  /** The period over which `cpus` is measured, in milliseconds: 1 to 1000, 100 by default. */
  readonly period?: number | undefined
  /** CPU time that may be saved up in quiet periods and spent later, in milliseconds; at most the quota of one period. */
  readonly burst?: number | undefined
  /** Runs only when no other group wants the CPU (SCHED_IDLE for the group). */
  readonly idle?: boolean | undefined
  /** CPU time for real-time threads: `runtime` of each `period`, in milliseconds. On v1 with a kernel that has CONFIG_RT_GROUP_SCHED. */
  readonly realtime?: { readonly runtime: number; readonly period?: number | undefined } | undefined
}

export interface CpusetLimits {
  /** CPUs as the kernel lists them: `'0-3,7'`. */
  readonly cpus?: string | undefined
  /** Memory nodes: `'0'`. */
  readonly mems?: string | undefined
}

export interface MemoryLimits {
  /** The hard limit (v2 `memory.max`, v1 `memory.limit_in_bytes`). */
  readonly max?: Size | Max | undefined
  /** Above this the group is slowed down and reclaimed from. On v2 only. */
  readonly high?: Size | Max | undefined
  /** Below this the group's memory is reclaimed last (v2 `memory.low`; on v1 the soft limit, which is weaker). */
  readonly low?: Size | Max | undefined
  /** Below this the group's memory is never reclaimed. On v2 only. */
  readonly min?: Size | Max | undefined
  /** Swap alone, without memory (v2 `memory.swap.max`; on v1 memory and swap together are limited to the sum, so `max` is needed too). */
  readonly swap?: Size | Max | undefined
  /** An OOM kill ends the whole group. On v2 only. */
  readonly oomGroup?: boolean | undefined
  /** Processes that pass the limit wait instead of being killed. On v1 only. */
  readonly disableOomKiller?: boolean | undefined
  /** How willingly anonymous memory is swapped, 0 to 100. On v1 only. */
  readonly swappiness?: number | undefined
  /** Memory for TCP buffers. On v1 only. */
  readonly kernelTcp?: Size | Max | undefined
}

export interface IoLimits {
  /** The share when a device is busy: 1 to 10000, the kernel's default is 100 (v2 `io.weight`; converted for BFQ and v1). */
  readonly weight?: number | undefined
  /** The same in the scale of v1: 10 to 1000 (`blkio.weight`, `blkio.bfq.weight`; converted on v2). Not together with `weight`. */
  readonly blkioWeight?: number | undefined
  readonly devices?: readonly IoDeviceLimits[] | undefined
}

export interface IoDeviceLimits {
  /** The device's number, `'254:0'`. */
  readonly device: `${number}:${number}`
  /** The share on this device, as `weight` of the group. */
  readonly weight?: number | undefined
  readonly blkioWeight?: number | undefined
  readonly read?: Rate | Max | undefined
  readonly write?: Rate | Max | undefined
  readonly readOperations?: OperationRate | Max | undefined
  readonly writeOperations?: OperationRate | Max | undefined
  /** The time that its operations may take, in milliseconds: groups with a longer one are slowed down until they do. On v2 only. */
  readonly latency?: number | undefined
}

export interface RdmaLimits {
  readonly handles?: number | Max | undefined
  readonly objects?: number | Max | undefined
}

export interface NetworkLimits {
  /** What the group sends. TCP is paced just below it; what comes in bursts is dropped above it. */
  readonly egress?: Rate | Max | undefined
  /** What it receives. */
  readonly ingress?: Rate | Max | undefined
  /** IP packets that the group sends, `'1000/s'`; a large one that is cut up later counts as those that it becomes. */
  readonly egressPackets?: OperationRate | Max | undefined
  /** IP packets that it receives. */
  readonly ingressPackets?: OperationRate | Max | undefined
  /** The class that its packets carry, for tc(8) and iptables: `0x100001` is 10:1. On v1 only (net_cls). */
  readonly classId?: number | undefined
  /** The priority of what it sends, by network interface: `{ eth0: 5 }`. On v1 only (net_prio). */
  readonly priorities?: Readonly<Record<string, number>> | undefined
}

/** One rule of the device list (runtime-spec, config-linux.md, "Allowed Device list"). */
export interface DeviceRule {
  readonly allow: boolean
  /** `'a'`, every type, by default. */
  readonly type?: 'a' | 'b' | 'c' | undefined
  /** Every number where it is absent. */
  readonly major?: number | undefined
  readonly minor?: number | undefined
  /** What is allowed or denied: read, write, mknod. All three by default. */
  readonly access?: string | undefined
}
