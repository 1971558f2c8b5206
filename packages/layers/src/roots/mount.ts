import { BoxError, parseSize } from '@box/core'
import { close } from 'node:fs'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Image } from '../image.ts'
import { nativeCall, nativeCallIn, nativeSync } from '../native.ts'
import type { MountOptions } from '../options.ts'
import type { StoreRights } from '../privileges.ts'
import { makeFolder } from '../sessions.ts'
import type { LowerLayer } from '../unpacked/layers.ts'
import { removeTree } from '../unpacked/trees.ts'
import { isRefused, makeCopy } from './copy.ts'
import { LayeredRoot } from './layered-root.ts'
import { makeOverlay, makeOverlayInMemory, type Place } from './overlay.ts'
import { writtenToUpper } from './written.ts'

const closeDescriptor = promisify(close)

/** `OVL_MAX_STACK` of the kernel's overlayfs. */
const mostLayers = 500

/** What a mount needs of the store. */
export interface MountContext {
  readonly privileges: StoreRights
  /** An empty folder: the lowest layer of all, for an overlay wants one, and without a writable one two. */
  readonly empty: string
  /** Where writable layers are kept. */
  readonly containers: string
  /** A name for a writable layer that nobody else uses. */
  readonly newName: () => string
}

/** What the makers of roots share. */
interface Request {
  readonly context: MountContext
  readonly image: Image
  readonly lowers: readonly string[]
  /** The folder whose metadata the root has, where a layer says it. */
  readonly like: string | undefined
  readonly options: MountOptions
  readonly closed: () => Promise<void>
}

/**
 * Makes a root of layers, the uppermost first: by overlayfs, or of a copy where that is wanted or overlayfs cannot be had. `closed` is called once it
 * is given back, and only where this function succeeds.
 * @throws BoxError `ERR_BOX_UNSUPPORTED`
 */
export async function mountRoot(
  context: MountContext,
  image: Image,
  layers: readonly LowerLayer[],
  options: MountOptions,
  closed: () => Promise<void>,
): Promise<LayeredRoot> {
  const { isHostRoot } = context.privileges
  if (!isHostRoot && options.userNamespace !== undefined)
    throw new BoxError('ERR_BOX_UNSUPPORTED', 'without the privileges of root the user namespace of a root cannot be chosen', {
      hint: 'leave userNamespace out, and use that of the mounted root',
    })
  const visible = visibleLayers(layers)
  requireMarks(visible, isHostRoot ? 'trusted' : 'user')
  const lowers = visible.map(({ path }) => path)
  const request: Request = { context, image, lowers, like: visible.find(({ record }) => record.rootEntry)?.path, options, closed }
  if (options.kind === 'copy') return await copiedRoot(request)
  try {
    return await overlayRoot(request)
  } catch (error) {
    if (options.kind === 'overlay' || !isRefused(error)) throw error
    return await copiedRoot(request).catch((second: unknown) => {
      throw isRefused(second) ? error : second
    })
  }
}

async function overlayRoot(request: Request): Promise<LayeredRoot> {
  const { context, image, lowers, like, options, closed } = request
  const { privileges, empty } = context
  if (takenForAbsent('overlay'))
    throw new BoxError('ERR_BOX_UNSUPPORTED', 'overlayfs is taken for absent', { hint: 'BOX_DENY in the environment names it' })
  // A read-only overlay shows the metadata of its uppermost folder.
  const needsTop = options.readOnly === true && like !== undefined && like !== lowers[0]
  if (lowers.length + (needsTop ? 1 : 0) > mostLayers)
    throw new BoxError('ERR_BOX_UNSUPPORTED', `an overlay has at most ${mostLayers} layers, and the image ${lowers.length}`, {
      hint: 'squash the image, or a range of its layers, or mount it with kind: "copy"',
    })
  const userXattr = !privileges.isHostRoot
  const marks = userXattr ? 'user' : 'trusted'
  // overlayfs wants one layer, and without a writable one two.
  const folders = lowers.length > (options.readOnly === true ? 1 : 0) ? lowers : [...lowers, empty]
  const parts = { kind: 'overlay', image, ownIds: userXattr, ids: privileges.ids } as const
  if (needsTop)
    return await inPlace(
      () => placeOnDisk(context),
      closed,
      async (place, _undo, end) => {
        await nativeCallIn(privileges.ids, (core) => core.makeWritable(place.fd, like))
        const overlay = await makeOverlay([join(place.path, 'upper'), ...lowers], undefined, options.userNamespace, privileges)
        return new LayeredRoot({ ...parts, ...overlay, written: undefined, closed: end })
      },
    )
  if (options.readOnly === true) {
    const overlay = await makeOverlay(folders, undefined, options.userNamespace, privileges)
    return new LayeredRoot({ ...parts, ...overlay, written: undefined, closed })
  }
  const attempt = (makePlace: () => Promise<Place>): Promise<LayeredRoot> =>
    inPlace(makePlace, closed, async (place, undo, end) => {
      await nativeCallIn(privileges.ids, (core) => core.makeWritable(place.fd, like))
      const fd = nativeSync((core) => core.openFolderAt(place.fd, 'upper'))
      undo.push(() => closeDescriptor(fd))
      const written = writtenToUpper({ kind: place.kind, fd, owner: place.fd, marks, ids: privileges.ids }, lowers)
      return new LayeredRoot({ ...parts, ...(await makeOverlay(folders, place, options.userNamespace, privileges)), written, closed: end })
    })
  const inMemory = async (size: number): Promise<LayeredRoot> => {
    if (!userXattr) return await attempt(() => placeInMemory(size))
    const { overlay, memory } = await makeOverlayInMemory(folders, size, like ?? empty, privileges)
    const fd = nativeSync((core) => core.openFolderAt(memory, 'upper'))
    return new LayeredRoot({
      ...parts,
      ...overlay,
      written: writtenToUpper({ kind: 'tmpfs', fd, owner: memory, marks, ids: privileges.ids }, lowers),
      closed,
    })
  }
  const { upper } = options
  if (typeof upper === 'object') return await inMemory(parseSize(upper.tmpfs))
  try {
    return await attempt(() => placeOnDisk(context))
  } catch (error) {
    if (upper === 'disk' || !isRefusedUpper(error)) throw error
    // What the kernel refuses may be the file system of the store, or overlays as such; only a second try tells.
    return await inMemory(Math.floor(totalmem() / 2)).catch(() => {
      throw error
    })
  }
}

