// The public surface of @box/cgroups. Written by: node scripts/api.mjs --write

// index.d.ts
export type { PressureLevel, PressureTrigger } from './alarms.ts';
export { Cgroup, type CgroupOptions } from './cgroup.ts';
export type { CgroupEvent, EventKind } from './events.ts';
export type * from './limits.ts';
export type { KilledProcess } from './oom-kills.ts';
export type * from './stats.ts';
export { fromSpec } from './spec/from-spec.ts';
export type * from './spec/resources.ts';
export { toSpec } from './spec/to-spec.ts';
export type { SystemdOptions } from './systemd/scope.ts';

// alarms.d.ts
import type { CgroupEvent, EventKind } from './events.ts';
import type { Places } from './places.ts';
/** When to tell of stalls: once the group has lost that much time within a window (Documentation/accounting/psi.rst). */
export interface PressureTrigger {
    readonly resource: 'cpu' | 'memory' | 'io';
    /** Whether one thread that waits is enough, or all have to wait at once. `'some'` by default. */
    readonly share?: 'some' | 'full' | undefined;
    /** The time lost, in milliseconds. */
    readonly stall: number;
    /** Within how many milliseconds: 500 to 10000, 2000 by default. Without CAP_SYS_RESOURCE a multiple of 2000. */
    readonly window?: number | undefined;
}
/** On cgroup v1: tells while memory is short in the group (Documentation/admin-guide/cgroup-v1/memory.rst, "Memory Pressure"). */
export interface PressureLevel {
    readonly resource: 'memory';
    /** Memory is being reclaimed; reclaiming has become hard; the group is about to run out. A level tells of those above it too. */
    readonly level: 'low' | 'medium' | 'critical';
}
/** What the kernel tells by a descriptor. */
export interface Alarm {
    /** Undefined for one that only says that a file has changed. */
    readonly kind: EventKind | undefined;
    readonly folder: string;
    readonly file: string;
    readonly trigger?: PressureTrigger | PressureLevel;
    /** Words of the kernel's log instead of a file. */
    readonly words?: readonly string[];
}
/** On v1 the memory controller tells by eventfd(2) that a group has run out. */
export declare function memoryAlarms({ v1 }: Places): Alarm[];
/** @throws BoxError `ERR_BOX_INVALID_ARGUMENT`, `ERR_BOX_CGROUP_UNSUPPORTED`. */
export declare function pressureAlarms({ v2, v1 }: Places, triggers: readonly (PressureTrigger | PressureLevel)[]): Alarm[];
/**
 * Sets alarms; a thread of the core sleeps until one goes off.
 * @param tell Is called with an event, or with none by an alarm without a kind.
 * @returns what ends them
 * @throws BoxError `ERR_BOX_PERMISSION`, `ERR_BOX_SYSTEM`.
 */
export declare function setAlarms(alarms: readonly Alarm[], tell: (event: CgroupEvent | undefined) => void): (() => void) | undefined;

// apply.d.ts
import type { Places } from './places.ts';
import { type ControllerWrites, type Write } from './writes.ts';
/**
 * Makes sure that the kernel has the files of limits, before a group is made.
 * @param referenceOf Finds a group of the same hierarchy, which is only looked for where a file was not seen; where there is none it is seen
 *   when they are written.
 * @throws BoxError `ERR_BOX_CGROUP_UNSUPPORTED`.
 */
export declare function checkFiles({ version, writes }: ControllerWrites, referenceOf: () => string | undefined): void;
/** A write, and the folder of the group in the hierarchy that it is for. */
export interface PlacedWrite {
    readonly folder: string;
    readonly one: Write;
}
export declare function placed(places: Places, compiled: readonly ControllerWrites[]): PlacedWrite[];
/** Writes a limit of a group that was just made. Nothing is charged to it yet, so nothing waits. */
export declare function writeNow({ folder, one }: PlacedWrite): void;
/**
 * Changes the limits of a group in use: all of them, or none. The kernel refuses some values until a second file is written (v1 `memsw` below
 * `limit`, a quota below the burst), in an order that depends on the values there: what was refused as invalid is written again after the others
 * of its controller.
 *
 * @param last Is called when all is written; if it throws, everything is put back too.
 */
export declare function applyAll(places: Places, compiled: readonly ControllerWrites[], last: () => void): Promise<void>;

// cgroup.d.ts
import { type CgroupTarget } from '@box/core';
import type { PressureLevel, PressureTrigger } from './alarms.ts';
import { type CgroupEvent, type EventKind } from './events.ts';
import { type Host } from './hierarchies/host.ts';
import type { Limits } from './limits.ts';
import { type Places } from './places.ts';
import type { Stats } from './stats.ts';
import { type SystemdOptions } from './systemd/scope.ts';
export interface CgroupOptions {
    /**
     * The group below which the new one is made: another group, or a path as in /proc/PID/cgroup. The group that this process is in by default, in
     * each hierarchy.
     */
    readonly parent?: string | Cgroup | undefined;
    /** Controllers to have besides those that the limits need, for accounting or for a later `update`. cpu, memory and pids by default. */
    readonly controllers?: readonly string[] | undefined;
    /**
     * The group belongs to this process: its name carries the process's id and start time, and `Cgroup.sweep()` of a later process removes it once
     * this one is dead. False by default.
     */
    readonly temporary?: boolean | undefined;
    /** On v2, where this process's group can't have groups with controllers below it: this process moves to a group of its own first. */
    readonly moveSelf?: boolean | undefined;
    /**
     * Where systemd runs: it is asked for a delegated scope of the group's name, and the group goes below that. Weights, protection of memory and
     * the upper limits become properties of the unit too, and `close` stops it. Not together with `parent`.
     */
    readonly systemd?: boolean | SystemdOptions | undefined;
}
type Role = 'owner' | 'guest' | 'view';
/**
 * A group of processes with limits and accounting (cgroups(7)), in the v2 hierarchy, in v1 hierarchies, or in both at once. A launch with
 * `cgroup: group` starts its process inside; `add` moves a running one.
 */
