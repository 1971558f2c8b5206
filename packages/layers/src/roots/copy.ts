import { BoxError, type UserNamespaceTarget } from '@box/core'
import { close } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { nativeCall, nativeCallForNamespaces, nativeCallIn, nativeSync } from '../native.ts'
import type { StoreRights } from '../privileges.ts'
import { mapsOf, type Mounted, type Place } from './overlay.ts'
import { type Written, writtenToCopy } from './written.ts'

const closeDescriptor = promisify(close)

/** What a copy is made of. */
export interface CopyParts {
  /** The trees of the layers, the uppermost first. */
  readonly lowers: readonly string[]
  /** The folder whose metadata the root has. */
  readonly like: string | undefined
  readonly userNamespace: UserNamespaceTarget | undefined
  readonly readOnly: boolean
  /** Where nothing can be mounted the folder itself is the root. */
  readonly unmounted: boolean
  readonly privileges: StoreRights
}

/** A copy of layers that is mounted. */
export interface MountedCopy {
  readonly mounted: Mounted
  readonly written: Written
  /** Files share their blocks with those of the layers. */
  readonly sharesBlocks: boolean
}

/** Copies layers into the folder `tree` of a place, and mounts that. The place's descriptor is handed over where this succeeds. */
export async function makeCopy(place: Place, parts: CopyParts): Promise<MountedCopy> {
  await mkdir(`/proc/self/fd/${place.fd}/tree`, 0o700)
  const tree = nativeSync((core) => core.openFolderAt(place.fd, 'tree'))
  const undo = [tree]
  try {
    // Before anything is copied: where nothing can be mounted, it would be for nothing.
    const mounted = await mountOrOpen(place, tree, parts)
    undo.push(mounted.fd, ...(mounted.ownsNamespace && mounted.userNamespace !== undefined ? [mounted.userNamespace.fd] : []))
    const copy = await nativeCallIn(parts.privileges.ids, (core) => core.copyLayers(tree, [...parts.lowers], parts.like))
    const written = writtenToCopy({ kind: place.kind, fd: tree, owner: place.fd, ids: parts.privileges.ids }, copy, parts.lowers)
    return { mounted, written, sharesBlocks: copy.sharesBlocks }
  } catch (error) {
    for (const fd of undo) await closeDescriptor(fd)
    throw error
  }
}

async function mountOrOpen(place: Place, tree: number, parts: CopyParts): Promise<Mounted> {
  try {
    return await mountFolder(place, tree, parts)
  } catch (error) {
    if (!parts.unmounted || parts.readOnly || parts.userNamespace !== undefined || !isRefused(error)) throw error
    return { fd: nativeSync((core) => core.openFolderAt(place.fd, 'tree')), userNamespace: undefined, ownsNamespace: false }
  }
}

async function mountFolder(place: Place, tree: number, parts: CopyParts): Promise<Mounted> {
  const { userNamespace, readOnly, privileges } = parts
  const direct = async (): Promise<Mounted> => {
    const fd = await nativeCall((core) => core.mountTree(tree, userNamespace?.fd, readOnly))
    return { fd, userNamespace, ownsNamespace: false }
  }
  if (privileges.isHostRoot) return await direct()
  if (process.geteuid?.() === 0)
    try {
      return await direct()
    } catch (error) {
      // Id 0 of a user namespace may mount only where its mount namespace is its own, too.
      if (!isRefused(error)) throw error
    }
  if (place.path === undefined)
    throw new BoxError('ERR_BOX_UNSUPPORTED', 'an ordinary user cannot have a root that is copied to memory', { hint: 'leave upper out' })
  const path = join(place.path, 'tree')
  const { uidMappings, gidMappings } = mapsOf(privileges)
  const made = await nativeCallForNamespaces(
    (core) => core.mountTreeInUserNamespace(path, readOnly, uidMappings, gidMappings),
    'rootless roots need user namespaces, and no policy that forbids them',
  )
  return { fd: made.mountFd, userNamespace: { fd: made.userNamespaceFd, uidMappings, gidMappings }, ownsNamespace: true }
}

/** What the kernel answers where it does not let something be mounted, for whatever reason. */
export function isRefused(error: unknown): boolean {
  if (!(error instanceof BoxError)) return false
  if (error.code === 'ERR_BOX_UNSUPPORTED' || error.code === 'ERR_BOX_PERMISSION') return true
  return error.errno !== undefined && refusals.has(error.errno)
}

const refusals: ReadonlySet<string> = new Set(['EPERM', 'EACCES', 'EINVAL', 'EOPNOTSUPP', 'ENOSYS', 'ENODEV'])
