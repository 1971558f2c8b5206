import { readFileSync } from 'node:fs'

/** What this process may do with files that belong to others, which decides how layers are kept on the disk. */
export interface Privileges {
  /** Files keep the owners that the image gives them; otherwise all belong to the caller, as id 0 of a user namespace sees it. */
  readonly keepsOwners: boolean
  /** The process is root outside of any user namespace: it makes device nodes and `trusted.*` attributes, and mounts. */
  readonly isHostRoot: boolean
}

/** How many ids a map must have for an image's owners to be kept: what engines give to a container. */
const enough = 65_536

/** The privileges of this process. Reads `/proc/self/uid_map` and `/proc/self/gid_map` (user_namespaces(7)). */
export function privileges(): Privileges {
  const isRoot = process.geteuid?.() === 0
  if (!isRoot) return { keepsOwners: false, isHostRoot: false }
  const sizes = ['/proc/self/uid_map', '/proc/self/gid_map'].map(mappedFromZero)
  return { keepsOwners: sizes.every((size) => size >= enough), isHostRoot: sizes.every((size) => size === 4_294_967_295) }
}

/** How many ids, from 0 up, the map holds. */
function mappedFromZero(path: string): number {
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [inside, , size] = line.trim().split(/\s+/).map(Number)
    if (inside === 0 && size !== undefined) return size
  }
  return 0
}
