import { BoxError, type IdMapping, type UserNamespaceTarget } from '@box/core'
import { join } from 'node:path'
import { nativeCall, nativeCallForNamespaces } from '../native.ts'
import type { StoreRights } from '../privileges.ts'

/** The folder that holds `upper` and `work`. */
export interface Place {
  readonly kind: 'disk' | 'tmpfs'
  readonly fd: number
  /** Where it is, unless it is in memory. */
  readonly path: string | undefined
  readonly remove: () => Promise<void>
}

/** A mount, and what belongs to it. Its descriptors are the caller's to close. */
export interface Mounted {
  readonly fd: number
  /** The namespace for whose ids the tree is made. */
  readonly userNamespace: UserNamespaceTarget | undefined
  /** The namespace was made for this mount. */
  readonly ownsNamespace: boolean
}

/** What overlayfs must not do, for the upper folder alone to hold all changes; distributions have other defaults. */
const userOptions = ['userxattr', 'index=off', 'xino=off', 'metacopy=off']

/** Makes an overlay of folders, the uppermost first, with what privileges there are. */
export async function makeOverlay(
  lowers: readonly string[],
  place: Place | undefined,
  userNamespace: UserNamespaceTarget | undefined,
  privileges: StoreRights,
): Promise<Mounted> {
  if (privileges.isHostRoot) return { fd: await direct(lowers, place, false, userNamespace), userNamespace, ownsNamespace: false }
  if (process.geteuid?.() !== 0) return (await inOwnNamespace(lowers, writableIn(place), privileges)).overlay
  try {
    return { fd: await direct(lowers, place, true, undefined), userNamespace: undefined, ownsNamespace: false }
  } catch (error) {
    // Id 0 of a user namespace may mount only where its mount namespace is its own, too.
    if (error instanceof BoxError && error.code === 'ERR_BOX_PERMISSION')
      return (await inOwnNamespace(lowers, writableIn(place), privileges)).overlay
    throw error
  }
}

async function direct(
  lowers: readonly string[],
  place: Place | undefined,
  userXattr: boolean,
  userNamespace: UserNamespaceTarget | undefined,
): Promise<number> {
  return await nativeCall((core) =>
    core.mountOverlay({
      lowers: [...lowers],
      userXattr,
      ...(place === undefined ? {} : { writable: place.fd }),
      ...(userNamespace === undefined ? {} : { userNamespace: userNamespace.fd }),
    }),
  )
}

/** The same, and what is written is kept in memory, up to `size` bytes, in a root with the mode of the folder `like`. */
export async function makeOverlayInMemory(
  lowers: readonly string[],
  size: number,
  like: string,
  privileges: StoreRights,
): Promise<{ readonly overlay: Mounted; readonly memory: number }> {
  const { overlay, memory } = await inOwnNamespace(lowers, { memory: size, like }, privileges)
  if (memory === undefined) throw new BoxError('ERR_BOX_SYSTEM', 'the native core made no file system in memory')
  return { overlay, memory }
}

function writableIn(place: Place | undefined): Writable | undefined {
  return place?.path === undefined ? undefined : { upper: join(place.path, 'upper'), work: join(place.path, 'work') }
}

type Writable = { readonly upper: string; readonly work: string } | { readonly memory: number; readonly like: string }

/** As an ordinary user: a user namespace in which the caller is id 0 is made together with the mount. */
async function inOwnNamespace(
  lowers: readonly string[],
  writable: Writable | undefined,
  privileges: StoreRights,
): Promise<{ readonly overlay: Mounted; readonly memory: number | undefined }> {
  const { uidMappings, gidMappings } = mapsOf(privileges)
  const { mountFd, memoryFd, userNamespaceFd } = await nativeCallForNamespaces(
    (core) =>
      core.mountOverlayInUserNamespace({
        lowers: [...lowers],
        options: writable === undefined ? userOptions : [...userOptions, 'volatile'],
        uidMappings,
        gidMappings,
        ...writable,
      }),
    'rootless roots need user namespaces and, in them, overlayfs: kernel 5.11, and no policy that forbids them',
  )
  const overlay: Mounted = { fd: mountFd, userNamespace: { fd: userNamespaceFd, uidMappings, gidMappings }, ownsNamespace: true }
  return { overlay, memory: memoryFd }
}

/** The maps of a root's own namespace: those of the store, or the caller alone as id 0, which an ordinary user may always map. */
export function mapsOf({ ids }: StoreRights): { readonly uidMappings: IdMapping[]; readonly gidMappings: IdMapping[] } {
  if (ids !== undefined) return { uidMappings: [...ids.uidMappings], gidMappings: [...ids.gidMappings] }
  return {
    uidMappings: [{ containerId: 0, hostId: process.geteuid?.() ?? 0, size: 1 }],
    gidMappings: [{ containerId: 0, hostId: process.getegid?.() ?? 0, size: 1 }],
  }
}
