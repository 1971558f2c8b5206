import type { Server } from 'node:net'
import type { Stream } from 'node:stream'

import type { CgroupTarget, IdMapping, ProcessTarget, Root } from '@box/core'
import type { Capabilities, CapabilityName } from './capabilities.ts'
import type { Landlock } from './landlock.ts'
import type { Device, Mount, Propagation } from './mounts.ts'
import type { IoPriority, MemoryPolicy, Scheduler } from './scheduling.ts'
import type { SeccompProfile, SystemCallAgent, SystemCallHandler } from './seccomp.ts'

/** The kinds of namespace, by the names of the runtime specification (config-linux.md, "Namespaces"; namespaces(7)). */
export type NamespaceKind = 'user' | 'pid' | 'mount' | 'uts' | 'ipc' | 'network' | 'cgroup' | 'time'

/** A namespace held by a descriptor, as `Namespace` does. The descriptor stays the giver's. */
export interface NamespaceTarget {
  readonly fd: number
}

/**
 * Which namespace of a kind the process gets: one of its own (`new`), the caller's (`host`), that of another process, one held by a
 * descriptor, or one at a path (`/proc/PID/ns/net`, or where it is pinned).
 */
export type NamespaceChoice = 'new' | 'host' | ProcessTarget | NamespaceTarget | `/${string}`

/** A choice for each kind of namespace. Default: `host`. */
export type NamespaceChoices = { readonly [Kind in NamespaceKind]?: NamespaceChoice | undefined }

/** What is added to a clock, as the runtime specification writes it (config-linux.md, "Time offsets"). */
export interface TimeOffset {
  /** Seconds; below 0 the clock lies behind the host's. */
  readonly secs: number
  /** From 0 to 999,999,999. Default: 0. */
  readonly nanosecs?: number | undefined
}

/** Who the process is inside its user namespace. */
export interface User {
  readonly uid: number
  readonly gid: number
  readonly additionalGids?: readonly number[]
}

/** A resource limit (getrlimit(2)), `RLIMIT_` left out: `nofile`, `nproc`, `core`. `Infinity` is no limit. `hard` is `soft` by default. */
export interface ResourceLimit {
  readonly soft: number
  readonly hard?: number
}

export type ResourceLimitName =
  | 'as'
  | 'core'
  | 'cpu'
  | 'data'
  | 'fsize'
  | 'locks'
  | 'memlock'
  | 'msgqueue'
  | 'nice'
  | 'nofile'
  | 'nproc'
  | 'rss'
  | 'rtprio'
  | 'rttime'
  | 'sigpending'
  | 'stack'

/**
 * Where a standard stream leads: a stream of the handle (`pipe`), the caller's own (`inherit`), /dev/null (`ignore`), or a descriptor
 * of the caller's, which stays the caller's.
 */
export type StandardStream = 'pipe' | 'inherit' | 'ignore' | number

/**
 * A descriptor of the caller's, by its number or by what holds it: a file (`FileHandle`), or an open stream, socket or server of Node's. It
 * stays the caller's, and must be open until the process has started. Node reads and writes sockets and pipes without blocking, which holds
 * for all who have them.
 */
export type DescriptorSource = number | { readonly fd: number } | Stream | Server

/** How large a terminal is, in characters, each from 1 to 65,535. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/** What a process is to be. Everything is optional: without an option the process differs from its caller in nothing but its program. */
export interface SpawnOptions {
  /**
   * The namespaces that are not the caller's: a list of kinds that are to be new, a choice for each kind, or a process all of whose
   * namespaces are joined, its root with them (setns(2) on a pidfd). Default: none.
   * A caller without CAP_SYS_ADMIN gets no other new namespace than those that come with a new user namespace.
   */
  readonly namespaces?: readonly NamespaceKind[] | NamespaceChoices | ProcessTarget | undefined
  /**
   * The maps of a new user namespace (user_namespaces(7)). Default: those of `root.userNamespace` where there is one; else, as root, every
   * id as it is. Of an ordinary user: its own ids as 0, and from 1 on the ranges that /etc/subuid and /etc/subgid grant, which newuidmap(1)
   * and newgidmap(1) map; where there is no range or no such program, its own ids alone. `subordinateIds()` says which, or why none.
   */
  readonly uidMappings?: readonly IdMapping[] | undefined
  readonly gidMappings?: readonly IdMapping[] | undefined

  /** How the clocks of a new time namespace differ from the host's (time_namespaces(7)). Default: not. Needs Linux 5.6. */
  readonly timeOffsets?: { readonly monotonic?: TimeOffset | undefined; readonly boottime?: TimeOffset | undefined } | undefined

  /** The host's name inside a new uts namespace. */
  readonly hostname?: string | undefined
  /** The NIS domain name inside a new uts namespace. */
  readonly domainname?: string | undefined
  /** Kernel parameters by name (`net.ipv4.ip_forward`), of namespaces that are not the caller's; one of the host is refused. */
  readonly sysctls?: Readonly<Record<string, string>> | undefined

