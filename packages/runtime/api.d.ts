// The public surface of @box/runtime. Written by: node scripts/api.mjs --write

// index.d.ts
export { Container } from './container.ts';
export * from './options.ts';
export { RunError, type Exit, type RunResult } from './result.ts';
export { createRuntime, run, start, type Runtime, type RuntimeParts } from './runtime.ts';
export { sandboxCapabilities } from './sandbox.ts';
export { processOptionsFromSpec, type ProcessOptions } from './spec.ts';

// container.d.ts
import type { Cgroup, Stats } from '@box/cgroups';
import { type ProcessTarget } from '@box/core';
import type { Image, MountedRoot } from '@box/layers';
import type { Process, ProcessNamespaces, Terminal } from '@box/namespaces';
import type { Readable, Writable } from 'node:stream';
import { type Confinement } from './exec.ts';
import type { ExecOptions } from './options.ts';
import type { Releases } from './releases.ts';
import type { Exit } from './result.ts';
/** A container that was started. Its root and its cgroup are there until `close()`. */
export declare class Container implements ProcessTarget {
    #private;
    /** 64 hexadecimal digits. */
    readonly id: string;
    readonly image: Image;
    /** What runs as process 1, with its arguments. */
    readonly command: readonly string[];
    /** The container's file tree, as the host may use it: read, write, list the changes, commit. */
    readonly root: MountedRoot;
    /** The cgroup, or undefined where none was asked for and none could be made. */
    readonly cgroup: Cgroup | undefined;
    /** How it ended. Never rejects. */
    readonly exited: Promise<Exit>;
    constructor(parts: {
        readonly id: string;
        readonly image: Image;
        readonly command: readonly string[];
        readonly root: MountedRoot;
        readonly cgroup: Cgroup | undefined;
        readonly process: Process;
        readonly started: number;
        readonly releases: Releases;
        readonly confinement: Confinement;
    });
    /** Process 1 of the container, as the caller sees it. */
    get pid(): number;
    get pidfd(): number;
    /** Its namespaces, to join or to pin, each opened when it is asked for; they are closed with the container. As `Process.namespaces`. */
    get namespaces(): ProcessNamespaces;
    /** The container's terminal, where one was asked for. */
    get terminal(): Terminal | undefined;
    get stdin(): Writable;
    get stdout(): Readable;
    get stderr(): Readable;
    /** Sends a signal to process 1 (default `SIGTERM`). Gives false where it has ended already. */
    kill(signal?: NodeJS.Signals | number): boolean;
    /**
     * Starts another command in the container: in the same namespaces, root and cgroup, with the same capabilities, filter and
     * no_new_privs. It ends with the container. Resolves when the program runs.
     * @throws BoxError `ERR_BOX_STATE` where process 1 has ended, `ERR_BOX_COMMAND_NOT_FOUND`, `ERR_BOX_NOT_FOUND` for a user or a working
     * directory that is not there.
     */
    exec(command: readonly string[], options?: ExecOptions): Promise<Process>;
    /** What the container has used so far; undefined where it has no cgroup. @throws BoxError `ERR_BOX_STATE` after `close()`. */
    stats(): Promise<Stats | undefined>;
    /** Kills what still runs, then gives back the cgroup, the root with all that was written to it, and the ids. Idempotent. */
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

// exec.d.ts
import { type ProcessTarget } from '@box/core';
import type { MountedRoot } from '@box/layers';
import type { Process, SpawnOptions, spawn } from '@box/namespaces';
import type { ExecOptions, StartOptions } from './options.ts';
/** What a command beside the first one is started with. */
export interface Confinement {
    /** How the first process was started. */
    readonly spawned: SpawnOptions;
    readonly root: MountedRoot;
    /** The user, variables and working directory of the first process, as it was asked for. */
    readonly user: string;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly cwd: string;
    readonly capabilities: StartOptions['capabilities'];
    readonly additionalGids: StartOptions['additionalGids'];
    readonly launch: typeof spawn;
}
/**
 * Starts a command beside the first process, in its namespaces and its cgroup, with no more rights. The user is looked up through the
 * root's descriptor, from outside: nothing of the container is executed or loaded before the command itself.
 */
export declare function execIn(first: ProcessTarget, confinement: Confinement, command: readonly string[], options?: ExecOptions): Promise<Process>;

// options.d.ts
import type { Platform, Size } from '@box/core';
import type { Limits } from '@box/cgroups';
import type { Capabilities, CapabilityName, Mount, SeccompProfile, SpawnOptions } from '@box/namespaces';
/** Which ids a container's ids are outside. */
export type UserNamespaceChoice = 
/**
 * A user namespace of the container's own. As root a free range of 65,536 ids; otherwise the caller's user is 0 inside, and there is no
 * other.
 */
'auto'
/** No user namespace: 0 inside is 0 outside. Only for images and commands that are trusted like the caller itself. */
 | 'host';
/** What a container may use. */
export interface ContainerLimits extends Limits {
    /** How much the container may write to its root: the writable layer is then a tmpfs of that size, which counts as its memory. */
    readonly disk?: Size;
}
/** How a container is started. Everything is optional: what is left out comes from the image, and then from the sandbox's defaults. */
export interface StartOptions {
    /** Variables beside the image's; `undefined` takes one away. Nothing of the caller's environment is inherited. */
    readonly env?: Readonly<Record<string, string | undefined>> | undefined;
    /** Default: the image's working directory. It is made where it is missing. */
    readonly cwd?: string | undefined;
    /** As the image configuration writes it: `user`, `uid`, `user:group`, `uid:gid`. Default: the image's. */
    readonly user?: string | undefined;
    /** Instead of the image's entrypoint. */
    readonly entrypoint?: readonly string[] | undefined;
    /** Default: the first 12 characters of the container's id. */
    readonly hostname?: string | undefined;
    /** As in `spawn`. Default: the caller's. */
    readonly domainname?: string | undefined;
    /** As in `spawn`: kernel parameters of the container's own namespaces. Default: the kernel's. */
    readonly sysctls?: SpawnOptions['sysctls'];
    /** Default: 1,024 processes where a cgroup can be made, and nothing else. A limit that is asked for and can't be had is an error. */
    readonly limits?: ContainerLimits | undefined;
    /** `none`, the default: a network namespace with nothing but the loopback interface. `host`: the caller's network. */
    readonly network?: 'none' | 'host' | undefined;
    /** Mounts beside those that every container has. */
    readonly mounts?: readonly Mount[] | undefined;
    /** As in `spawn`: device nodes beside those that every container has. Default: none. */
    readonly devices?: SpawnOptions['devices'];
    /** As in `spawn`. Default: `standardMaskedPaths`. */
    readonly maskedPaths?: SpawnOptions['maskedPaths'];
    /** As in `spawn`. Default: `standardReadOnlyPaths`. */
    readonly readOnlyPaths?: SpawnOptions['readOnlyPaths'];
    /** As in `spawn`. Default: `rprivate`. */
    readonly rootPropagation?: SpawnOptions['rootPropagation'];
    /** Makes the root read-only: the mount itself, or where the image has no /dev, /proc or /sys to mount at the container's view of it. Default: false. */
    readonly readOnly?: boolean | undefined;
    /** Default: `auto`. */
    readonly userns?: UserNamespaceChoice | undefined;
    /**
     * A list, of which a user other than 0 has the bounding set alone, or each of the five sets as it is to be. Default: the standard list of
     * @box/namespaces without CAP_MKNOD and CAP_AUDIT_WRITE.
     */
    readonly capabilities?: readonly CapabilityName[] | Capabilities | undefined;
    /** As in `spawn`. Default: true: no program of the image gains a privilege by being executed. */
    readonly noNewPrivileges?: boolean | undefined;
    /** Groups beside those that the image's account files give to the user, for commands of `exec` as the same user, too. Default: none. */
    readonly additionalGids?: readonly number[] | undefined;
    /** As in `spawn`. Default: 0o022. */
    readonly umask?: SpawnOptions['umask'];
    /** Runs an init as process 1 that forwards signals and reaps. Default: false, the command is process 1. */
    readonly init?: boolean | undefined;
    /** As in `spawn`. Default: `['ignore', 'pipe', 'pipe']`. */
    readonly stdio?: SpawnOptions['stdio'];
    /** As in `spawn`: a terminal of the container's own, and `TERM=xterm` where nothing else is said. Default: false. */
    readonly terminal?: SpawnOptions['terminal'];
    /** As in `spawn`: further descriptors of the caller's, by the number that each has inside. Default: none. */
    readonly descriptors?: SpawnOptions['descriptors'];
    readonly rlimits?: SpawnOptions['rlimits'];
    /** As in `spawn`. Default: the caller's. */
    readonly oomScoreAdj?: SpawnOptions['oomScoreAdj'];
    /** A filter of system calls. Default: the default profile of @box/namespaces. */
    readonly seccomp?: SeccompProfile | undefined;
    /** As in `spawn`: answers the calls that `seccomp` marks with `SCMP_ACT_NOTIFY`, those of `exec` among them. */
    readonly onSystemCall?: SpawnOptions['onSystemCall'];
    /** As in `spawn`: what can be reached of files inside the container, of TCP ports and of other processes. Default: no restriction. */
    readonly landlock?: SpawnOptions['landlock'];
    /**
     * As in `spawn`. In a user namespace of its own a container can have nothing above the caller's. Where the kernel counts realtime by group
     * (CONFIG_RT_GROUP_SCHED, cgroup v1) the container's group must have some. Default: the caller's.
     */
    readonly scheduler?: SpawnOptions['scheduler'];
    /** As in `spawn`. In a user namespace of its own a container cannot have the class `realtime`. Default: the caller's. */
    readonly ioPriority?: SpawnOptions['ioPriority'];
    /** The processors that the container's processes may run on, from 0. Default: the caller's. */
    readonly cpuAffinity?: SpawnOptions['cpuAffinity'];
    /** As in `spawn`. Default: the caller's. */
    readonly memoryPolicy?: SpawnOptions['memoryPolicy'];
    /** As in `spawn`. Default: the caller's. */
    readonly personality?: SpawnOptions['personality'];
    /** As in `spawn`. Default: the caller's. */
    readonly sessionKeyring?: SpawnOptions['sessionKeyring'];
    /** Milliseconds after which the container is killed. */
    readonly timeout?: number | undefined;
    /** Ends the pull, the start or the container. */
    readonly signal?: AbortSignal | undefined;
    /** For images of several platforms. Default: this machine's. */
    readonly platform?: Platform | undefined;
    /** Whether an image that is named is asked for at its registry: `missing`, the default, only where the store does not have it. */
    readonly pull?: 'missing' | 'always' | 'never' | undefined;
}
/** How a command is started in a container that runs. What is left out is as for the container's first process. */
export interface ExecOptions {
    /** Variables beside those of the container; `undefined` takes one away. */
    readonly env?: Readonly<Record<string, string | undefined>> | undefined;
    /** Default: the container's. It must be there. */
    readonly cwd?: string | undefined;
    /** `user`, `uid`, `user:group`, `uid:gid`, by the container's account files. Default: the container's. */
    readonly user?: string | undefined;
    /** As in `spawn`. Default: `['ignore', 'pipe', 'pipe']`. */
    readonly stdio?: SpawnOptions['stdio'];
    /** As in `spawn`, of the container's devpts. Default: false. */
    readonly terminal?: SpawnOptions['terminal'];
    /** As in `spawn`: further descriptors of the caller's. Default: none. */
    readonly descriptors?: SpawnOptions['descriptors'];
    /** Beside those of the container. */
    readonly rlimits?: SpawnOptions['rlimits'];
    /** The processors that the command may run on, from 0. Default: the container's. */
    readonly cpuAffinity?: SpawnOptions['cpuAffinity'];
    /** Milliseconds after which the command is killed. */
    readonly timeout?: number | undefined;
    /** Ends the start or the command. */
    readonly signal?: AbortSignal | undefined;
}
/** As `StartOptions`, for a command whose output is text. */
export interface RunOptions extends Omit<StartOptions, 'stdio'> {
    /** What the command reads from its standard input. Not with a terminal, whose text is `stdout`. Default: nothing. */
    readonly input?: string | Uint8Array | undefined;
    /** Throws a `RunError` when the command does not end with exit code 0. Default: true. */
    readonly check?: boolean | undefined;
    /** How much output is collected, for each of the two streams. Default: 16MiB. More ends the command and is `ERR_BOX_LIMIT`. */
    readonly maxOutput?: Size | undefined;
}

// releases.d.ts
/**
 * What was acquired on the way to a running container, and how it is given back: first the process is ended, then all the rest is released
 * at once, since none of it needs another. Every release is tried, whatever fails; the failures are thrown at the end.
 */
export declare class Releases {
    #private;
    /** Adds what is released when the process has ended. */
    add(release: () => Promise<void>): void;
    /** Says how the process is ended. */
    endsWith(end: () => Promise<void>): void;
    /** Releases everything; a second call waits for the first. */
    close(): Promise<void>;
}

// result.d.ts
import { BoxError } from '@box/core';
import type { Result } from '@box/namespaces';
/** How a container ended: what is known of its first process, and what its cgroup counted. */
export interface Exit extends Result {
    /** Whether the kernel killed a process of the container because the memory limit was reached. */
    readonly oomKilled: boolean;
    /**
     * The most memory that the container held at once, in bytes, page cache included, as its cgroup counted it. Without a cgroup, or on a
     * kernel that does not count it: the largest resident set of its processes.
     */
    readonly peakMemory: number;
}
/** What `run` gives: the exit, and the output as text (UTF-8). */
export interface RunResult extends Exit {
    readonly stdout: string;
    readonly stderr: string;
}
/** A command that ended with another exit code than 0, by a signal or by its time limit. It carries the whole result. */
export declare class RunError extends BoxError implements RunResult {
    readonly name: string;
    readonly exitCode: number | null;
    readonly signal: Result['signal'];
    readonly durationMs: number;
    readonly timedOut: boolean;
    readonly oomKilled: boolean;
    readonly peakMemory: number;
    readonly maxRss: number;
    readonly cpu: {
        readonly user: number;
        readonly system: number;
    };
    readonly stdout: string;
    readonly stderr: string;
    constructor(command: readonly string[], result: RunResult);
}

// runtime.d.ts
import type { Cgroup } from '@box/cgroups';
import type { Image, LayerStore } from '@box/layers';
import type { spawn } from '@box/namespaces';
import type { Registry } from '@box/registry';
import type { Container } from './container.ts';
import type { RunOptions, StartOptions } from './options.ts';
import type { RunResult } from './result.ts';
/** The parts that a runtime is made of. Each has a default; each can be another object with the same functions. */
export interface RuntimeParts {
    /** Default: the store of the user who runs this: as root in /var/lib/box/store, otherwise in .local/share/box/store of the home folder. */
    readonly store?: LayerStore | undefined;
    /** Default: a client of @box/registry, made at the first pull. */
    readonly registry?: Registry | undefined;
    /** Starts the process. Default: `spawn` of @box/namespaces. */
    readonly launch?: typeof spawn | undefined;
    /** Makes the cgroup. Default: `Cgroup` of @box/cgroups. */
    readonly cgroups?: Pick<typeof Cgroup, 'create'> | undefined;
}
/** A container runtime: functions over one set of parts. */
export interface Runtime {
    /** The store, opened at the first call. */
    store(): Promise<LayerStore>;
    /**
     * Starts a command in a new container. Resolves when the program runs.
     * @param image A name, looked for in the store and then at its registry, or an image of the store.
     * @param command The command and its arguments. Default: the image's. An entrypoint stays in front of it.
     * @throws BoxError `ERR_BOX_NOT_FOUND` for an image that is nowhere, `ERR_BOX_COMMAND_NOT_FOUND`, `ERR_BOX_CGROUP_UNSUPPORTED`,
     * `ERR_BOX_PERMISSION` with the step that lacks a privilege, and what pulling throws.
     */
    start(image: string | Image, command?: readonly string[], options?: StartOptions): Promise<Container>;
    /**
     * Runs a command to its end and collects its output; nothing of the container is left afterwards.
     * @throws RunError where the command does not end with exit code 0, unless `check` is false; and what `start` throws.
     */
    run(image: string | Image, command?: readonly string[], options?: RunOptions): Promise<RunResult>;
    /** Closes the store where the runtime has opened it. Idempotent. */
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
/** Makes a runtime of the given parts; nothing is opened or connected before it is used. */
export declare function createRuntime(parts?: RuntimeParts): Runtime;
/** `Runtime.start` over the default parts. */
export declare const start: Runtime['start'];
/** `Runtime.run` over the default parts. */
export declare const run: Runtime['run'];

// sandbox.d.ts
import type { CgroupTarget, Root, UserNamespaceTarget } from '@box/core';
import { type Capabilities, type CapabilityName, type SpawnOptions, type User } from '@box/namespaces';
import type { StartOptions } from './options.ts';
/** The capabilities of a container that asks for no others. */
export declare const sandboxCapabilities: readonly CapabilityName[];
/** The variables that every container has (as far as neither the image nor the caller sets them). */
export declare const baseEnvironment: {
    PATH: string;
};
/** What has been made and looked up for one container. */
export interface Made {
    readonly id: string;
    readonly root: Root;
    readonly userNamespace: UserNamespaceTarget | undefined;
    readonly cgroup: CgroupTarget | undefined;
    readonly user: User;
    readonly home: string;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly cwd: string;
}
/** Translates a container's options and parts to the options of `spawn`: the one place where the sandbox is put together. */
export declare function sandbox(parts: Made, options: StartOptions): SpawnOptions;
/** Of a list a user other than 0 keeps the bounding set and starts with no capability, as after a login. */
export declare function capabilitiesOf(user: User, given?: readonly CapabilityName[] | Capabilities): SpawnOptions['capabilities'];
/** The user with groups beside its own. */
export declare function withGroups(user: User, more?: readonly number[]): User;

// spec.d.ts
import type { RuntimeConfig } from '@box/oci';
import type { ExecOptions, StartOptions } from './options.ts';
/** A process as a configuration says it: its words, and options of `start` and of `exec`. */
export interface ProcessOptions {
    /** `args`; undefined where the configuration has no process. */
    readonly command: readonly string[] | undefined;
    readonly start: StartOptions;
    readonly exec: Pick<ExecOptions, 'cpuAffinity'>;
}
/**
 * What `process` and `linux` of a configuration of the runtime specification say (config.md, "Process"; config-linux.md). Every field of theirs
 * is an option here, or refused: those that name the container's own ids, group, clocks or interfaces, and those of security modules. What
 * else a configuration has (`root`, `mounts`, `hostname`, `hooks`) is of the container's files and life, and is not read.
 *
 * Without `linux.namespaces` nothing is said of them: `start` has its defaults. Of the environment the image's variables remain beneath. A
 * command that is started with `exec` is born in the container's cgroup: `execCPUAffinity.initial`, of the time before it is in there, holds
 * for nothing. `listenerPath` is the agent of `onSystemCall`; its state has no `bundle` and no `annotations` unless they are added to that.
 * @throws BoxError `ERR_BOX_UNSUPPORTED` for what cannot be had, with what to do instead; `ERR_BOX_INVALID_ARGUMENT` for a variable without
 * "=", a resource limit that is there twice, and a list of processors or nodes that is none.
 */
export declare function processOptionsFromSpec(config: Partial<Pick<RuntimeConfig, 'process' | 'linux'>>): ProcessOptions;
