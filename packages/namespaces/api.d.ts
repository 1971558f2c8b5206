// The public surface of @box/namespaces. Written by: node scripts/api.mjs --write

// index.d.ts
export * from './capabilities.ts';
export type { FeatureName } from './features.ts';
export * from './handle.ts';
export * from './landlock.ts';
export { launch, spawn } from './launch.ts';
export * from './mounts.ts';
export { Namespace, type ProcessNamespaces } from './namespace.ts';
export * from './namespace-list.ts';
export * from './options.ts';
export { plan, Plan } from './plan.ts';
export * from './probe.ts';
export type * from './plan/steps.ts';
export type * from './scheduling.ts';
export * from './seccomp.ts';
export { defaultSeccompProfile } from './seccomp/default-profile.ts';
export { createUserNamespace, subordinateIds, type UserNamespace } from './user-namespace.ts';

// capabilities.d.ts
/** The capabilities by their numbers (linux/capability.h), in the order of the bits. */
export declare const capabilityNames: readonly ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_KILL', 'CAP_SETGID', 'CAP_SETUID', 'CAP_SETPCAP', 'CAP_LINUX_IMMUTABLE', 'CAP_NET_BIND_SERVICE', 'CAP_NET_BROADCAST', 'CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_IPC_LOCK', 'CAP_IPC_OWNER', 'CAP_SYS_MODULE', 'CAP_SYS_RAWIO', 'CAP_SYS_CHROOT', 'CAP_SYS_PTRACE', 'CAP_SYS_PACCT', 'CAP_SYS_ADMIN', 'CAP_SYS_BOOT', 'CAP_SYS_NICE', 'CAP_SYS_RESOURCE', 'CAP_SYS_TIME', 'CAP_SYS_TTY_CONFIG', 'CAP_MKNOD', 'CAP_LEASE', 'CAP_AUDIT_WRITE', 'CAP_AUDIT_CONTROL', 'CAP_SETFCAP', 'CAP_MAC_OVERRIDE', 'CAP_MAC_ADMIN', 'CAP_SYSLOG', 'CAP_WAKE_ALARM', 'CAP_BLOCK_SUSPEND', 'CAP_AUDIT_READ', 'CAP_PERFMON', 'CAP_BPF', 'CAP_CHECKPOINT_RESTORE'];
export type CapabilityName = (typeof capabilityNames)[number];
/** The five sets of capabilities(7). A set that is left out is empty. */
export interface Capabilities {
    readonly bounding?: readonly CapabilityName[] | undefined;
    readonly effective?: readonly CapabilityName[] | undefined;
    readonly permitted?: readonly CapabilityName[] | undefined;
    readonly inheritable?: readonly CapabilityName[] | undefined;
    readonly ambient?: readonly CapabilityName[] | undefined;
}
/** What container engines leave to a container by default, without CAP_NET_RAW, which lets a process forge packets. */
export declare const standardCapabilities: readonly CapabilityName[];

// features.d.ts
import { BoxError } from '@box/core';
import type { PlanContext } from './plan/context.ts';
import type { PlanData } from './plan/steps.ts';
/** The name of a feature, as `probe()` gives it and `BOX_DENY` takes it. */
export type FeatureName = 'user-namespace' | 'pid-namespace' | 'mount-namespace' | 'uts-namespace' | 'ipc-namespace' | 'network-namespace' | 'cgroup-namespace' | 'time-namespace' | 'id-ranges' | 'change-user' | 'cgroup-v2-birth' | 'mount-clone' | 'id-mapped-mount' | 'overlay' | 'proc' | 'sysfs' | 'mqueue' | 'tmpfs' | 'devpts' | 'terminal' | 'device-nodes' | 'lower-oom-score' | 'raise-limits' | 'realtime-scheduling' | 'realtime-io' | 'memory-policy' | 'session-keyring' | 'capability-sets' | 'seccomp' | 'seccomp-notify' | 'landlock' | 'landlock-newer-rights' | 'landlock-network' | 'landlock-scopes';
/** What is known of a feature of the kernel, or of a privilege, that a plan may use. */
export interface FeatureRow {
    /** What it is. */
    readonly what: string;
    /** What a plan does without it. Where nothing stands here a plan that needs it is refused. */
    readonly fallback?: string;
    /** Whether a plan needs it. */
    readonly usedBy: (plan: PlanData, context: Pick<PlanContext, 'hardLimits'>) => boolean;
}
/** All of them. */
export declare const featureNames: readonly FeatureName[];
/** What is known of one. */
export declare function featureOf(name: FeatureName): FeatureRow;
/** Reads `BOX_DENY`: the features that are to be taken for absent, by their names with commas. @throws BoxError `ERR_BOX_INVALID_ARGUMENT`. */
export declare function deniedFeatures(value?: string | undefined): ReadonlySet<FeatureName>;
/** The error of a feature that is denied. */
export declare function denied(name: FeatureName): BoxError;
/** Refuses a plan that uses what is denied. What has a fallback is in no such plan any more. */
export declare function refuseDenied(plan: PlanData, context: Pick<PlanContext, 'denied' | 'hardLimits'>): void;

// handle.d.ts
import type { BoxError, ProcessTarget } from '@box/core';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { ProcessNamespaces } from './namespace.ts';
/** A signal by its name, or by its number where Node has no name for it, as for realtime ones: `SIG40`. */
export type SignalName = NodeJS.Signals | `SIG${number}`;
/** How a process ended. */
export interface Result {
    /** From 0 to 255, or null where a signal ended it. */
    readonly exitCode: number | null;
    /** The signal that ended it, or null. */
    readonly signal: SignalName | null;
    /** Milliseconds from the call of `spawn` to the exit. */
    readonly durationMs: number;
    /** Whether `timeout` ended it. */
    readonly timedOut: boolean;
    /** Processor time in milliseconds, of the process and of those of its children that it waited for. */
    readonly cpu: {
        readonly user: number;
        readonly system: number;
    };
    /** The largest resident set of the process or of one such child, in bytes. */
    readonly maxRss: number;
    /** Where the exit could not be read (`ERR_BOX_EXIT_STOLEN`): `exitCode` and `signal` are then null. */
    readonly error?: BoxError;
}
/**
 * The caller's side of a terminal: what is written is typed, what is read is shown. It ends when nobody has the other side any more; what
 * is written after that is dropped. `destroy()` hangs up: the program gets SIGHUP.
 */