async function copiedRoot({ context, image, lowers, like, options, closed }: Request): Promise<LayeredRoot> {
  const { userNamespace, upper, readOnly = false, kind } = options
  const { privileges } = context
  const makePlace = (): Promise<Place> => (typeof upper === 'object' ? placeInMemory(parseSize(upper.tmpfs)) : placeOnDisk(context))
  return await inPlace(makePlace, closed, async (place, _undo, end) => {
    const parts = { lowers, like, userNamespace, readOnly, unmounted: kind === 'copy', privileges }
    const { mounted, written, sharesBlocks } = await makeCopy(place, parts)
    const closedAfter = async (): Promise<void> => {
      if (readOnly) await written.close()
      await end()
    }
    return new LayeredRoot({
      ...mounted,
      kind: sharesBlocks ? 'reflink' : 'copy',
      image,
      written: readOnly ? undefined : written,
      ownIds: !privileges.isHostRoot,
      ids: privileges.ids,
      closed: closedAfter,
    })
  })
}

/** Makes a root in a place of its own, which goes with it; where the root cannot be made, at once. */
async function inPlace<Made extends Place>(
  makePlace: () => Promise<Made>,
  closed: () => Promise<void>,
  make: (place: Made, undo: (() => Promise<void>)[], end: () => Promise<void>) => Promise<LayeredRoot>,
): Promise<LayeredRoot> {
  const undo: (() => Promise<void>)[] = []
  try {
    const place = await makePlace()
    undo.push(place.remove, () => closeDescriptor(place.fd))
    const end = async (): Promise<void> => {
      try {
        await place.remove()
      } finally {
        await closed()
      }
    }
    return await make(place, undo, end)
  } catch (error) {
    for (const step of undo.toReversed()) await step()
    throw error
  }
}

async function placeOnDisk({ containers, newName, privileges }: MountContext): Promise<Place & { readonly path: string }> {
  const path = await makeFolder(join(containers, newName()))
  const remove = (): Promise<void> => removeTree(path, privileges.ids)
  try {
    return { kind: 'disk', fd: nativeSync((core) => core.openFolderPath(path)), path, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

/** What is in memory goes with its last descriptor. */
async function placeInMemory(size: number): Promise<Place> {
  return { kind: 'tmpfs', fd: await nativeCall((core) => core.mountTmpfs(size, 0o755)), path: undefined, remove: async () => undefined }
}

/** Whether `BOX_DENY` of the environment names a feature: what goes on without it can be tried out on a machine that has it. */
function takenForAbsent(feature: 'overlay'): boolean {
  return (process.env['BOX_DENY'] ?? '').split(',').includes(feature)
}

/** overlayfs takes no notice of an opaque root folder: what lies below one is left out. */
function visibleLayers(layers: readonly LowerLayer[]): readonly LowerLayer[] {
  const opaque = layers.findIndex(({ record }) => record.rootOpaque)
  return opaque < 0 ? layers : layers.slice(0, opaque + 1)
}

function requireMarks(layers: readonly LowerLayer[], mark: 'trusted' | 'user'): void {
  const layer = layers.find(({ record }) => !record.opaqueMarks.includes(mark))
  if (layer === undefined) return
  throw new BoxError(
    'ERR_BOX_UNSUPPORTED',
    `the layer ${layer.record.diffID} was unpacked with other privileges: files that it hides would be seen`,
    {
      hint: 'use the store as who made it, or pull the image into a new one',
    },
  )
}

/** What the kernel answers to an upper folder that it cannot use, among other things. */
function isRefusedUpper(error: unknown): boolean {
  if (!(error instanceof BoxError)) return false
  return error.code === 'ERR_BOX_UNSUPPORTED' || error.errno === 'EINVAL' || error.errno === 'EOPNOTSUPP'
}
