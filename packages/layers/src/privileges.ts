import type { UserNamespaceTarget } from '@box/core'
import { readFileSync } from 'node:fs'

/** What this process may do with files that belong to others, which decides how layers are kept on the disk, and how they are mounted. */
export interface Privileges {
  /** Files keep the owners that the image gives them; otherwise all belong to the caller, as id 0 of a user namespace sees it. */
  readonly keepsOwners: boolean
  /** Device nodes can be made. */
  readonly makesDevices: boolean
  /** The process is root outside of any user namespace, with all that belongs to it: it sets `trusted.*` attributes, and mounts for everyone. */
  readonly isHostRoot: boolean
}

/** The privileges that a store's files are handled with. */
export interface StoreRights extends Privileges {
  /** The user namespace in which an ordinary user keeps files of several owners; nothing where they are all of one, or the process's own. */
  readonly ids: UserNamespaceTarget | undefined
}

/** How many ids a map must have for an image's owners to be kept: what engines give to a container. */
export const enough = 65_536

/** The size of a map that maps every id. */
const all = 4_294_967_295

/** Numbers of capabilities(7), as linux/capability.h has them. */
const capability = { chown: 0, sysAdmin: 21, mknod: 27 } as const

/** The privileges of this process, by its capabilities and the maps of its user namespace (proc(5), user_namespaces(7)). */
export function privileges(): Privileges {
  const mapped = Math.min(...['/proc/self/uid_map', '/proc/self/gid_map'].map((path) => mappedFromZero(readFileSync(path, 'utf8'))))
  return privilegesOf(readFileSync('/proc/self/status', 'utf8'), mapped)
}

/** The same from the text of `/proc/self/status`, and how many ids are mapped from 0 up. */
export function privilegesOf(status: string, mapped: number): Privileges {
  const [, uid] = /^Uid:\s+\d+\s+(\d+)/m.exec(status) ?? []
  const [, mask] = /^CapEff:\s+([0-9a-f]+)$/m.exec(status) ?? []
  const effective = BigInt(`0x${mask ?? '0'}`)
  const has = (number: number): boolean => uid === '0' && ((effective >> BigInt(number)) & 1n) === 1n
  return {
    keepsOwners: mapped >= enough && has(capability.chown),
    makesDevices: mapped === all && has(capability.mknod),
    isHostRoot: mapped === all && has(capability.sysAdmin),
  }
}

/** How many ids, from 0 up, a map holds. */
export function mappedFromZero(map: string): number {
  for (const line of map.split('\n')) {
    const [inside, , size] = line.trim().split(/\s+/).map(Number)
    if (inside === 0 && size !== undefined) return size
  }
  return 0
}
