import { BoxError, parseSize } from '@box/core'
import { close } from 'node:fs'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Image } from '../image.ts'
import { nativeCall, nativeSync } from '../native.ts'
import type { MountOptions } from '../options.ts'
import type { Privileges } from '../privileges.ts'
import { makeFolder } from '../sessions.ts'
import type { LowerLayer } from '../unpacked/layers.ts'
import { removeTree } from '../unpacked/trees.ts'
import { makeOverlay, makeOverlayInMemory, type Overlay, type Place } from './overlay.ts'
import { OverlayRoot, type WritableLayer } from './overlay-root.ts'

const closeDescriptor = promisify(close)

/** What a mount needs of the store. */
export interface MountContext {
  readonly privileges: Privileges
  /** An empty folder: the lowest layer of all, for an overlay wants one, and without a writable one two. */
  readonly empty: string
  /** Where writable layers are kept. */
  readonly containers: string
  /** A name for a writable layer that nobody else uses. */
  readonly newName: () => string
}

/**
 * Makes a root of layers, the uppermost first. `closed` is called once it is given back, and only where this function succeeds.
 * @throws BoxError `ERR_BOX_UNSUPPORTED`
 */
export async function mountRoot(
  context: MountContext,
  image: Image,
  layers: readonly LowerLayer[],
  options: MountOptions,
  closed: () => Promise<void>,
): Promise<OverlayRoot> {
  const userXattr = !context.privileges.isHostRoot
  const visible = visibleLayers(layers)
  requireMarks(visible, userXattr ? 'user' : 'trusted')
  const lowers = visible.map(({ path }) => path)
  const overlay = async (place: Place | undefined): Promise<Overlay> =>
    await makeOverlay([...lowers, context.empty], place, options.userNamespace, context.privileges)
  if (options.readOnly === true)
    return new OverlayRoot({ ...(await overlay(undefined)), image, writable: undefined, lowers, userXattr, closed })
  const like = visible.find(({ record }) => record.rootEntry)?.path
  const attempt = async (makePlace: () => Promise<Place>): Promise<OverlayRoot> => {
    const undo: (() => Promise<void>)[] = []
    try {
      const place = await makePlace()
      undo.push(place.remove, () => closeDescriptor(place.fd))
      await nativeCall((core) => core.makeWritable(place.fd, like))
      const upper = nativeSync((core) => core.openFolderAt(place.fd, 'upper'))
      undo.push(() => closeDescriptor(upper))
      const writable: WritableLayer = { kind: place.kind, upper, owner: place.fd }
      const end = async (): Promise<void> => {
        try {
          await place.remove()
        } finally {
          await closed()
        }
      }
      return new OverlayRoot({ ...(await overlay(place)), image, writable, lowers, userXattr, closed: end })
    } catch (error) {
      for (const step of undo.toReversed()) await step()
      throw error
    }
  }
  const inMemory = async (size: number): Promise<OverlayRoot> => {
    if (!userXattr) return await attempt(() => placeInMemory(size))
    const { overlay, memory } = await makeOverlayInMemory([...lowers, context.empty], size, like ?? context.empty, options.userNamespace)
    const writable: WritableLayer = { kind: 'tmpfs', upper: nativeSync((core) => core.openFolderAt(memory, 'upper')), owner: memory }
    return new OverlayRoot({ ...overlay, image, writable, lowers, userXattr, closed })
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

async function placeOnDisk({ containers, newName }: MountContext): Promise<Place> {
  const path = await makeFolder(join(containers, newName()))
  const remove = (): Promise<void> => removeTree(path)
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
