import { BoxError, channels } from '@box/core'
import type { Image } from '../image.ts'
import { chainIDs } from '../images/chain.ts'
import type { MountedRoot } from '../mounted-root.ts'
import type { MountOptions } from '../options.ts'
import { LayeredRoot } from '../roots/layered-root.ts'
import { mountRoot } from '../roots/mount.ts'
import type { LowerLayer, UnpackedLayers } from '../unpacked/layers.ts'
import { lowersOf } from './lowers.ts'
import type { StoreParts } from './parts.ts'
import { waitForPruner } from './pruning.ts'

/** The roots that a store has mounted. What a root needs is leased for as long as it is there. */
export class Mounts {
  readonly #roots = new Set<LayeredRoot>()
  readonly #lowers = new WeakMap<Image, readonly LowerLayer[]>()

  get size(): number {
    return this.#roots.size
  }

  /** The root, where it is one of these. @throws BoxError `ERR_BOX_INVALID_ARGUMENT` */
  own(root: MountedRoot): LayeredRoot {
    if (root instanceof LayeredRoot && this.#roots.has(root)) return root
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'the root was not mounted by this store, or is closed')
  }

  async mount(store: StoreParts, image: Image, options: MountOptions): Promise<LayeredRoot> {
    return await channels.mount.tracePromise(() => this.#mount(store, image, options), { image: image.digest })
  }

  async #mount(store: StoreParts, image: Image, options: MountOptions): Promise<LayeredRoot> {
    const { privileges, folders, session, layers, locks } = store
    const diffIDs = image.layers.map(({ diffID }) => diffID)
    const content = [image.digest, image.manifest.config.digest, ...image.layers.map(({ descriptor }) => descriptor.digest)]
    const lease = await session.lease([...new Set([...content, ...diffIDs, ...chainIDs(diffIDs)])])
    await waitForPruner(folders.sessions, locks)
    const closed = async (): Promise<void> => {
      this.#roots.delete(root)
      await lease.release()
    }
    const context = { privileges, empty: folders.empty, containers: folders.containers, newName: () => session.newName() }
    const make = (lowers: readonly LowerLayer[]): Promise<LayeredRoot> => mountRoot(context, image, lowers, options, closed)
    const root = await this.#withLowers(layers, image, make).catch(async (error: unknown) => {
      await lease.release()
      throw error
    })
    this.#roots.add(root)
    return root
  }

  /** What was found before is there as long as nobody pruned it, which the mount finds out. */
  async #withLowers<Value>(layers: UnpackedLayers, image: Image, use: (lowers: readonly LowerLayer[]) => Promise<Value>): Promise<Value> {
    const known = this.#lowers.get(image)
    if (known !== undefined)
      try {
        return await use(known)
      } catch (error) {
        this.#lowers.delete(image)
        if (!(error instanceof BoxError) || error.code !== 'ERR_BOX_NOT_FOUND') throw error
      }
    const found = await lowersOf(layers, image)
    this.#lowers.set(image, found)
    return await use(found)
  }
}
