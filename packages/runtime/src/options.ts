import type { Platform, Size } from '@box/core'
import type { Limits } from '@box/cgroups'
import type { Capabilities, CapabilityName, Mount, SeccompProfile, SpawnOptions } from '@box/namespaces'

/** Which ids a container's ids are outside. */
export type UserNamespaceChoice =
  /**
   * A user namespace of the container's own. As root a free range of 65,536 ids; otherwise the caller's user is 0 inside, and there is no
   * other.
   */
  | 'auto'
  /** No user namespace: 0 inside is 0 outside. Only for images and commands that are trusted like the caller itself. */
  | 'host'

/** What a container may use. */
export interface ContainerLimits extends Limits {
  /** How much the container may write to its root: the writable layer is then a tmpfs of that size, which counts as its memory. */
  readonly disk?: Size
}

/** How a container is started. Everything is optional: what is left out comes from the image, and then from the sandbox's defaults. */
export interface StartOptions {
  /** Variables beside the image's; `undefined` takes one away. Nothing of the caller's environment is inherited. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** Default: the image's working directory. It is made where it is missing. */
  readonly cwd?: string | undefined
  /** As the image configuration writes it: `user`, `uid`, `user:group`, `uid:gid`. Default: the image's. */
  readonly user?: string | undefined
  /** Instead of the image's entrypoint. */
  readonly entrypoint?: readonly string[] | undefined
  /** Default: the first 12 characters of the container's id. */
  readonly hostname?: string | undefined
  /** As in `spawn`. Default: the caller's. */
  readonly domainname?: string | undefined
  /** As in `spawn`: kernel parameters of the container's own namespaces. Default: the kernel's. */
  readonly sysctls?: SpawnOptions['sysctls']
  /** Default: 1,024 processes where a cgroup can be made, and nothing else. A limit that is asked for and can't be had is an error. */
  readonly limits?: ContainerLimits | undefined
  /** `none`, the default: a network namespace with nothing but the loopback interface. `host`: the caller's network. */
  readonly network?: 'none' | 'host' | undefined
  /** Mounts beside those that every container has. */
  readonly mounts?: readonly Mount[] | undefined
  /** As in `spawn`: device nodes beside those that every container has. Default: none. */
  readonly devices?: SpawnOptions['devices']
  /** As in `spawn`. Default: `standardMaskedPaths`. */
  readonly maskedPaths?: SpawnOptions['maskedPaths']
  /** As in `spawn`. Default: `standardReadOnlyPaths`. */
  readonly readOnlyPaths?: SpawnOptions['readOnlyPaths']
  /** As in `spawn`. Default: `rprivate`. */
  readonly rootPropagation?: SpawnOptions['rootPropagation']
  /** Makes the root read-only: the mount itself, or where the image has no /dev, /proc or /sys to mount at the container's view of it. Default: false. */
  readonly readOnly?: boolean | undefined
  /** Default: `auto`. */
  readonly userns?: UserNamespaceChoice | undefined
  /**
   * A list, of which a user other than 0 has the bounding set alone, or each of the five sets as it is to be. Default: the standard list of
   * @box/namespaces without CAP_MKNOD and CAP_AUDIT_WRITE.
   */
  readonly capabilities?: readonly CapabilityName[] | Capabilities | undefined
  /** As in `spawn`. Default: true: no program of the image gains a privilege by being executed. */
  readonly noNewPrivileges?: boolean | undefined
  /** Groups beside those that the image's account files give to the user, for commands of `exec` as the same user, too. Default: none. */
  readonly additionalGids?: readonly number[] | undefined
  /** As in `spawn`. Default: 0o022. */
  readonly umask?: SpawnOptions['umask']
  /** Runs an init as process 1 that forwards signals and reaps. Default: false, the command is process 1. */
  readonly init?: boolean | undefined
  /** As in `spawn`. Default: `['ignore', 'pipe', 'pipe']`. */
  readonly stdio?: SpawnOptions['stdio']
  /** As in `spawn`: a terminal of the container's own, and `TERM=xterm` where nothing else is said. Default: false. */
  readonly terminal?: SpawnOptions['terminal']
  /** As in `spawn`: further descriptors of the caller's, by the number that each has inside. Default: none. */
  readonly descriptors?: SpawnOptions['descriptors']
  readonly rlimits?: SpawnOptions['rlimits']
  /** As in `spawn`. Default: the caller's. */
  readonly oomScoreAdj?: SpawnOptions['oomScoreAdj']
  /** A filter of system calls. Default: the default profile of @box/namespaces. */
  readonly seccomp?: SeccompProfile | undefined
  /** As in `spawn`: answers the calls that `seccomp` marks with `SCMP_ACT_NOTIFY`, those of `exec` among them. */
  readonly onSystemCall?: SpawnOptions['onSystemCall']
  /** As in `spawn`: what can be reached of files inside the container, of TCP ports and of other processes. Default: no restriction. */
  readonly landlock?: SpawnOptions['landlock']
  /**
   * As in `spawn`. In a user namespace of its own a container can have nothing above the caller's. Where the kernel counts realtime by group
   * (CONFIG_RT_GROUP_SCHED, cgroup v1) the container's group must have some. Default: the caller's.
   */
  readonly scheduler?: SpawnOptions['scheduler']
  /** As in `spawn`. In a user namespace of its own a container cannot have the class `realtime`. Default: the caller's. */
  readonly ioPriority?: SpawnOptions['ioPriority']
  /** The processors that the container's processes may run on, from 0. Default: the caller's. */
  readonly cpuAffinity?: SpawnOptions['cpuAffinity']
  /** As in `spawn`. Default: the caller's. */
  readonly memoryPolicy?: SpawnOptions['memoryPolicy']
  /** As in `spawn`. Default: the caller's. */
  readonly personality?: SpawnOptions['personality']
  /** As in `spawn`. Default: the caller's. */
  readonly sessionKeyring?: SpawnOptions['sessionKeyring']
  /** Milliseconds after which the container is killed. */
  readonly timeout?: number | undefined
  /** Ends the pull, the start or the container. */
  readonly signal?: AbortSignal | undefined
  /** For images of several platforms. Default: this machine's. */
  readonly platform?: Platform | undefined
  /** Whether an image that is named is asked for at its registry: `missing`, the default, only where the store does not have it. */
  readonly pull?: 'missing' | 'always' | 'never' | undefined
}

