/**
 * The small structural types by which the packages meet without importing one another.
 * A descriptor (`fd`) stays the property of the object that carries it: whoever receives one uses it and does not close it.
 */

/** A process: its id, and a pidfd (pidfd_open(2)) that keeps the id from being taken for another process. */
export interface ProcessTarget {
  readonly pid: number
  readonly pidfd: number
}

/** A cgroup that a process can be placed in: absolute folders, one in the v2 hierarchy and one in each v1 hierarchy that is used. */
export interface CgroupTarget {
  readonly paths: {
    readonly v2?: string | undefined
    readonly v1: readonly string[]
  }
}

/** One line of a user namespace's map (user_namespaces(7)): `size` ids from `containerId` inside are those from `hostId` outside. */
export interface IdMapping {
  readonly containerId: number
  readonly hostId: number
  readonly size: number
}

/** A user namespace held by a descriptor, with its maps. */
export interface UserNamespaceTarget {
  readonly fd: number
  readonly uidMappings: readonly IdMapping[]
  readonly gidMappings: readonly IdMapping[]
}

/**
 * A file tree that can be a container's root. `fd` refers to a mount (fsmount(2), open_tree(2)) that need not be attached anywhere; each
 * launch attaches a clone of it in its own mount namespace.
 */
export interface Root {
  readonly fd: number
  /** Where the tree is attached in the caller's mount namespace, if it is. */
  readonly path?: string | undefined
  /** The user namespace for whose ids the tree was made. A process with this root is started in it, or in one with the same maps. */
  readonly userNamespace?: UserNamespaceTarget | undefined
}

/** A network namespace held by a descriptor. */
export interface NetworkTarget {
  readonly fd: number
}