export declare class Cgroup implements CgroupTarget, AsyncDisposable {
    #private;
    /** The group's folders, for a launch. */
    readonly paths: CgroupTarget['paths'];
    /** @internal Use `Cgroup.create`, `Cgroup.open` or `Cgroup.of`. */
    constructor(host: Host, places: Places, role: Role);
    /**
     * Makes a group below the one that this process is in, so that what limits this process limits the group too.
     *
     * @param name One component of a path, 1 to 200 bytes.
     * @param limits What the group may use; nothing is limited by default.
     * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`; `ERR_BOX_CGROUP_UNSUPPORTED` naming in `step` the limit that this host lacks;
     *   `ERR_BOX_CGROUP_EXISTS`; `ERR_BOX_CGROUP_BUSY` where v2 can't enable controllers because the parent holds processes; `ERR_BOX_PERMISSION`;
     *   `ERR_BOX_UNSUPPORTED` without cgroups, and with `systemd` without it; `ERR_BOX_TIMEOUT` where systemd does not answer. Nothing is left of the
     *   group then.
     */
    static create(name: string, limits?: Limits, options?: CgroupOptions): Promise<Cgroup>;
    /**
     * The group that a process is in. A view: `close()` neither ends nor removes anything.
     * @throws BoxError `ERR_BOX_NOT_FOUND` where there is no such process, `ERR_BOX_UNSUPPORTED` where its group is not visible from here.
     */
    static of(pid: number): Promise<Cgroup>;
    /**
     * A group that was made before, by this process or by another one: its limits, bandwidth and devices included, can be changed, whoever set them.
     *
     * @param name What it was made with.
     * @param options.parent As for `create`.
     * @param options.own From now on the group is this handle's: `close()` ends and removes it. False by default: `close()` leaves it.
     * @throws BoxError `ERR_BOX_NOT_FOUND`; `ERR_BOX_INVALID_ARGUMENT`; `ERR_BOX_UNSUPPORTED`.
     */
    static open(name: string, options?: {
        readonly parent?: string | Cgroup | undefined;
        readonly own?: boolean | undefined;
    }): Promise<Cgroup>;
    /**
     * Removes the temporary groups whose name begins with `prefix` and whose process is dead, and ends what is left in them. Groups below this
     * process's own are looked at.
     * @returns The names, without the mark, of those removed.
     */
    static sweep(prefix: string, options?: {
        readonly timeout?: number;
    }): Promise<string[]>;
    /**
     * Moves a process, with all its threads, into the group. What it has allocated stays charged to the group it was in.
     * @throws BoxError `ERR_BOX_NOT_FOUND`, `ERR_BOX_PERMISSION`, `ERR_BOX_STATE`.
     */
    add(process: number | {
        readonly pid: number;
    }): Promise<void>;
    /**
     * Changes limits while the group is in use; what is not named stays. On any error the group has the limits that it had before.
     * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`; `ERR_BOX_CGROUP_UNSUPPORTED`, also for a controller that the group was not made with (see the
     *   option `controllers` of `create`); `ERR_BOX_STATE`.
     */
    update(limits: Limits): Promise<void>;
    /** The unit of systemd that the group is in, where it was made with the option `systemd`: `'build-42.scope'`. */
    get unit(): string | undefined;
    /** What the group, and all groups below it, have used since it was made. */
    stats(): Promise<Stats>;
    /**
     * The statistics now, and again whenever they have changed, until the group is closed. Aborting `signal` rejects with its reason.
     *
     * @param options.interval They are read no more often than that, in milliseconds: 1000 by default. While the group is empty or frozen they are not read
     *   at all: the v2 hierarchy tells when that ends. A change of nothing but time, and of the averages of pressure that follow from it, is none.
     * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`.
     */
    watch(options?: {
        readonly interval?: number;
        readonly signal?: AbortSignal | undefined;
    }): AsyncGenerator<Stats, void, void>;
    /**
     * What the kernel tells of the group from now on, until it is closed: that it became populated or empty, frozen or thawed, ran out of memory, that it
     * stalls, and on v2 what its memory and pids controllers count. Nothing is polled; a state that changes back at once may not be seen. Aborting `signal`
     * rejects with its reason.
     *
     * @param options.kinds Only these; all that the group's hierarchies tell by default.
     * @param options.pressure When to tell of `pressure`: at none by default. A stall needs a v2 folder, beside v1 will do; a level needs v1's memory controller.
     * @throws BoxError `ERR_BOX_CGROUP_UNSUPPORTED` for a kind that they do not tell: of pids on v1, and of kills where /dev/kmsg cannot be read; `ERR_BOX_INVALID_ARGUMENT` for a trigger
     *   that the kernel would not take; `ERR_BOX_STATE`.
     */
    events(options?: {
        readonly kinds?: readonly EventKind[];
        readonly pressure?: readonly (PressureTrigger | PressureLevel)[];
        readonly signal?: AbortSignal;
    }): AsyncGenerator<CgroupEvent, void, void>;
    /** The ids of the processes in the group and in the groups below it. */
    processes(): Promise<number[]>;
    /**
     * Gives the group to a user, who may then make groups below it and move processes among them; the group's own limits stay out of reach
     * (cgroups(7), "Cgroup delegation"). A process of that user has to be put into the group first: it cannot come in from outside.
     * @throws BoxError `ERR_BOX_PERMISSION`, `ERR_BOX_INVALID_ARGUMENT`, `ERR_BOX_STATE` on a view.
     */
    delegate(user: {
        readonly uid: number;
        readonly gid: number;
    }): Promise<void>;
    /** Stops every process of the group where it is; resolves when all have stopped. @throws BoxError `ERR_BOX_STATE`. */
    freeze(options?: {
        readonly signal?: AbortSignal;
    }): Promise<void>;
    /** Lets the processes go on. */
    thaw(options?: {
        readonly signal?: AbortSignal;
    }): Promise<void>;
    /** Ends every process of the group with SIGKILL, except this one. It does not wait for them. */
    kill(): Promise<void>;
    /**
     * Ends what is left in the group, waits until it is gone, and removes the group and those below it. This process is never ended: if it is in
     * the group, it goes back to the group above. A second call does nothing. On a view nothing happens but that its watchers end.
     * @throws BoxError `ERR_BOX_TIMEOUT` when processes are still there after `timeout` milliseconds (10,000 by default).
     */
    close(options?: {
        readonly timeout?: number;
    }): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
export {};

// checked.d.ts
import type { Max } from './limits.ts';
/** Limits in the kernel's units: microseconds, bytes, bytes a second. Both versions are written from these. */
export interface CheckedLimits {
    readonly cpu: CheckedCpu;
    readonly cpuset: {
        readonly cpus: string | undefined;
        readonly mems: string | undefined;
    };
    readonly memory: CheckedMemory;
    readonly pids: Amount | undefined;
    readonly io: CheckedIo;
    readonly hugetlb: ReadonlyMap<string, Amount>;
    readonly rdma: ReadonlyMap<string, {
        readonly handles: Amount | undefined;
        readonly objects: Amount | undefined;
    }>;
    readonly misc: ReadonlyMap<string, Amount>;
    readonly devices: readonly CheckedDeviceRule[];
    readonly network: CheckedNetwork | undefined;
    readonly classId: number | undefined;
    readonly priorities: ReadonlyMap<string, number>;
    readonly unified: ReadonlyMap<string, string>;
}
export type Amount = number | Max;
export interface CheckedCpu {
    readonly quota: Amount | undefined;
    readonly period: number;
    readonly weight: number | undefined;
    readonly shares: number | undefined;
    readonly burst: number | undefined;
    readonly idle: boolean | undefined;
    readonly realtime: {
        readonly runtime: number;
        readonly period: number | undefined;
    } | undefined;
}
export interface CheckedMemory {
    readonly max: Amount | undefined;
    readonly high: Amount | undefined;
    readonly low: Amount | undefined;
    readonly min: Amount | undefined;
    readonly swap: Amount | undefined;
    readonly oomGroup: boolean | undefined;
    readonly disableOomKiller: boolean | undefined;
    readonly swappiness: number | undefined;
    readonly kernelTcp: Amount | undefined;
}
export interface CheckedIo {
    readonly weight: number | undefined;
    readonly blkioWeight: number | undefined;
    readonly devices: readonly CheckedIoDevice[];
}
export interface CheckedIoDevice {
    readonly device: string;
    readonly weight: number | undefined;
    readonly blkioWeight: number | undefined;
    readonly read: Amount | undefined;
    readonly write: Amount | undefined;
    readonly readOperations: Amount | undefined;
    readonly writeOperations: Amount | undefined;
    /** In microseconds. */
    readonly latency: number | undefined;
}
export interface CheckedDeviceRule {
    readonly allow: boolean;
    readonly type: 'a' | 'b' | 'c';
    readonly major: number | undefined;
    readonly minor: number | undefined;
    readonly access: string;
}
/** Bits and packets a second. */
export interface CheckedNetwork {
    readonly egress: Amount | undefined;
    readonly ingress: Amount | undefined;
    readonly egressPackets: Amount | undefined;
    readonly ingressPackets: Amount | undefined;
}

// events.d.ts
import { type PressureLevel, type PressureTrigger } from './alarms.ts';
import { type KilledProcess } from './oom-kills.ts';
import type { Places } from './places.ts';
/** What the kernel tells of a group without being asked. */
export type EventKind = 'populated' | 'empty' | 'frozen' | 'thawed' | 'memoryLow' | 'memoryHigh' | 'memoryMax' | 'oom' | 'oomKill' | 'pidsMax' | 'pressure';
export interface CgroupEvent {
    readonly kind: EventKind;
    /** How often since the last event of this kind; 1 for those that are states. */
    readonly count: number;
    /** When it was seen, in milliseconds since the epoch. */
    readonly time: number;
    /** With `pressure`: which of the triggers. */
    readonly trigger?: PressureTrigger | PressureLevel;
    /**
     * With `oomKill`: who was ended, where /dev/kmsg can be read and the kernel has named it there. It names the first of the processes that
     * `memory.oomGroup` ends together, and no more than ten kills in five seconds on the whole machine.
     */
    readonly process?: KilledProcess;
}
/**
 * The changes from now on, until `ended`. What files tell before the first step of the iteration is seen in it; alarms are set by it.
 * @param memoryGroup The group in the hierarchy of the memory controller, as in /proc/PID/cgroup.
 * @throws BoxError `ERR_BOX_CGROUP_UNSUPPORTED` for a kind that this group's hierarchies do not tell.
 */
export declare function eventsOf(places: Places, { kinds, pressure }: EventOptions, ended: AbortSignal, memoryGroup?: string): AsyncGenerator<CgroupEvent, void, void>;
export interface EventOptions {
    readonly kinds?: readonly EventKind[] | undefined;
    readonly pressure?: readonly (PressureTrigger | PressureLevel)[] | undefined;
}

// hierarchies/find.d.ts
import type { Membership } from './membership.ts';
import type { Mount } from './mountinfo.ts';
/** A mounted hierarchy of groups. */
export interface Hierarchy {
    readonly version: 1 | 2;
    /** Of a v1 hierarchy; on v2 they are read from `cgroup.controllers`, because they differ by folder. */
    readonly controllers: readonly string[];
    readonly mountPoint: string;
    /** The group that the mount shows at its mount point. */
    readonly root: string;
    readonly readOnly: boolean;
}
/** Which hierarchies are mounted. Hierarchies without a controller (`name=systemd`) are left out. */
export interface Hierarchies {
    readonly v2: Hierarchy | undefined;
    readonly v1: readonly Hierarchy[];
}
/**
 * Finds the mounted hierarchies. Where one is mounted more than once, a writable mount that shows the process's own group is taken before any
 * other.
 */
export declare function findHierarchies(mounts: readonly Mount[], memberships: readonly Membership[]): Hierarchies;
/** The folder of a group, given as in /proc/PID/cgroup; undefined where the mount does not show it. */
export declare function folderOf({ mountPoint, root }: Hierarchy, path: string): string | undefined;
/** What /proc/PID/cgroup says of the processes in a folder of a hierarchy. */
export declare function pathOf({ mountPoint, root }: Hierarchy, folder: string): string;
/** The hierarchy that a folder is in. */
export declare function hierarchyOf({ v2, v1 }: Hierarchies, folder: string): Hierarchy | undefined;

// hierarchies/host.d.ts
import { type GroupMade } from '@box/native';
import type { PlacedWrite } from '../apply.ts';
import { type Hierarchies, type Hierarchy } from './find.ts';
import { type Membership } from './membership.ts';
/** What the functions of this package need to know of the machine. */
export interface Host {
    readonly hierarchies: Hierarchies;
    /** The groups of a process, as in /proc/PID/cgroup. */
    memberships(pid: number | 'self'): readonly Membership[];
    /** This process's groups, read now. */
    own(): OwnGroups;
    /** As they were read last. */
    lastOwn(): OwnGroups | undefined;
    /** Makes sure that a folder is a group of that hierarchy. @throws BoxError. */
    checkFolder(hierarchy: Hierarchy, folder: string): void;
    makeFolder(path: string): void;
    removeFolder(path: string): void;
    /** Makes the folders of a group and writes its files, in their order, up to what is refused; nothing where this process is not in the groups that are `expected`. */
    makeGroup(folders: readonly string[], writes: readonly PlacedWrite[], expected?: OwnGroups): Promise<GroupMade>;
}
/** What /proc/self/cgroup says. */
export interface OwnGroups {
    readonly text: string;
    readonly memberships: readonly Membership[];
}
/**
 * This machine. The mount table is read once: hierarchies stay where they are while a process runs, and the table is long where there are
 * many containers.
 * @throws BoxError `ERR_BOX_UNSUPPORTED` outside Linux, and where no hierarchy is mounted.
 */
export declare function thisHost(): Host;
/** The folder of a process's group in a hierarchy, or undefined where it is not visible from here. */
export declare function memberFolder(hierarchy: Hierarchy, memberships: readonly Membership[]): string | undefined;
/** The controllers that a folder of the v2 hierarchy can give to groups below it. */
export declare function controllersOf(folder: string): string[];

// hierarchies/membership.d.ts
/** One line of /proc/PID/cgroup (cgroups(7)): the process's group in one hierarchy. */
export interface Membership {
    /** 0 is the v2 hierarchy. */
    readonly hierarchy: number;
    /** The controllers of a v1 hierarchy; `name=…` for one without. Empty for v2. */
    readonly controllers: readonly string[];
    /** The group, as seen from the reader's cgroup namespace: begins with `/..` where it lies outside. */
    readonly path: string;
}
/**
 * Reads /proc/PID/cgroup.
 * @throws BoxError `ERR_BOX_SYSTEM` for a line that is not as the manual page says.
 */
export declare function parseMembership(text: string): Membership[];

// hierarchies/mountinfo.d.ts
/** One line of /proc/PID/mountinfo, as far as cgroups need it (proc_pid_mountinfo(5)). */
export interface Mount {
    /** The folder of the file system that the mount shows as its root. */
    readonly root: string;
    readonly mountPoint: string;
    readonly options: readonly string[];
    readonly type: string;
    readonly superOptions: readonly string[];
}
/**
 * Reads a mountinfo file.
 * @throws BoxError `ERR_BOX_SYSTEM` for a line that is not as the manual page says.
 */
export declare function parseMountinfo(text: string): Mount[];

// limits.d.ts
import type { Rate, Size } from '@box/core';
/** `'max'` takes a limit away; a field that is absent leaves the kernel's value as it is. */
export type Max = 'max';
/** Operations a second: `'500/s'`. */
export type OperationRate = `${number}/s`;
/** What a group may use. Every field is optional; the table in the README names the file that each one becomes on v2 and on v1. */
export interface Limits {
    /** CPU time: 0.5 is half of one CPU, 2 is two of them. */
    readonly cpus?: number | Max | undefined;
    readonly cpu?: CpuLimits | undefined;
    readonly cpuset?: CpusetLimits | undefined;
    /** The most memory that the group may hold, page cache included. A group that needs more than can be reclaimed is OOM-killed. */
    readonly memory?: Size | Max | MemoryLimits | undefined;
    /** The most processes and threads. */
    readonly pids?: number | Max | undefined;
    readonly io?: IoLimits | undefined;
    /** The most huge pages by page size, as the kernel writes it: `{ '2MB': '64MiB' }`. */
    readonly hugetlb?: Readonly<Record<string, Size | Max>> | undefined;
    /** What the group may hold of each RDMA device: `{ mlx5_1: { handles: 3, objects: 10000 } }`. */
    readonly rdma?: Readonly<Record<string, RdmaLimits>> | undefined;
    /** What the group may use of resources that the machine has few of, as `misc.capacity` names them: `{ sev: 4 }`. On v2 only. */
    readonly misc?: Readonly<Record<string, number | Max>> | undefined;
    /**
     * Which devices the group may open and make. For each access the last rule that fits decides; where none fits, the groups above decide. On v2 it is
     * a BPF program, which needs CAP_BPF and CAP_NET_ADMIN, and `update` replaces all rules; on v1 `update` adds to those that are there.
     */
    readonly devices?: readonly DeviceRule[] | undefined;
    /**
     * Bandwidth of all sockets of the group, in whichever network namespace: what it may send and what it may receive. `'max'` limits nothing and counts.
     * It needs a v2 hierarchy (beside v1 will do), CAP_BPF and CAP_NET_ADMIN. Sockets made before their process was added keep the group that they
     * were made in, an accepted one has that of its listener. Packets of AF_PACKET and AF_UNIX are not seen.
     */
    readonly network?: Rate | Max | NetworkLimits | undefined;
    /** Files of the v2 group and what is written to them, in order, after everything else: `{ 'memory.zswap.max': '0' }`. */
    readonly unified?: Readonly<Record<string, string>> | undefined;
}
export interface CpuLimits {
    /** The share of CPU time when there is not enough for all: 1 to 10000, the kernel's default is 100 (v2 `cpu.weight`; converted on v1). */
    readonly weight?: number | undefined;
    /** The same in the scale of v1: 2 to 262144, the kernel's default is 1024 (`cpu.shares`; converted on v2). Not together with `weight`. */
    readonly shares?: number | undefined;
    /** The period over which `cpus` is measured, in milliseconds: 1 to 1000, 100 by default. */
    readonly period?: number | undefined;
    /** CPU time that may be saved up in quiet periods and spent later, in milliseconds; at most the quota of one period. */
    readonly burst?: number | undefined;
    /** Runs only when no other group wants the CPU (SCHED_IDLE for the group). */
    readonly idle?: boolean | undefined;
    /** CPU time for real-time threads: `runtime` of each `period`, in milliseconds. On v1 with a kernel that has CONFIG_RT_GROUP_SCHED. */
    readonly realtime?: {
        readonly runtime: number;
        readonly period?: number | undefined;
    } | undefined;
}
export interface CpusetLimits {
    /** CPUs as the kernel lists them: `'0-3,7'`. */
    readonly cpus?: string | undefined;
    /** Memory nodes: `'0'`. */
    readonly mems?: string | undefined;
}
export interface MemoryLimits {
    /** The hard limit (v2 `memory.max`, v1 `memory.limit_in_bytes`). */
    readonly max?: Size | Max | undefined;
    /** Above this the group is slowed down and reclaimed from. On v2 only. */
    readonly high?: Size | Max | undefined;
    /** Below this the group's memory is reclaimed last (v2 `memory.low`; on v1 the soft limit, which is weaker). */
    readonly low?: Size | Max | undefined;
    /** Below this the group's memory is never reclaimed. On v2 only. */
    readonly min?: Size | Max | undefined;
    /** Swap alone, without memory (v2 `memory.swap.max`; on v1 memory and swap together are limited to the sum, so `max` is needed too). */
    readonly swap?: Size | Max | undefined;
    /** An OOM kill ends the whole group. On v2 only. */
    readonly oomGroup?: boolean | undefined;
    /** Processes that pass the limit wait instead of being killed. On v1 only. */
    readonly disableOomKiller?: boolean | undefined;
    /** How willingly anonymous memory is swapped, 0 to 100. On v1 only. */
    readonly swappiness?: number | undefined;
    /** Memory for TCP buffers. On v1 only. */
    readonly kernelTcp?: Size | Max | undefined;
}
export interface IoLimits {
    /** The share when a device is busy: 1 to 10000, the kernel's default is 100 (v2 `io.weight`; converted for BFQ and v1). */
    readonly weight?: number | undefined;
    /** The same in the scale of v1: 10 to 1000 (`blkio.weight`, `blkio.bfq.weight`; converted on v2). Not together with `weight`. */
    readonly blkioWeight?: number | undefined;
    readonly devices?: readonly IoDeviceLimits[] | undefined;
}
export interface IoDeviceLimits {
    /** The device's number, `'254:0'`. */
    readonly device: `${number}:${number}`;
    /** The share on this device, as `weight` of the group. */
    readonly weight?: number | undefined;
    readonly blkioWeight?: number | undefined;
    readonly read?: Rate | Max | undefined;
    readonly write?: Rate | Max | undefined;
    readonly readOperations?: OperationRate | Max | undefined;
    readonly writeOperations?: OperationRate | Max | undefined;
    /** The time that its operations may take, in milliseconds: groups with a longer one are slowed down until they do. On v2 only. */
    readonly latency?: number | undefined;
}
export interface RdmaLimits {
    readonly handles?: number | Max | undefined;
    readonly objects?: number | Max | undefined;
}
export interface NetworkLimits {
    /** What the group sends. TCP is paced just below it; what comes in bursts is dropped above it. */
    readonly egress?: Rate | Max | undefined;
    /** What it receives. */
    readonly ingress?: Rate | Max | undefined;
    /** IP packets that the group sends, `'1000/s'`; a large one that is cut up later counts as those that it becomes. */
    readonly egressPackets?: OperationRate | Max | undefined;
    /** IP packets that it receives. */
    readonly ingressPackets?: OperationRate | Max | undefined;
    /** The class that its packets carry, for tc(8) and iptables: `0x100001` is 10:1. On v1 only (net_cls). */
    readonly classId?: number | undefined;
    /** The priority of what it sends, by network interface: `{ eth0: 5 }`. On v1 only (net_prio). */
    readonly priorities?: Readonly<Record<string, number>> | undefined;
}
/** One rule of the device list (runtime-spec, config-linux.md, "Allowed Device list"). */
export interface DeviceRule {
    readonly allow: boolean;
    /** `'a'`, every type, by default. */
    readonly type?: 'a' | 'b' | 'c' | undefined;
    /** Every number where it is absent. */
    readonly major?: number | undefined;
    readonly minor?: number | undefined;
    /** What is allowed or denied: read, write, mknod. All three by default. */
    readonly access?: string | undefined;
}

// oom-kills.d.ts
/** A process that the OOM killer has ended, as the kernel's log names it. */
export interface KilledProcess {
    /** In the machine's pid namespace. */
    readonly pid: number;
    /** The name that the process had given itself: at most 15 bytes (`comm` of proc(5)). */
    readonly command: string;
    readonly uid: number;
    /** The group whose limit was passed, as in /proc/PID/cgroup; undefined where the machine itself was out of memory. */
    readonly limit: string | undefined;
}
/** What the log says of a process and its group (mm/oom_kill.c, dump_oom_victim). */
export interface OomKill {
    /** The group that the process was in. */
    readonly group: string;
    readonly process: KilledProcess;
}
/**
 * Reads a record of the kernel's log:
 * `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=dd,pid=7,uid=0`.
 * A name may hold anything, commas too; the record is read from both of its ends.
 */
export declare function oomKillOf(record: string): OomKill | undefined;
/** What the kernel's log says from now on of OOM kills in one group and those below it. */
export declare class OomLog {
    #private;
    private constructor();
    /**
     * @param group As in /proc/PID/cgroup.
     * @returns undefined where the log cannot be read from here.
     */
    static open(group: string): OomLog | undefined;
    /** Who was ended since the last call. The kernel does not name everyone: with `memory.oom.group`, and where it kills many within seconds. */
    take(): KilledProcess[];
    close(): void;
}

// places.d.ts
import type { CgroupTarget } from '@box/core';
/** The folders of one group: one in the v2 hierarchy, one in each v1 hierarchy that is used. */
export interface Places {
    readonly v2: string | undefined;
    /** By controller; controllers of one hierarchy have the same folder. `blkio` goes by its name on v2, `io`. */
    readonly v1: ReadonlyMap<string, string>;
    /** The controllers of the v2 folder. */
    readonly controllers: ReadonlySet<string>;
    /** Whether one of the folders is the top of its hierarchy, where all processes of the machine (or of the container) are. */
    readonly top: boolean;
}
export declare function foldersOf({ v2, v1 }: Places): string[];
export declare function targetOf({ v2, v1 }: Places): CgroupTarget['paths'];
/** The controller's name on v2. */
export declare function canonical(controller: string): string;

// spec/from-spec.d.ts
import type { Limits } from '../limits.ts';
import type { Resources } from './resources.ts';
/**
 * The limits that an OCI configuration's `linux.resources` asks for, read as crun and runc read them: 0 is "not given" for sizes, shares,
 * quotas and weights, -1 is "no limit".
 * @throws BoxError `ERR_BOX_CGROUP_UNSUPPORTED` for what this package holds on no host, `ERR_BOX_INVALID_ARGUMENT` for values that contradict
 *   each other. Values out of range are found where the limits are used.
 */
export declare function fromSpec(resources: Resources): Limits;

// spec/resources.d.ts
/** `linux.resources` of an OCI configuration (runtime-spec 1.3, config-linux.md, "Control groups"): what this package reads and writes of it. */
export interface Resources {
    readonly devices?: readonly {
        readonly allow: boolean;
        readonly type?: string;
        readonly major?: number;
        readonly minor?: number;
        readonly access?: string;
    }[];
    readonly memory?: {
        readonly limit?: number;
        readonly reservation?: number;
        readonly swap?: number;
        readonly kernel?: number;
        readonly kernelTCP?: number;
        readonly swappiness?: number;
        readonly disableOOMKiller?: boolean;
        readonly useHierarchy?: boolean;
        readonly checkBeforeUpdate?: boolean;
    };
    readonly cpu?: {
        readonly shares?: number;
        readonly quota?: number;
        readonly burst?: number;
        readonly period?: number;
        readonly realtimeRuntime?: number;
        readonly realtimePeriod?: number;
        readonly cpus?: string;
        readonly mems?: string;
        readonly idle?: number;
    };
    readonly pids?: {
        readonly limit?: number;
    };
    readonly blockIO?: {
        readonly weight?: number;
        readonly leafWeight?: number;
        readonly weightDevice?: readonly WeightDevice[];
        readonly throttleReadBpsDevice?: readonly ThrottleDevice[];
        readonly throttleWriteBpsDevice?: readonly ThrottleDevice[];
        readonly throttleReadIOPSDevice?: readonly ThrottleDevice[];
        readonly throttleWriteIOPSDevice?: readonly ThrottleDevice[];
    };
    readonly hugepageLimits?: readonly {
        readonly pageSize: string;
        readonly limit: number;
    }[];
    readonly network?: {
        readonly classID?: number;
        readonly priorities?: readonly {
            readonly name: string;
            readonly priority: number;
        }[];
    };
    readonly rdma?: Readonly<Record<string, {
        readonly hcaHandles?: number;
        readonly hcaObjects?: number;
    }>>;
    readonly unified?: Readonly<Record<string, string>>;
}
export interface WeightDevice {
    readonly major: number;
    readonly minor: number;
    readonly weight?: number;
    readonly leafWeight?: number;
}
export interface ThrottleDevice {
    readonly major: number;
    readonly minor: number;
    /** Bytes or operations a second. */
    readonly rate: number;
}

// spec/to-spec.d.ts
import type { Limits } from '../limits.ts';
import type { Resources } from './resources.ts';
/**
 * Limits as an OCI configuration's `linux.resources`. What the specification has no field for but v2 has a file goes to `unified`; weights go to
 * the nearest value of v1's scales, which are the specification's.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`, and `ERR_BOX_CGROUP_UNSUPPORTED` for what the specification cannot say.
 */
export declare function toSpec(limits: Limits): Resources;

// stats.d.ts
/**
 * What a group has used. Sizes are bytes, times milliseconds, the rest are counts. A field is undefined where the kernel, or the
 * hierarchy that the group is in, does not tell.
 */
export interface Stats {
    /** When this was read, in milliseconds since the epoch. */
    readonly time: number;
    readonly cpu: CpuStats;
    readonly memory: MemoryStats;
    readonly swap: SwapStats;
    readonly pids: PidsStats;
    readonly io: readonly IoDeviceStats[];
    readonly hugetlb: Readonly<Record<string, HugetlbStats>>;
    readonly network: NetworkStats;
    readonly pressure: PressureStats;
}
export interface CpuStats {
    readonly usage: number | undefined;
    readonly user: number | undefined;
    readonly system: number | undefined;
    /** Periods in which the group ran while it had a quota. */
    readonly periods: number | undefined;
    /** Periods in which it used up its quota. */
    readonly throttledPeriods: number | undefined;
    /** The time that its threads were held back. */
    readonly throttled: number | undefined;
}
export interface MemoryStats {
    /** All memory that is charged to the group, page cache included. */
    readonly current: number | undefined;
    /** The most that `current` has been. */
    readonly peak: number | undefined;
    /** The limit; undefined where there is none. */
    readonly max: number | undefined;
    /** Memory of no file: heaps, stacks. */
    readonly anonymous: number | undefined;
    /** Page cache, tmpfs included. */
    readonly file: number | undefined;
    /** tmpfs and shared anonymous memory: a part of `file`. */
    readonly shared: number | undefined;
    readonly mapped: number | undefined;
    readonly dirty: number | undefined;
    readonly writeback: number | undefined;
    readonly kernel: number | undefined;
    readonly slab: number | undefined;
    readonly sockets: number | undefined;
    readonly pageFaults: number | undefined;
    readonly majorPageFaults: number | undefined;
    /** How often the group was slowed down above `high`. */
    readonly highEvents: number | undefined;
    /** How often it ran into its limit. */
    readonly maxEvents: number | undefined;
    /** How often nothing could be reclaimed. */
    readonly oomEvents: number | undefined;
    /** How many of its processes the OOM killer has ended. */
    readonly oomKills: number | undefined;
}
export interface SwapStats {
    readonly current: number | undefined;
    readonly peak: number | undefined;
    readonly max: number | undefined;
}
export interface PidsStats {
    readonly current: number | undefined;
    readonly peak: number | undefined;
    readonly max: number | undefined;
    /** How many forks the limit has refused. */
    readonly refused: number | undefined;
}
export interface IoDeviceStats {
    /** The device's number, `'254:0'`. */
    readonly device: string;
    readonly readBytes: number;
    readonly writtenBytes: number;
    readonly reads: number;
    readonly writes: number;
}
export interface HugetlbStats {
    readonly current: number | undefined;
    readonly peak: number | undefined;
    readonly max: number | undefined;
    /** How many allocations the limit has refused. */
    readonly refused: number | undefined;
}
/** IP packets and their bytes, headers of TCP and UDP included. Counted in groups made with the limit `network`, from then on. */
export interface NetworkStats {
    readonly sent: number | undefined;
    readonly sentPackets: number | undefined;
    /** What was not let out. */
    readonly sentDropped: number | undefined;
    readonly sentDroppedPackets: number | undefined;
    readonly received: number | undefined;
    readonly receivedPackets: number | undefined;
    /** What arrived and was not let in. */
    readonly receivedDropped: number | undefined;
    readonly receivedDroppedPackets: number | undefined;
}
export interface PressureStats {
    readonly cpu: Pressure | undefined;
    readonly memory: Pressure | undefined;
    readonly io: Pressure | undefined;
}
/** Pressure stall information (Linux, Documentation/accounting/psi.rst). */
export interface Pressure {
    /** At least one thread waited. */
    readonly some: PressureLine;
    /** All threads waited at once. */
    readonly full: PressureLine | undefined;
}
export interface PressureLine {
    /** The share of the last 10 seconds, 0 to 100. */
    readonly avg10: number;
    readonly avg60: number;
    readonly avg300: number;
    /** In milliseconds. */
    readonly total: number;
}

// systemd/scope.d.ts
import type { CheckedLimits } from '../checked.ts';
import type { Host } from '../hierarchies/host.ts';
import type { Places } from '../places.ts';
/** Where systemd puts the scope of a group. */
export interface SystemdOptions {
    /** The slice, such as `'machine.slice'`; what the manager takes for scopes by default: `system.slice`, or `app.slice` of a user. */
    readonly slice?: string | undefined;
    /** Asks the manager of this user's services. False by default: the system's. */
    readonly user?: boolean | undefined;
    /** What systemctl(1) shows; the group's name by default. */
    readonly description?: string | undefined;
    /** The socket of a message bus, or of the manager, instead of the usual ones below /run. */
    readonly bus?: string | undefined;
}
/**
 * A scope: a unit of systemd for processes that others start (systemd.scope(5)). It is delegated: systemd makes its folder and leaves what is below to
 * us. systemd ends a scope with its last process, so one process of ours stays in it, which ends with this one.
 */
export declare class Scope {
    #private;
    readonly unit: string;
    private constructor();
    /**
     * Starts the scope. The second value is its folders: groups can be made below them.
     * @throws BoxError see `Manager.with`, and `ERR_BOX_INVALID_ARGUMENT`.
     */
    static start(host: Host, name: string, limits: CheckedLimits, options: SystemdOptions): Promise<readonly [Scope, Places]>;
    /**
     * Changes the properties that limits become.
     * @returns what gives back those from before
     */
    update(limits: CheckedLimits): Promise<() => Promise<void>>;
    /**
     * Moves a process into a group of the scope. A user may not take one of its own processes from outside into the groups that it was given
     * (cgroups(7), "Delegation containment"): systemd may.
     */
    attach(group: string, pid: number): Promise<void>;
    /** Ends the scope and all that is in it; a second call does nothing. */
    stop(timeout: number): Promise<void>;
}
/** As systemd-escape(1): what a unit's name cannot hold is written by its number. */
export declare function unitName(name: string): string;

// writes.d.ts
import { BoxError } from '@box/core';
/** One write that a limit becomes: data, so that it can be looked at before anything is made. */
export interface Write {
    readonly file: string;
    readonly value: string;
    /** The option that asked for it, for errors. */
    readonly field: string;
    /** What to write where the kernel has no such file. */
    readonly otherwise?: Write;
    /** Left out where the kernel has no such file. */
    readonly optional?: boolean;
}
/** The writes of one controller, in the hierarchy that has it. */
export interface ControllerWrites {
    readonly controller: string;
    readonly version: 1 | 2;
    readonly writes: readonly Write[];
}
export declare function unsupported(field: string, why: string, hint?: string): BoxError;
