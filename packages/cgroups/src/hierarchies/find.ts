import type { Membership } from './membership.ts'
import type { Mount } from './mountinfo.ts'

/** A mounted hierarchy of groups. */
export interface Hierarchy {
  readonly version: 1 | 2
  /** Of a v1 hierarchy; on v2 they are read from `cgroup.controllers`, because they differ by folder. */
  readonly controllers: readonly string[]
  readonly mountPoint: string
  /** The group that the mount shows at its mount point. */
  readonly root: string
  readonly readOnly: boolean
}

/** Which hierarchies are mounted. Hierarchies without a controller (`name=systemd`) are left out. */
export interface Hierarchies {
  readonly v2: Hierarchy | undefined
  readonly v1: readonly Hierarchy[]
}

/**
 * Finds the mounted hierarchies. Where one is mounted more than once, a writable mount that shows the process's own group is taken before any
 * other.
 */
export function findHierarchies(mounts: readonly Mount[], memberships: readonly Membership[]): Hierarchies {
  // A later mount on the same folder hides the earlier one.
  const visible = new Map(mounts.map((mount) => [mount.mountPoint, mount]))
  const find = (membership: Membership): Hierarchy | undefined => {
    const candidates = [...visible.values()].filter((mount) => isMountOf(mount, membership)).map((mount) => toHierarchy(mount, membership))
    const rank = (it: Hierarchy): number => (folderOf(it, membership.path) === undefined ? 2 : 0) + (it.readOnly ? 1 : 0)
    return candidates.toSorted((a, b) => rank(a) - rank(b))[0]
  }
  const v2 = memberships.find((it) => it.hierarchy === 0)
  const v1 = memberships.filter((it) => it.hierarchy !== 0 && !it.controllers.some((name) => name.startsWith('name=')))
  return { v2: v2 && find(v2), v1: v1.map(find).filter((it) => it !== undefined) }
}

function isMountOf(mount: Mount, { hierarchy, controllers }: Membership): boolean {
  if (hierarchy === 0) return mount.type === 'cgroup2'
  return mount.type === 'cgroup' && controllers.length > 0 && controllers.every((name) => mount.superOptions.includes(name))
}

function toHierarchy(mount: Mount, { hierarchy, controllers }: Membership): Hierarchy {
  const { mountPoint, root } = mount
  return { version: hierarchy === 0 ? 2 : 1, controllers, mountPoint, root, readOnly: mount.options.includes('ro') }
}

/** The folder of a group, given as in /proc/PID/cgroup; undefined where the mount does not show it. */
export function folderOf({ mountPoint, root }: Hierarchy, path: string): string | undefined {
  if (path.split('/').includes('..')) return undefined
  const prefix = root === '/' ? '' : root
  if (path === root || path === '/') return path === root ? mountPoint : undefined
  return path.startsWith(`${prefix}/`) ? `${mountPoint}${path.slice(prefix.length)}` : undefined
}

/** What /proc/PID/cgroup says of the processes in a folder of a hierarchy. */
export function pathOf({ mountPoint, root }: Hierarchy, folder: string): string {
  const below = folder.slice(mountPoint.length)
  return below === '' ? root : `${root === '/' ? '' : root}${below}`
}

/** The hierarchy that a folder is in. */
export function hierarchyOf({ v2, v1 }: Hierarchies, folder: string): Hierarchy | undefined {
  return [...(v2 === undefined ? [] : [v2]), ...v1].find(({ mountPoint }) => `${folder}/`.startsWith(`${mountPoint}/`))
}