  /** The file tree that becomes the root. Needs a mount namespace of its own. Default: the caller's root. */
  readonly root?: Root | undefined
  /** Makes the root read-only; mounts on it are as they are. Default: false. */
  readonly readOnlyRoot?: boolean | undefined
  /** How mounts inside a new mount namespace and those outside reach one another. Default: `private`. */
  readonly rootPropagation?: Propagation | undefined
  /**
   * What is mounted inside a new mount namespace, in this order. Default: `standardMounts` with a `root`; without one a fresh /proc where
   * the pid namespace is new.
   */
  readonly mounts?: readonly Mount[] | undefined
  /** Device nodes made below the root, after the mounts. Default: `standardDevices` with a `root`, else none. */
  readonly devices?: readonly Device[] | undefined
  /** Paths that are hidden: folders by an empty read-only one, files by /dev/null. What is not there is passed over. */
  readonly maskedPaths?: readonly string[] | undefined
  /** Paths that are made read-only. What is not there is passed over. */
  readonly readOnlyPaths?: readonly string[] | undefined

  /** The cgroup that the process is born in. Default: the caller's. */
  readonly cgroup?: CgroupTarget | undefined
  /** Resource limits. Default: the caller's. */
  readonly rlimits?: { readonly [Name in ResourceLimitName]?: ResourceLimit | undefined } | undefined
  /** From -1000 to 1000 (proc_pid_oom_score_adj(5)). Default: the caller's. */
  readonly oomScoreAdj?: number | undefined
  /** Default: the caller's. A policy above the caller's needs CAP_SYS_NICE in the host's user namespace. */
  readonly scheduler?: Scheduler | undefined
  /** Default: the caller's. */
  readonly ioPriority?: IoPriority | undefined
  /** The processors that the process may run on, from 0. Default: the caller's. */
  readonly cpuAffinity?: readonly number[] | undefined
  /** Default: the caller's. */
  readonly memoryPolicy?: MemoryPolicy | undefined
  /** What the process is told of the machine (personality(2)): `linux32` makes uname(2) say i686. Default: the caller's. */
  readonly personality?: 'linux' | 'linux32' | undefined
  /** The name of a new session keyring (session-keyring(7)). Default: the caller's keyring. */
  readonly sessionKeyring?: string | undefined

  /** The user and groups. Default: in a new user namespace 0 and 0, else the caller's. */
  readonly user?: User | undefined
  /** The file mode creation mask. Default: 0o022. */
  readonly umask?: number | undefined
  /**
   * Capabilities (capabilities(7)): a list for the bounding, permitted and effective sets, or each set by itself. The
   * inheritable and ambient sets are empty unless they are given. Default: what the kernel gives.
   */
  readonly capabilities?: readonly CapabilityName[] | Capabilities | undefined
  /** Whether the program and all it starts can gain no privilege by execve (PR_SET_NO_NEW_PRIVS). Default: false. */
  readonly noNewPrivileges?: boolean | undefined
  /**
   * What files, TCP ports and processes outside the process can reach, whatever its user may (landlock(7)). Sets `noNewPrivileges`.
   * Default: no restriction.
   */
  readonly landlock?: Landlock | undefined
  /** A filter of system calls (runtime-spec config-linux.md, "Seccomp"). Default: none. */
  readonly seccomp?: SeccompProfile | undefined

  /**
   * Answers the calls that `seccomp` marks with `SCMP_ACT_NOTIFY`. Where it fails, or the caller ends, such a call fails, too. As long as a
   * process has the filter it is asked; `close()` of the handle ends that. An agent is another program that answers: it has the listener then,
   * and a process whose agent cannot be reached is not started.
   */
  readonly onSystemCall?: SystemCallHandler | SystemCallAgent | undefined

  /** The environment. Default: only `PATH`, with the usual folders; nothing is inherited unless it is given. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** The working directory, inside the root. Default: `/` with a `root`, else the caller's. */
  readonly cwd?: string | undefined
  /** Standard input, output and error; one word is for all three. Default: `['ignore', 'pipe', 'pipe']`. */
  readonly stdio?: 'pipe' | 'inherit' | 'ignore' | readonly [StandardStream, StandardStream, StandardStream] | undefined
  /**
   * Further descriptors, by the number from 3 to 255 that each has in the process, with a terminal, too. Every other one is closed.
   * Default: none.
   */
  readonly descriptors?: Readonly<Record<number, DescriptorSource | undefined>> | undefined
  /**
   * Gives the process a new terminal (pty(7)) as its controlling terminal and its standard input, output and error; the handle's
   * `terminal` is the other side. It is of the devpts that the process mounts, or else of the one that its /dev/ptmx belongs to; in a
   * `root` it is bound to /dev/console, too. Default: false; a size that is left out is 80 by 24. Not together with `stdio`.
   */
  readonly terminal?: boolean | Partial<TerminalSize> | undefined
  /**
   * Runs an init as process 1 that starts the command, forwards signals to it and reaps what is orphaned. Needs a new pid namespace.
   * Default: false, the command is process 1 itself.
   */
  readonly init?: boolean | undefined
  /** Lets the process live on when the caller ends. Default: false. */
  readonly detached?: boolean | undefined

  /** Milliseconds after which the process is killed and the result says `timedOut`. Default: none, as `Infinity`. */
  readonly timeout?: number | undefined
  /** Ends the launch, or kills the process once it runs. */
  readonly signal?: AbortSignal | undefined
}