/** How a command is started in a container that runs. What is left out is as for the container's first process. */
export interface ExecOptions {
  /** Variables beside those of the container; `undefined` takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** Default: the container's. It must be there. */
  readonly cwd?: string | undefined
  /** `user`, `uid`, `user:group`, `uid:gid`, by the container's account files. Default: the container's. */
  readonly user?: string | undefined
  /** As in `spawn`. Default: `['ignore', 'pipe', 'pipe']`. */
  readonly stdio?: SpawnOptions['stdio']
  /** As in `spawn`, of the container's devpts. Default: false. */
  readonly terminal?: SpawnOptions['terminal']
  /** As in `spawn`: further descriptors of the caller's. Default: none. */
  readonly descriptors?: SpawnOptions['descriptors']
  /** Beside those of the container. */
  readonly rlimits?: SpawnOptions['rlimits']
  /** The processors that the command may run on, from 0. Default: the container's. */
  readonly cpuAffinity?: SpawnOptions['cpuAffinity']
  /** Milliseconds after which the command is killed. */
  readonly timeout?: number | undefined
  /** Ends the start or the command. */
  readonly signal?: AbortSignal | undefined
}

/** As `StartOptions`, for a command whose output is text. */
export interface RunOptions extends Omit<StartOptions, 'stdio'> {
  /** What the command reads from its standard input. Not with a terminal, whose text is `stdout`. Default: nothing. */
  readonly input?: string | Uint8Array | undefined
  /** Throws a `RunError` when the command does not end with exit code 0. Default: true. */
  readonly check?: boolean | undefined
  /** How much output is collected, for each of the two streams. Default: 16MiB. More ends the command and is `ERR_BOX_LIMIT`. */
  readonly maxOutput?: Size | undefined
}
