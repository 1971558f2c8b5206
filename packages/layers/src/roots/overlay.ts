import { BoxError, type UserNamespaceTarget } from '@box/core'
import { join } from 'node:path'
import { nativeCall } from '../native.ts'
import type { Privileges } from '../privileges.ts'

/** The folder that holds `upper` and `work`. */
export interface Place {
  readonly kind: 'disk' | 'tmpfs'
  readonly fd: number
  /** Where it is, unless it is in memory. */
  readonly path: string | undefined
  readonly remove: () => Promise<void>
}

/** A mount, and what belongs to it. Its descriptors are the caller's to close. */
export interface Overlay {
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
  { isHostRoot }: Privileges,
): Promise<Overlay> {
  if (isHostRoot) return { fd: await direct(lowers, place, false, userNamespace), userNamespace, ownsNamespace: false }
  if (userNamespace !== undefined)
    throw new BoxError('ERR_BOX_UNSUPPORTED', 'without the privileges of root the user namespace of a root cannot be chosen', {
      hint: 'leave userNamespace out, and use that of the mounted root',
    })
  if (process.geteuid?.() !== 0) return await inOwnNamespace(lowers, place)
  try {
    return { fd: await direct(lowers, place, true, undefined), userNamespace: undefined, ownsNamespace: false }
  } catch (error) {
    // Id 0 of a user namespace may mount only where its mount namespace is its own, too.
    if (error instanceof BoxError && error.code === 'ERR_BOX_PERMISSION') return await inOwnNamespace(lowers, place)
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

/** As an ordinary user: a user namespace in which the caller is id 0 is made together with the mount. */
async function inOwnNamespace(lowers: readonly string[], place: Place | undefined): Promise<Overlay> {
  if (place !== undefined && place.path === undefined)
    throw new BoxError('ERR_BOX_UNSUPPORTED', 'without the privileges of root a writable layer cannot be kept in memory')
  const uidMappings = [{ containerId: 0, hostId: process.geteuid?.() ?? 0, size: 1 }]
  const gidMappings = [{ containerId: 0, hostId: process.getegid?.() ?? 0, size: 1 }]
  const made = await nativeCall(
    (core) =>
      core.mountOverlayInUserNamespace({
        lowers: [...lowers],
        options: place === undefined ? userOptions : [...userOptions, 'volatile'],
        uidMappings,
        gidMappings,
        ...(place?.path === undefined ? {} : { upper: join(place.path, 'upper'), work: join(place.path, 'work') }),
      }),
    'rootless roots need user namespaces and, in them, overlayfs: kernel 5.11, and no policy that forbids them',
  )
  return { fd: made.mountFd, userNamespace: { fd: made.userNamespaceFd, uidMappings, gidMappings }, ownsNamespace: true }
}
