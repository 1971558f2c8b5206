import type { Size } from '@box/core'
import type { NamespaceTarget } from './options.ts'

/** How mounts and unmounts reach other mount namespaces (mount_namespaces(7)). The `r` forms hold for all mounts below, too. */
export type Propagation = 'private' | 'slave' | 'shared' | 'unbindable' | 'rprivate' | 'rslave' | 'rshared' | 'runbindable'

/** What every mount can be given. */
export interface MountAttributes {
  /** Where it is mounted: an absolute path inside the root, resolved there. What is missing of it is made. */
  readonly target: string
  readonly readOnly?: boolean | undefined
  readonly nosuid?: boolean | undefined
  readonly nodev?: boolean | undefined
  readonly noexec?: boolean | undefined
  readonly noatime?: boolean | undefined
  readonly nosymfollow?: boolean | undefined
  readonly propagation?: Propagation | undefined
}

/** A file or folder of the caller's, by its path or by a descriptor of it (of a detached mount, too). */
export interface BindMount extends MountAttributes {
  readonly type: 'bind'
  readonly source: string | { readonly fd: number }
  /** Whether mounts below the source are brought along. Default: true. */
  readonly recursive?: boolean | undefined
  /**
   * Whether the attributes (`readOnly`, `nosuid` and so on) hold for the mounts below, too, and not for the uppermost alone. Default: true. A
   * read-only mount whose mounts below are as they are is mount(8)'s `rbind,ro`; by default it is `rbind,rro`.
   */
  readonly recursiveAttributes?: boolean | undefined
  /**
   * Shows the files with the ids that this user namespace gives to them (mount_setattr(2), "ID-mapped mounts"): a file of its id 0 is, outside, of
   * the id that 0 is mapped to. A `Namespace`, or what `createUserNamespace` gives. The caller needs CAP_SYS_ADMIN over the file system, which must be one
   * that can do it (ext4, xfs, btrfs; tmpfs from Linux 6.3; not overlayfs). Default: as they are.
   */
  readonly userNamespace?: NamespaceTarget | undefined
}

/**
 * Folders of the caller's over one another (overlayfs). It is made by the caller where that is root, and otherwise in the process's user
 * namespace, which needs Linux 6.8. Device nodes in it cannot be opened.
 */
export interface OverlayMount extends MountAttributes {
  readonly type: 'overlay'
  /** The folders that are read, the uppermost first: at least one, and without `upper` two. At most 500. */
  readonly lowers: readonly string[]
  /** The folder that is written. Default: none, nothing can be. */
  readonly upper?: string | undefined
  /** An empty folder on the file system of `upper`, in which overlayfs works. Both are given, or none. */
  readonly work?: string | undefined
}

/** The processes of the pid namespace, and the kernel's state (proc(5)). */
export interface ProcMount extends MountAttributes {
  readonly type: 'proc'
  /**
   * What is seen of other users' processes: all (`off`), that they are there (`noaccess`), nothing (`invisible`), or only those that may be
   * traced, whoever's they are (`ptraceable`). Default: `off`.
   */
  readonly hidepid?: 'off' | 'noaccess' | 'invisible' | 'ptraceable' | undefined
  /** The group that `hidepid` does not hold for. Default: 0. */
  readonly gid?: number | undefined
  /** `pid`: only processes are shown, and nothing of the kernel. Default: all. */
  readonly subset?: 'pid' | undefined
}

/** An empty file system in memory (tmpfs(5)). */
export interface TmpfsMount extends MountAttributes {
  readonly type: 'tmpfs'
  /** Default: half of the machine's memory. */
  readonly size?: Size | undefined
  /** The top folder's mode. Default: 0o1777. */
  readonly mode?: number | undefined
  readonly uid?: number | undefined
  readonly gid?: number | undefined
}

/** Terminals of the container's own (devpts). */
export interface DevptsMount extends MountAttributes {
  readonly type: 'devpts'
  /** The group that terminals belong to. Default: none, since 5 need not be mapped. */
  readonly gid?: number | undefined
  /** Default: 0o620. */
  readonly mode?: number | undefined
  /** Default: 0o666. */
  readonly ptmxmode?: number | undefined
}

/** File systems that show a namespace: the kernel's objects, message queues, cgroups (v1 and v2 as the host has them). */
export interface KernelMount extends MountAttributes {
  readonly type: 'sysfs' | 'mqueue' | 'cgroup'
}

export type Mount = BindMount | OverlayMount | TmpfsMount | DevptsMount | ProcMount | KernelMount

/** A device node (mknod(2)), or a fifo. In a user namespace, where none can be made, the host's node of that number is bound. */
export interface Device {
  readonly path: string
  readonly type: 'char' | 'block' | 'fifo'
  readonly major?: number | undefined
  readonly minor?: number | undefined
  /** Default: 0o666. */
  readonly mode?: number | undefined
  readonly uid?: number | undefined
  readonly gid?: number | undefined
}

/** What runtime-spec's config-linux.md names under "Default Filesystems", as container engines mount it. */
export const standardMounts: readonly Mount[] = [
  { type: 'proc', target: '/proc', nosuid: true, noexec: true, nodev: true },
  { type: 'tmpfs', target: '/dev', nosuid: true, noexec: true, mode: 0o755, size: 65536 * 1024 },
  { type: 'devpts', target: '/dev/pts', nosuid: true, noexec: true, mode: 0o620, ptmxmode: 0o666 },
  { type: 'tmpfs', target: '/dev/shm', nosuid: true, noexec: true, nodev: true, mode: 0o1777, size: 65536 * 1024 },
  { type: 'mqueue', target: '/dev/mqueue', nosuid: true, noexec: true, nodev: true },
  { type: 'sysfs', target: '/sys', nosuid: true, noexec: true, nodev: true, readOnly: true },
  { type: 'cgroup', target: '/sys/fs/cgroup', nosuid: true, noexec: true, nodev: true, readOnly: true },
]

/** The nodes that runtime-spec's config-linux.md names under "Default Devices"; the links in /dev come with them. */
export const standardDevices: readonly Device[] = [
  { path: '/dev/null', type: 'char', major: 1, minor: 3 },
  { path: '/dev/zero', type: 'char', major: 1, minor: 5 },
  { path: '/dev/full', type: 'char', major: 1, minor: 7 },
  { path: '/dev/random', type: 'char', major: 1, minor: 8 },
  { path: '/dev/urandom', type: 'char', major: 1, minor: 9 },
  { path: '/dev/tty', type: 'char', major: 5, minor: 0 },
]

/** Kernel interfaces that container engines hide by default. */
export const standardMaskedPaths: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
]

/** Kernel interfaces that container engines make read-only by default. */
export const standardReadOnlyPaths: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']