export interface Terminal extends Duplex {
    /**
     * Changes its size, in characters; the program in its foreground gets SIGWINCH.
     * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`, `ERR_BOX_STATE` where it is closed.
     */
    resize(columns: number, rows: number): void;
}
/** A process that was started. */
export interface Process extends ProcessTarget {
    /** The process as the caller sees it. */
    readonly pid: number;
    /** Refers to the process until it has ended (pidfd_open(2)); it stays the handle's own. @throws BoxError `ERR_BOX_STATE` after that. */
    readonly pidfd: number;
    /**
     * Its namespaces, each opened when it is asked for: `child.namespaces.network`. What was opened is held until `close`, also when the process
     * has ended before. Each throws as `Namespace.of`.
     */
    readonly namespaces: ProcessNamespaces;
    /** Standard input: an ended stream where it is not a pipe. */
    readonly stdin: Writable;
    /** Standard output: an ended stream where it is not a pipe. With a terminal, what the terminal shows. */
    readonly stdout: Readable;
    /** Standard error: an ended stream where it is not a pipe. */
    readonly stderr: Readable;
    /** The terminal, where `terminal` was asked for. `stdin` and `stdout` are it, too. */
    readonly terminal: Terminal | undefined;
    /** How it ended. Never rejects. */
    readonly exited: Promise<Result>;
    /**
     * Sends a signal (default `SIGTERM`). Gives false where the process has ended already.
     * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for an unknown signal, `ERR_BOX_PERMISSION`.
     */
    kill(signal?: NodeJS.Signals | number): boolean;
    /** Kills the process where it still runs, waits for its end, closes the streams and the pidfd. Idempotent. */
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

// landlock.d.ts
/** Rights on files (landlock(7)), in the order of the kernel's bits. */
export declare const landlockFileRights: readonly ['execute', 'writeFile', 'readFile', 'readDir', 'removeDir', 'removeFile', 'makeChar', 'makeDir', 'makeReg', 'makeSock', 'makeFifo', 'makeBlock', 'makeSym', 'refer', 'truncate', 'ioctlDev'];
/** A right on a file, or on what is below a folder (`LANDLOCK_ACCESS_FS_…`). `refer` needs Linux 5.19, `truncate` 6.2, `ioctlDev` 6.10. */
export type LandlockFileRight = (typeof landlockFileRights)[number];
/** Reading files and folders, and executing programs. */
export declare const landlockReadOnly: readonly LandlockFileRight[];
/** What is allowed at a path, and below it where it is a folder. */
export interface LandlockPath {
    /** An absolute path in the process's own file tree. It must be there. */
    readonly path: string;
    /** Of a file that is no folder only execute, writeFile, readFile, truncate and ioctlDev count. */
    readonly allow: readonly LandlockFileRight[];
}
/**
 * What the process and all that it starts may do, whatever their user may (landlock(7)). It needs no privilege and no namespace.
 * Each part that is given forbids everything of its kind but what it names; a part that is left out restricts nothing.
 */
export interface Landlock {
    /** All rights on files but these are taken. The program itself and its loader must be among them. What was opened before stays open. */
    readonly files?: readonly LandlockPath[] | undefined;
    /** The TCP ports that sockets may be bound to: 0 is any that the kernel chooses. From Linux 6.7. */
    readonly bindTcp?: readonly number[] | undefined;
    /** The TCP ports that may be connected to. From Linux 6.7. */
    readonly connectTcp?: readonly number[] | undefined;
    /** What cannot be reached outside of the restricted processes: abstract unix sockets, signals. From Linux 6.12. */
    readonly scopes?: readonly ('abstractUnixSockets' | 'signals')[] | undefined;
    /** Leaves out what the kernel does not know. Default: false, that is `ERR_BOX_UNSUPPORTED`. */
    readonly bestEffort?: boolean | undefined;
}

// launch.d.ts
import type { Process } from './handle.ts';
import type { SpawnOptions } from './options.ts';
import { Plan } from './plan.ts';
/**
 * Starts a command. Resolves when its program runs, that is after execve(2) has succeeded.
 * The process ends when the caller does, unless it is `detached`.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for an option, `ERR_BOX_COMMAND_NOT_FOUND` where the program is not there, `ERR_BOX_PERMISSION`,
 * `ERR_BOX_UNSUPPORTED`, `ERR_BOX_SYSTEM` with `step`, `syscall`, `errno` and `path` of what failed.
 */
export declare function spawn(command: readonly string[], options?: SpawnOptions): Promise<Process>;
/** What a launch has that is not the plan's. */
export type LaunchOptions = Pick<SpawnOptions, 'signal' | 'onSystemCall'>;
/** Starts what a plan says. A plan can be launched any number of times. See `spawn`. */
export declare function launch(compiled: Plan, options?: LaunchOptions): Promise<Process>;

// mounts.d.ts
import type { Size } from '@box/core';
import type { NamespaceTarget } from './options.ts';
/** How mounts and unmounts reach other mount namespaces (mount_namespaces(7)). The `r` forms hold for all mounts below, too. */
export type Propagation = 'private' | 'slave' | 'shared' | 'unbindable' | 'rprivate' | 'rslave' | 'rshared' | 'runbindable';
/** What every mount can be given. */
export interface MountAttributes {
    /** Where it is mounted: an absolute path inside the root, resolved there. What is missing of it is made. */
    readonly target: string;
    readonly readOnly?: boolean | undefined;
    readonly nosuid?: boolean | undefined;
    readonly nodev?: boolean | undefined;
    readonly noexec?: boolean | undefined;
    readonly noatime?: boolean | undefined;
    readonly nosymfollow?: boolean | undefined;
    readonly propagation?: Propagation | undefined;
}
/** A file or folder of the caller's, by its path or by a descriptor of it (of a detached mount, too). */
export interface BindMount extends MountAttributes {
    readonly type: 'bind';
    readonly source: string | {
        readonly fd: number;
    };
    /** Whether mounts below the source are brought along. Default: true. */
    readonly recursive?: boolean | undefined;
    /**
     * Whether the attributes (`readOnly`, `nosuid` and so on) hold for the mounts below, too, and not for the uppermost alone. Default: true. A
     * read-only mount whose mounts below are as they are is mount(8)'s `rbind,ro`; by default it is `rbind,rro`.
     */
    readonly recursiveAttributes?: boolean | undefined;
    /**
     * Shows the files with the ids that this user namespace gives to them (mount_setattr(2), "ID-mapped mounts"): a file of its id 0 is, outside, of
     * the id that 0 is mapped to. A `Namespace`, or what `createUserNamespace` gives. The caller needs CAP_SYS_ADMIN over the file system, which must be one
     * that can do it (ext4, xfs, btrfs; tmpfs from Linux 6.3; not overlayfs). Default: as they are.
     */
    readonly userNamespace?: NamespaceTarget | undefined;
}
/**
 * Folders of the caller's over one another (overlayfs). It is made by the caller where that is root, and otherwise in the process's user
 * namespace, which needs Linux 6.8. Device nodes in it cannot be opened.
 */
export interface OverlayMount extends MountAttributes {
    readonly type: 'overlay';
    /** The folders that are read, the uppermost first: at least one, and without `upper` two. At most 500. */
    readonly lowers: readonly string[];
    /** The folder that is written. Default: none, nothing can be. */
    readonly upper?: string | undefined;
    /** An empty folder on the file system of `upper`, in which overlayfs works. Both are given, or none. */
    readonly work?: string | undefined;
}
/** The processes of the pid namespace, and the kernel's state (proc(5)). */
export interface ProcMount extends MountAttributes {
    readonly type: 'proc';
    /**
     * What is seen of other users' processes: all (`off`), that they are there (`noaccess`), nothing (`invisible`), or only those that may be
     * traced, whoever's they are (`ptraceable`). Default: `off`.
     */
    readonly hidepid?: 'off' | 'noaccess' | 'invisible' | 'ptraceable' | undefined;
    /** The group that `hidepid` does not hold for. Default: 0. */
    readonly gid?: number | undefined;
    /** `pid`: only processes are shown, and nothing of the kernel. Default: all. */
    readonly subset?: 'pid' | undefined;
}
/** An empty file system in memory (tmpfs(5)). */
export interface TmpfsMount extends MountAttributes {
    readonly type: 'tmpfs';
    /** Default: half of the machine's memory. */
    readonly size?: Size | undefined;
    /** The top folder's mode. Default: 0o1777. */
    readonly mode?: number | undefined;
    readonly uid?: number | undefined;
    readonly gid?: number | undefined;
}
/** Terminals of the container's own (devpts). */
export interface DevptsMount extends MountAttributes {
    readonly type: 'devpts';
    /** The group that terminals belong to. Default: none, since 5 need not be mapped. */
    readonly gid?: number | undefined;
    /** Default: 0o620. */
    readonly mode?: number | undefined;
    /** Default: 0o666. */
    readonly ptmxmode?: number | undefined;
}
/** File systems that show a namespace: the kernel's objects, message queues, cgroups (v1 and v2 as the host has them). */
export interface KernelMount extends MountAttributes {
    readonly type: 'sysfs' | 'mqueue' | 'cgroup';
}
export type Mount = BindMount | OverlayMount | TmpfsMount | DevptsMount | ProcMount | KernelMount;
/** A device node (mknod(2)), or a fifo. In a user namespace, where none can be made, the host's node of that number is bound. */
export interface Device {
    readonly path: string;
    readonly type: 'char' | 'block' | 'fifo';
    readonly major?: number | undefined;
    readonly minor?: number | undefined;
    /** Default: 0o666. */
    readonly mode?: number | undefined;
    readonly uid?: number | undefined;
    readonly gid?: number | undefined;
}
/** What runtime-spec's config-linux.md names under "Default Filesystems", as container engines mount it. */
export declare const standardMounts: readonly Mount[];
/** The nodes that runtime-spec's config-linux.md names under "Default Devices"; the links in /dev come with them. */
export declare const standardDevices: readonly Device[];
/** Kernel interfaces that container engines hide by default. */
export declare const standardMaskedPaths: readonly string[];
/** Kernel interfaces that container engines make read-only by default. */
export declare const standardReadOnlyPaths: readonly string[];

// namespace-list.d.ts
import type { NamespaceKind } from './options.ts';
/** A namespace of this machine. */
export interface ListedNamespace {
    readonly kind: NamespaceKind;
    /** Its inode number. */
    readonly id: number;
    /** The id of the user namespace that it belongs to. undefined where the caller may not see that one. */
    readonly owner: number | undefined;
    /** The id of the pid or user namespace above. undefined for other kinds, and where the caller may not see it. */
    readonly parent: number | undefined;
    /** Of a user namespace: the effective user id of who made it, as the caller sees it. */
    readonly ownerUid: number | undefined;
    /** The processes in it, by their ids, ascending. Threads that have left their process's namespace are not looked at. */
    readonly members: readonly number[];
    /** Where it is pinned in the caller's mount namespace. */
    readonly pins: readonly string[];
}
/**
 * The namespaces that the caller can see, as lsns(8) does: those that processes are in, those that are pinned in the caller's mount namespace,
 * and the user and pid namespaces that these belong to. By kind, then by id. Processes that the caller may not look into are passed over; what
 * ends meanwhile is left out. Needs /proc.
 * @throws BoxError `ERR_BOX_SYSTEM` where /proc cannot be read.
 */
export declare function listNamespaces(): Promise<readonly ListedNamespace[]>;

// namespace.d.ts
import { type ProcessTarget } from '@box/core';
import type { NamespaceKind, NamespaceTarget } from './options.ts';
/** The kinds of namespace, in the order in which they are listed. */
export declare const namespaceKinds: readonly NamespaceKind[];
/**
 * A namespace held by a descriptor (namespaces(7)). It is there until it is closed, and as long as a process is in it or it is pinned. It can be
 * given wherever a namespace is joined.
 */
export declare class Namespace implements NamespaceTarget {
    #private;
    readonly kind: NamespaceKind;
    /** Its inode number: two handles with the same kind and id are of one namespace. */
    readonly id: number;
    /** Of a user namespace: the effective user id of who made it, as the caller sees it (NS_GET_OWNER_UID, ioctl_ns(2)). */
    readonly ownerUid: number | undefined;
    /** @internal */
    constructor(fd: number);
    /**
     * The namespace at a path: `/proc/PID/ns/net`, or where one is pinned.
     * @throws BoxError `ERR_BOX_NOT_FOUND`, `ERR_BOX_INVALID_ARGUMENT` where something else is there, `ERR_BOX_PERMISSION`.
     */
    static open(path: string): Promise<Namespace>;
    /**
     * A namespace of a process: of a handle, or of whoever has that id now.
     * @throws BoxError `ERR_BOX_STATE` where it has ended, `ERR_BOX_PERMISSION` for one that the caller may not look into
     * (PTRACE_MODE_READ, ptrace(2)), `ERR_BOX_UNSUPPORTED` for a kind that the kernel does not have.
     */
    static of(process: ProcessTarget | number, kind: NamespaceKind): Promise<Namespace>;
    /** A namespace of the caller's own. @throws BoxError `ERR_BOX_UNSUPPORTED` for a kind that the kernel does not have. */
    static own(kind: NamespaceKind): Promise<Namespace>;
    /**
     * Ends what `pin` has begun, and removes the file. Who is in the namespace, or holds it, is not concerned.
     * @throws BoxError `ERR_BOX_STATE` where no namespace is pinned, `ERR_BOX_NOT_FOUND`, `ERR_BOX_PERMISSION`.
     */
    static unpin(path: string): Promise<void>;
    /** It stays the handle's own. @throws BoxError `ERR_BOX_STATE` after `close`. */
    get fd(): number;
    /**
     * The user namespace that it belongs to; of a user namespace its parent (NS_GET_USERNS). undefined where that is outside of the caller's own.
     * The handle is the caller's to close. @throws BoxError `ERR_BOX_STATE` after `close`.
     */
    owner(): Promise<Namespace | undefined>;
    /**
     * The namespace above a user or pid namespace (NS_GET_PARENT). undefined for other kinds, and where that is outside of the caller's own.
     * The handle is the caller's to close. @throws BoxError `ERR_BOX_STATE` after `close`.
     */
    parent(): Promise<Namespace | undefined>;
    /**
     * Keeps it at a path, with or without a process in it and also after the caller's end, by a bind mount in the caller's mount namespace,
     * as `ip netns` does below /run/netns. A file that is missing is made. Needs CAP_SYS_ADMIN. A mount namespace can be kept only in an older one.
     * @throws BoxError `ERR_BOX_STATE` where one is pinned there already or after `close`, `ERR_BOX_INVALID_ARGUMENT` where no ordinary file is
     * there, `ERR_BOX_NOT_FOUND` for a folder that is missing, `ERR_BOX_PERMISSION`, `ERR_BOX_SYSTEM`.
     */
    pin(path: string): Promise<void>;
    /** Closes the descriptor. Idempotent. */
    close(): Promise<void>;
    /** @internal */
    release(): void;
    [Symbol.asyncDispose](): Promise<void>;
}
/** The namespaces of a process, each opened when it is asked for. They are closed with the handle of the process. */
export type ProcessNamespaces = {
    readonly [Kind in NamespaceKind]: Namespace;
};
/** Opens the namespaces of a process when they are asked for, and once. */
export declare class OpenNamespaces implements ProcessNamespaces {
    #private;
    constructor(process: ProcessTarget);
    get user(): Namespace;
    get pid(): Namespace;
    get mount(): Namespace;
    get uts(): Namespace;
    get ipc(): Namespace;
    get network(): Namespace;
    get cgroup(): Namespace;
    get time(): Namespace;
    release(): void;
}

// options.d.ts
import type { Server } from 'node:net';
import type { Stream } from 'node:stream';
import type { CgroupTarget, IdMapping, ProcessTarget, Root } from '@box/core';
import type { Capabilities, CapabilityName } from './capabilities.ts';
import type { Landlock } from './landlock.ts';
import type { Device, Mount, Propagation } from './mounts.ts';
import type { IoPriority, MemoryPolicy, Scheduler } from './scheduling.ts';
import type { SeccompProfile, SystemCallAgent, SystemCallHandler } from './seccomp.ts';
/** The kinds of namespace, by the names of the runtime specification (config-linux.md, "Namespaces"; namespaces(7)). */
export type NamespaceKind = 'user' | 'pid' | 'mount' | 'uts' | 'ipc' | 'network' | 'cgroup' | 'time';
/** A namespace held by a descriptor, as `Namespace` does. The descriptor stays the giver's. */
export interface NamespaceTarget {
    readonly fd: number;
}
/**
 * Which namespace of a kind the process gets: one of its own (`new`), the caller's (`host`), that of another process, one held by a
 * descriptor, or one at a path (`/proc/PID/ns/net`, or where it is pinned).
 */
export type NamespaceChoice = 'new' | 'host' | ProcessTarget | NamespaceTarget | `/${string}`;
/** A choice for each kind of namespace. Default: `host`. */
export type NamespaceChoices = {
    readonly [Kind in NamespaceKind]?: NamespaceChoice | undefined;
};
/** What is added to a clock, as the runtime specification writes it (config-linux.md, "Time offsets"). */
export interface TimeOffset {
    /** Seconds; below 0 the clock lies behind the host's. */
    readonly secs: number;
    /** From 0 to 999,999,999. Default: 0. */
    readonly nanosecs?: number | undefined;
}
/** Who the process is inside its user namespace. */
export interface User {
    readonly uid: number;
    readonly gid: number;
    readonly additionalGids?: readonly number[];
}
/** A resource limit (getrlimit(2)), `RLIMIT_` left out: `nofile`, `nproc`, `core`. `Infinity` is no limit. `hard` is `soft` by default. */
export interface ResourceLimit {
    readonly soft: number;
    readonly hard?: number;
}
export type ResourceLimitName = 'as' | 'core' | 'cpu' | 'data' | 'fsize' | 'locks' | 'memlock' | 'msgqueue' | 'nice' | 'nofile' | 'nproc' | 'rss' | 'rtprio' | 'rttime' | 'sigpending' | 'stack';
/**
 * Where a standard stream leads: a stream of the handle (`pipe`), the caller's own (`inherit`), /dev/null (`ignore`), or a descriptor
 * of the caller's, which stays the caller's.
 */
export type StandardStream = 'pipe' | 'inherit' | 'ignore' | number;
/**
 * A descriptor of the caller's, by its number or by what holds it: a file (`FileHandle`), or an open stream, socket or server of Node's. It
 * stays the caller's, and must be open until the process has started. Node reads and writes sockets and pipes without blocking, which holds
 * for all who have them.
 */
export type DescriptorSource = number | {
    readonly fd: number;
} | Stream | Server;
/** How large a terminal is, in characters, each from 1 to 65,535. */
export interface TerminalSize {
    readonly columns: number;
    readonly rows: number;
}
/** What a process is to be. Everything is optional: without an option the process differs from its caller in nothing but its program. */
export interface SpawnOptions {
    /**
     * The namespaces that are not the caller's: a list of kinds that are to be new, a choice for each kind, or a process all of whose
     * namespaces are joined, its root with them (setns(2) on a pidfd). Default: none.
     * A caller without CAP_SYS_ADMIN gets no other new namespace than those that come with a new user namespace.
     */
    readonly namespaces?: readonly NamespaceKind[] | NamespaceChoices | ProcessTarget | undefined;
    /**
     * The maps of a new user namespace (user_namespaces(7)). Default: those of `root.userNamespace` where there is one; else, as root, every
     * id as it is. Of an ordinary user: its own ids as 0, and from 1 on the ranges that /etc/subuid and /etc/subgid grant, which newuidmap(1)
     * and newgidmap(1) map; where there is no range or no such program, its own ids alone. `subordinateIds()` says which, or why none.
     */
    readonly uidMappings?: readonly IdMapping[] | undefined;
    readonly gidMappings?: readonly IdMapping[] | undefined;
    /** How the clocks of a new time namespace differ from the host's (time_namespaces(7)). Default: not. Needs Linux 5.6. */
    readonly timeOffsets?: {
        readonly monotonic?: TimeOffset | undefined;
        readonly boottime?: TimeOffset | undefined;
    } | undefined;
    /** The host's name inside a new uts namespace. */
    readonly hostname?: string | undefined;
    /** The NIS domain name inside a new uts namespace. */
    readonly domainname?: string | undefined;
    /** Kernel parameters by name (`net.ipv4.ip_forward`), of namespaces that are not the caller's; one of the host is refused. */
    readonly sysctls?: Readonly<Record<string, string>> | undefined;
    /** The file tree that becomes the root. Needs a mount namespace of its own. Default: the caller's root. */
    readonly root?: Root | undefined;
    /** Makes the root read-only; mounts on it are as they are. Default: false. */
    readonly readOnlyRoot?: boolean | undefined;
    /** How mounts inside a new mount namespace and those outside reach one another. Default: `private`. */
    readonly rootPropagation?: Propagation | undefined;
    /**
     * What is mounted inside a new mount namespace, in this order. Default: `standardMounts` with a `root`; without one a fresh /proc where
     * the pid namespace is new.
     */
    readonly mounts?: readonly Mount[] | undefined;
    /** Device nodes made below the root, after the mounts. Default: `standardDevices` with a `root`, else none. */
    readonly devices?: readonly Device[] | undefined;
    /** Paths that are hidden: folders by an empty read-only one, files by /dev/null. What is not there is passed over. */
    readonly maskedPaths?: readonly string[] | undefined;
    /** Paths that are made read-only. What is not there is passed over. */
    readonly readOnlyPaths?: readonly string[] | undefined;
    /** The cgroup that the process is born in. Default: the caller's. */
    readonly cgroup?: CgroupTarget | undefined;
    /** Resource limits. Default: the caller's. */
    readonly rlimits?: {
        readonly [Name in ResourceLimitName]?: ResourceLimit | undefined;
    } | undefined;
    /** From -1000 to 1000 (proc_pid_oom_score_adj(5)). Default: the caller's. */
    readonly oomScoreAdj?: number | undefined;
    /** Default: the caller's. A policy above the caller's needs CAP_SYS_NICE in the host's user namespace. */
    readonly scheduler?: Scheduler | undefined;
    /** Default: the caller's. */
    readonly ioPriority?: IoPriority | undefined;
    /** The processors that the process may run on, from 0. Default: the caller's. */
    readonly cpuAffinity?: readonly number[] | undefined;
    /** Default: the caller's. */
    readonly memoryPolicy?: MemoryPolicy | undefined;
    /** What the process is told of the machine (personality(2)): `linux32` makes uname(2) say i686. Default: the caller's. */
    readonly personality?: 'linux' | 'linux32' | undefined;
    /** The name of a new session keyring (session-keyring(7)). Default: the caller's keyring. */
    readonly sessionKeyring?: string | undefined;
    /** The user and groups. Default: in a new user namespace 0 and 0, else the caller's. */
    readonly user?: User | undefined;
    /** The file mode creation mask. Default: 0o022. */
    readonly umask?: number | undefined;
    /**
     * Capabilities (capabilities(7)): a list for the bounding, permitted and effective sets, or each set by itself. The
     * inheritable and ambient sets are empty unless they are given. Default: what the kernel gives.
     */
    readonly capabilities?: readonly CapabilityName[] | Capabilities | undefined;
    /** Whether the program and all it starts can gain no privilege by execve (PR_SET_NO_NEW_PRIVS). Default: false. */
    readonly noNewPrivileges?: boolean | undefined;
    /**
     * What files, TCP ports and processes outside the process can reach, whatever its user may (landlock(7)). Sets `noNewPrivileges`.
     * Default: no restriction.
     */
    readonly landlock?: Landlock | undefined;
    /** A filter of system calls (runtime-spec config-linux.md, "Seccomp"). Default: none. */
    readonly seccomp?: SeccompProfile | undefined;
    /**
     * Answers the calls that `seccomp` marks with `SCMP_ACT_NOTIFY`. Where it fails, or the caller ends, such a call fails, too. As long as a
     * process has the filter it is asked; `close()` of the handle ends that. An agent is another program that answers: it has the listener then,
     * and a process whose agent cannot be reached is not started.
     */
    readonly onSystemCall?: SystemCallHandler | SystemCallAgent | undefined;
    /** The environment. Default: only `PATH`, with the usual folders; nothing is inherited unless it is given. */
    readonly env?: Readonly<Record<string, string | undefined>> | undefined;
    /** The working directory, inside the root. Default: `/` with a `root`, else the caller's. */
    readonly cwd?: string | undefined;
    /** Standard input, output and error; one word is for all three. Default: `['ignore', 'pipe', 'pipe']`. */
    readonly stdio?: 'pipe' | 'inherit' | 'ignore' | readonly [StandardStream, StandardStream, StandardStream] | undefined;
    /**
     * Further descriptors, by the number from 3 to 255 that each has in the process, with a terminal, too. Every other one is closed.
     * Default: none.
     */
    readonly descriptors?: Readonly<Record<number, DescriptorSource | undefined>> | undefined;
    /**
     * Gives the process a new terminal (pty(7)) as its controlling terminal and its standard input, output and error; the handle's
     * `terminal` is the other side. It is of the devpts that the process mounts, or else of the one that its /dev/ptmx belongs to; in a
     * `root` it is bound to /dev/console, too. Default: false; a size that is left out is 80 by 24. Not together with `stdio`.
     */
    readonly terminal?: boolean | Partial<TerminalSize> | undefined;
    /**
     * Runs an init as process 1 that starts the command, forwards signals to it and reaps what is orphaned. Needs a new pid namespace.
     * Default: false, the command is process 1 itself.
     */
    readonly init?: boolean | undefined;
    /** Lets the process live on when the caller ends. Default: false. */
    readonly detached?: boolean | undefined;
    /** Milliseconds after which the process is killed and the result says `timedOut`. Default: none, as `Infinity`. */
    readonly timeout?: number | undefined;
    /** Ends the launch, or kills the process once it runs. */
    readonly signal?: AbortSignal | undefined;
}

// plan.d.ts
import type { SpawnOptions } from './options.ts';
import type { PlanData } from './plan/steps.ts';
/** A launch, compiled: plain data that can be printed, compared and launched any number of times. */
export declare class Plan {
    #private;
    /** The steps. */
    readonly data: PlanData;
    /** Milliseconds after which the process is killed. */
    readonly timeout: number | undefined;
    /** @internal */
    constructor(data: PlanData, timeout: number | undefined);
    /** As the launcher reads it. */
    get encoded(): Uint8Array;
    /** What will be done, in words, step by step. */
    toString(): string;
}
/**
 * Compiles a command and its options to a plan. Nothing is opened and nothing is started.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for an option with a value that cannot be, `ERR_BOX_PERMISSION` for id maps that the caller cannot
 * have, `ERR_BOX_UNSUPPORTED` for a feature that `BOX_DENY` names (see `probe`) and that it cannot do without.
 */
export declare function plan(command: readonly string[], options?: SpawnOptions): Plan;

// plan/context.d.ts
import { type IdMapping } from '@box/core';
import { type FeatureName } from '../features.ts';
/** A cgroup hierarchy of v1 as it is mounted: the folder's name, and what names the hierarchy to mount(2). */
export interface Hierarchy {
    readonly name: string;
    readonly parameters: readonly (readonly [string, string])[];
}
/** What newuidmap(1) and newgidmap(1) do for the caller. */
export interface SubordinateIds {
    /** The caller's name. */
    readonly name: string;
    /** All that the caller may map: its own id as 0, and from 1 on the ranges of /etc/subuid. */
    readonly uidMappings: readonly IdMapping[];
    /** The same of groups, by /etc/subgid. */
    readonly gidMappings: readonly IdMapping[];
    /** Where the two programs are. */
    readonly newuidmap: string;
    readonly newgidmap: string;
}
/** What a plan depends on beside its options. */
export interface PlanContext {
    readonly uid: number;
    readonly gid: number;
    readonly cwd: string;
    /** The ids that the caller may map beside its own. @throws BoxError what stands in the way. */
    readonly subordinateIds: () => SubordinateIds;
    /** Whether setgroups(2) is forbidden in the user namespace of a process. */
    readonly forbidsGroups: (pid: number) => boolean;
    /** Whether the kernel has time namespaces. */
    readonly timeNamespaces: () => boolean;
    /** The caller's hard limits, by the names of resources. */
    readonly hardLimits: () => ReadonlyMap<string, number>;
    /** The features that are to be taken for absent. */
    readonly denied: () => ReadonlySet<FeatureName>;
    /** How cgroups are mounted below /sys/fs/cgroup. */
    readonly cgroups: () => {
        readonly unified: 'only' | 'beside' | 'none';
        readonly v1: readonly Hierarchy[];
    };
}
/** The caller's, as it is now. */
export declare function currentContext(): PlanContext;
/** Reads the cgroup mounts below /sys/fs/cgroup out of mountinfo (proc_pid_mountinfo(5)). */
export declare function parseCgroups(mountinfo: string): ReturnType<PlanContext['cgroups']>;
/**
 * The folder of the v2 group that a process is in, of what is mounted (proc_pid_cgroup(5), proc_pid_mountinfo(5)); undefined where its hierarchy
 * is not mounted, or only a part of it in which the group is not.
 */
export declare function groupFolder(cgroup: string, mountinfo: string): string | undefined;
/** The hard limits in such a file. */
export declare function parseLimits(limits: string): ReadonlyMap<string, number>;

// plan/steps.d.ts
/**
 * A launch plan as data. The launcher's side of the same words is `rust-native/crates/plan/src/steps.rs`.
 */
import type { NamespaceKind } from '../options.ts';
/** Where a given descriptor comes from: a copy of one of the caller's, a path, a pipe that the caller writes or reads, or /dev/null. */
export type GivenSlot = {
    readonly from: 'fd';
    readonly fd: number;
} | {
    readonly from: 'path';
    readonly path: string;
} | {
    readonly from: 'input' | 'output' | 'null';
};
/** A descriptor of the plan: one that is given, or what a step of `prepare` opens. */
export type SlotReference = {
    readonly given: number;
} | {
    readonly prepared: number;
};
export interface Join {
    /** Several where the slot is a pidfd. */
    readonly kinds: readonly NamespaceKind[];
    readonly slot: SlotReference;
}
/** `MOUNT_ATTR_…` by name (mount_setattr(2)). */
export type Attribute = 'readOnly' | 'nosuid' | 'nodev' | 'noexec' | 'noatime' | 'nosymfollow';
interface ClonedMount {
    readonly recursive: boolean;
    readonly attributes: readonly Attribute[];
    /** Whether the attributes are for the uppermost mount alone. */
    readonly topAlone?: boolean | undefined;
    /** The user namespace whose ids the files are shown with. */
    readonly idMap?: SlotReference | undefined;
    /** Whether the child clones it, as where the caller cannot. */
    readonly noClone?: boolean | undefined;
}
/** The folders of an overlay, of those that are read the uppermost first. */
interface OverlayFolders {
    readonly lowers: readonly string[];
    /** Both or none. */
    readonly upper?: string | undefined;
    readonly work?: string | undefined;
    readonly attributes: readonly Attribute[];
}
export type PrepareStep = ({
    readonly do: 'source';
    readonly path: string;
} & ClonedMount) | ({
    readonly do: 'tree';
    readonly slot: SlotReference;
} & ClonedMount) | ({
    readonly do: 'overlay';
} & OverlayFolders) | {
    readonly do: 'device';
    readonly path: string;
    readonly type: 'char' | 'block';
    readonly major: number;
    readonly minor: number;
};
/** What is forbidden by its bits, and the exceptions. */
export interface LandlockStep {
    readonly do: 'landlock';
    readonly bestEffort: boolean;
    readonly files: bigint;
    readonly network: bigint;
    readonly scopes: bigint;
    readonly paths: readonly (readonly [string, bigint])[];
    readonly ports: readonly (readonly [number, bigint])[];
}
export type EnterStep = {
    readonly do: 'become';
    readonly uid: number;
    readonly gid: number;
} | {
    readonly do: 'hostname';
    readonly name: string;
} | {
    readonly do: 'domainname';
    readonly name: string;
} | {
    readonly do: 'loopback';
} | {
    readonly do: 'cgroupNamespace';
} | {
    readonly do: 'sysctl';
    readonly name: string;
    readonly value: string;
} | {
    readonly do: 'rlimit';
    readonly resource: string;
    readonly soft: number;
    readonly hard: number;
} | {
    readonly do: 'oomScoreAdj';
    readonly value: number;
} | {
    readonly do: 'propagation';
    readonly propagation: string;
} | {
    readonly do: 'root';
    readonly slot: SlotReference;
    readonly source: string;
} | {
    readonly do: 'mount';
    readonly kind: string;
    readonly target: string;
    /** Names and values; an empty value is a flag. */
    readonly parameters: readonly (readonly [string, string])[];
    readonly attributes: readonly Attribute[];
    readonly propagation?: string | undefined;
    /** Whether the caller's own is bound where the kernel refuses a new one. */
    readonly orBind?: boolean | undefined;
} | {
    readonly do: 'bind';
    readonly slot: SlotReference;
    readonly source: string;
    readonly target: string;
    readonly recursive: boolean;
    readonly attributes: readonly Attribute[];
    readonly topAlone?: boolean | undefined;
    readonly propagation?: string | undefined;
} | ({
    readonly do: 'overlay';
    readonly target: string;
    readonly propagation?: string | undefined;
} & OverlayFolders) | {
    readonly do: 'attributes';
    readonly target: string;
    readonly recursive: boolean;
    readonly attributes: readonly Attribute[];
} | {
    readonly do: 'device';
    readonly path: string;
    readonly type: 'char' | 'block' | 'fifo';
    readonly major: number;
    readonly minor: number;
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
    /** The caller's node, which is bound. Without one the node is made. */
    readonly slot?: SlotReference | undefined;
} | {
    readonly do: 'link';
    readonly path: string;
    readonly value: string;
} | {
    readonly do: 'pivot';
} | {
    readonly do: 'readOnlyPath';
    readonly path: string;
} | {
    readonly do: 'mask';
    readonly path: string;
} | {
    readonly do: 'umask';
    readonly mask: number;
} | {
    readonly do: 'directory';
    readonly path: string;
} | {
    readonly do: 'terminal';
    /** Whether it is one of the devpts that this plan mounts; else of the one that /dev/ptmx belongs to. */
    readonly own: boolean;
    readonly columns: number;
    readonly rows: number;
    /** The user that it is given to. */
    readonly owner?: number | undefined;
    /** Where it is bound. */
    readonly console?: string | undefined;
} | {
    readonly do: 'bounding';
    readonly capabilities: bigint;
} | {
    readonly do: 'user';
    readonly uid: number;
    readonly gid: number;
    readonly groups: readonly number[] | undefined;
} | {
    readonly do: 'capabilities';
    readonly effective: bigint;
    readonly permitted: bigint;
    readonly inheritable: bigint;
    readonly ambient: bigint;
} | {
    readonly do: 'noNewPrivileges';
} | {
    readonly do: 'seccomp';
    readonly flags: number;
    readonly filter: Uint8Array;
} | LandlockStep | {
    readonly do: 'scheduler';
    readonly policy: number;
    readonly flags: number;
    readonly nice: number;
    readonly priority: number;
    /** Nanoseconds. */
    readonly runtime: bigint;
    readonly deadline: bigint;
    readonly period: bigint;
} | {
    readonly do: 'ioPriority';
    readonly value: number;
} | {
    readonly do: 'affinity';
    readonly processors: readonly number[];
} | {
    readonly do: 'memoryPolicy';
    readonly mode: number;
    readonly nodes: readonly number[];
} | {
    readonly do: 'personality';
    readonly value: number;
} | {
    readonly do: 'sessionKeyring';
    readonly name: string;
};
/** What is launched. */
export interface PlanData {
    readonly detached: boolean;
    readonly init: boolean;
    readonly denySetgroups: boolean;
    readonly mapSelf: boolean;
    /** Those that are new: all but the time namespace come with the clone. */
    readonly namespaces: readonly NamespaceKind[];
    readonly joins: readonly Join[];
    /** The content of uid_map and gid_map; empty without a new user namespace. */
    readonly uidMap: string;
    readonly gidMap: string;
    /** The programs that write the two maps where the caller may not: newuidmap(1) and newgidmap(1), or none. */
    readonly mappers: readonly string[];
    /** The content of timens_offsets of a new time namespace, or empty. */
    readonly timeOffsets: string;
    readonly cgroupV2: string;
    readonly cgroupV1: readonly string[];
    readonly given: readonly GivenSlot[];
    /** Which given slot becomes descriptor 0, 1, 2 and so on, or the terminal that a step makes, or that it is closed. */
    readonly descriptors: readonly (number | 'terminal' | 'closed')[];
    readonly prepare: readonly PrepareStep[];
    readonly enter: readonly EnterStep[];
    readonly command: readonly string[];
    readonly environment: readonly string[];
}
export {};

// probe.d.ts
import { BoxError } from '@box/core';
import { type FeatureName } from './features.ts';
/** One thing that a launch can need of the kernel and of the caller's privileges. */
export interface Feature {
    readonly name: FeatureName | 'launcher';
    /** What it is, in a line. */
    readonly what: string;
    /** Whether it is there, for this caller, here and now. */
    readonly available: boolean;
    /** Why it is not: what was tried and what the kernel answered, or that `BOX_DENY` names it. */
    readonly reason?: BoxError;
    /** What a plan does without it. Where nothing stands here a plan that needs it is refused, or fails. */
    readonly fallback?: string;
}
/**
 * Tries what a launch can need, each by a short-lived child that does it and ends, and says what is there.
 * The namespaces are tried as this caller would use them: an ordinary user's come with a new user namespace. What the environment variable
 * `BOX_DENY` names is taken for absent, here and by `plan`: names of features with commas between them.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where `BOX_DENY` names something else.
 */
export declare function probe(): Promise<readonly Feature[]>;

// scheduling.d.ts
/** How a process is scheduled (sched(7), sched_setattr(2)). */
export interface Scheduler {
    readonly policy: 'other' | 'batch' | 'idle' | 'fifo' | 'rr' | 'deadline';
    /** From -20 to 19, of `other` and `batch`. Default: 0. */
    readonly nice?: number | undefined;
    /** From 1 to 99, of `fifo` and `rr`. */
    readonly priority?: number | undefined;
    /** Nanoseconds, of `deadline`: how much of each period, by when, how long a period is. */
    readonly runtime?: number | undefined;
    readonly deadline?: number | undefined;
    readonly period?: number | undefined;
    /**
     * `SCHED_FLAG_…`: children fall back to `other`, unused time is reclaimed, its overrun told, the policy or its parameters are left as they
     * are.
     */
    readonly flags?: readonly ('resetOnFork' | 'reclaim' | 'overrun' | 'keepPolicy' | 'keepParams')[] | undefined;
}
/** The order in which a process's reads and writes are served (ioprio_set(2)). */
export interface IoPriority {
    readonly class: 'realtime' | 'bestEffort' | 'idle';
    /** From 0, the highest, to 7. Default: 4, and 0 for `idle`. */
    readonly priority?: number | undefined;
}
/** On which NUMA nodes memory is taken (set_mempolicy(2)). */
export interface MemoryPolicy {
    readonly mode: 'default' | 'preferred' | 'bind' | 'interleave' | 'local' | 'preferredMany' | 'weightedInterleave';
    /** Default: none, as `default` and `local` need it. */
    readonly nodes?: readonly number[] | undefined;
    /** `MPOL_F_…`: whether the nodes are the machine's or count within the cpuset's, and whether pages move to where they are used. */
    readonly flags?: readonly ('staticNodes' | 'relativeNodes' | 'numaBalancing')[] | undefined;
}

// seccomp.d.ts
/** A filter of system calls, as the runtime specification writes it (config-linux.md, "Seccomp"). */
export interface SeccompProfile {
    readonly defaultAction: SeccompAction;
    /** The error of `SCMP_ACT_ERRNO` as the default. Default: EPERM (1). */
    readonly defaultErrnoRet?: number | undefined;
    /**
     * Of no effect: the calls of the machine's own architecture are filtered, and those of any other, 32 bits among them, kill the process,
     * whether it is named here or not.
     */
    readonly architectures?: readonly string[] | undefined;
    readonly flags?: readonly SeccompFlag[] | undefined;
    readonly syscalls?: readonly SeccompRule[] | undefined;
}
export type SeccompAction = 'SCMP_ACT_KILL' | 'SCMP_ACT_KILL_PROCESS' | 'SCMP_ACT_KILL_THREAD' | 'SCMP_ACT_TRAP' | 'SCMP_ACT_ERRNO' | 'SCMP_ACT_TRACE' | 'SCMP_ACT_LOG'
/** The call waits for what `onSystemCall` answers (seccomp_unotify(2)). */
 | 'SCMP_ACT_NOTIFY' | 'SCMP_ACT_ALLOW';
export type SeccompFlag = 'SECCOMP_FILTER_FLAG_TSYNC' | 'SECCOMP_FILTER_FLAG_LOG' | 'SECCOMP_FILTER_FLAG_SPEC_ALLOW';
export interface SeccompRule {
    /** Names of system calls. One that this machine does not have is passed over. */
    readonly names: readonly string[];
    readonly action: SeccompAction;
    readonly errnoRet?: number | undefined;
    /** Conditions on the arguments, all of which must hold; rules that differ only here are alternatives. */
    readonly args?: readonly SeccompArgument[] | undefined;
}
export interface SeccompArgument {
    /** Which argument, from 0 to 5. */
    readonly index: number;
    readonly value: number | bigint;
    /** The second value of `SCMP_CMP_MASKED_EQ`: what the masked argument is compared with. */
    readonly valueTwo?: number | bigint | undefined;
    readonly op: SeccompOperator;
}
export type SeccompOperator = 'SCMP_CMP_NE' | 'SCMP_CMP_LT' | 'SCMP_CMP_LE' | 'SCMP_CMP_EQ' | 'SCMP_CMP_GE' | 'SCMP_CMP_GT' | 'SCMP_CMP_MASKED_EQ';
/** A system call that waits for an answer. The calls that a launch itself makes after its filter is in force are among them. */
export interface SystemCall {
    /** By its name in section 2 of the manual; `#N` where the number has none that is known here. */
    readonly name: string;
    /** The process, as the caller sees it. */
    readonly pid: number;
    readonly architecture: 'x64' | 'arm64';
    /** Six numbers as the registers had them. They cannot change any more; what they point to can. */
    readonly args: readonly bigint[];
    /**
     * The text that an argument points to, up to its NUL. Another thread can write to that memory at any time: decide by what was read here
     * and act on that, never by letting the call continue.
     * @throws BoxError `ERR_BOX_STATE` where the call no longer waits, `ERR_BOX_PERMISSION`, `ERR_BOX_SYSTEM` where nothing can be read.
     */
    text(argument: number): string;
    /** `length` bytes, up to 65,536, at an address; fewer where the rest cannot be read. As `text`. */
    bytes(address: bigint, length: number): Uint8Array;
}
/**
 * What a system call comes to: an error by its name or number, a value, a descriptor of the caller's whose copy becomes the call's value
 * (SECCOMP_IOCTL_NOTIF_ADDFD), or `continue`: the kernel carries it out. `continue` is no means of security: the memory that a call points
 * to can be changed after it was looked at (seccomp_unotify(2)).
 */
export type SystemCallAnswer = 'continue' | {
    readonly errno: string | number;
} | {
    readonly value: number | bigint;
} | {
    readonly fd: number;
    readonly closeOnExec?: boolean | undefined;
};
/**
 * A program that answers system calls in the caller's place (runtime-spec config-linux.md, "Seccomp"). For each process it is connected to once,
 * and gets the container process state as JSON, with the listener of the filter (seccomp_unotify(2)) beside it (SCM_RIGHTS).
 */
export interface SystemCallAgent {
    /** The path of its unix socket (SOCK_STREAM). */
    readonly listenerPath: string;
    /** `metadata` of the state. Default: none. */
    readonly listenerMetadata?: string | undefined;
    /** What the state says of the container (runtime.md, "State"). Default: empty, and none. */
    readonly id?: string | undefined;
    readonly bundle?: string | undefined;
    readonly annotations?: Readonly<Record<string, string>> | undefined;
}
/** Answers a system call. Where it throws, rejects or answers with something else the call fails with EPERM. */
export type SystemCallHandler = (call: SystemCall) => SystemCallAnswer | Promise<SystemCallAnswer>;

// seccomp/default-profile.d.ts
import type { SeccompProfile } from '../seccomp.ts';
/**
 * The filter that containers get by default. What is refused fails with EPERM; clone3, whose flags a filter cannot see, and calls newer
 * than this list fail with ENOSYS, which makes C libraries use the older call.
 */
export declare const defaultSeccompProfile: SeccompProfile;

// user-namespace.d.ts
import { type IdMapping, type UserNamespaceTarget } from '@box/core';
/** A user namespace that no process needs to be in. It is there until it is closed, and as long as somebody uses it. */
export interface UserNamespace extends UserNamespaceTarget {
    /** Idempotent. */
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
/**
 * The ids that this process's user can map into a user namespace beside its own: its id as 0, and from 1 on the ranges that /etc/subuid and
 * /etc/subgid grant (subuid(5), newuidmap(1)). An ordinary user's new user namespace has these maps by itself where there are any; this
 * says what they are, or why there are none.
 * @throws BoxError `ERR_BOX_PERMISSION` for a user without a range, `ERR_BOX_UNSUPPORTED` where newuidmap is missing or without privilege.
 */
export declare function subordinateIds(): {
    readonly uidMappings: readonly IdMapping[];
    readonly gidMappings: readonly IdMapping[];
};
/**
 * Makes a user namespace (user_namespaces(7)): to mount layers with its ids, and to start processes in. Without maps it has those of a new
 * user namespace of `spawn`.
 * @throws BoxError `ERR_BOX_PERMISSION` for maps that the caller may not write, `ERR_BOX_INVALID_ARGUMENT` for maps that overlap,
 * `ERR_BOX_UNSUPPORTED` where the host forbids user namespaces.
 */
export declare function createUserNamespace(maps?: {
    readonly uidMappings?: readonly IdMapping[] | undefined;
    readonly gidMappings?: readonly IdMapping[] | undefined;
}): Promise<UserNamespace>;
