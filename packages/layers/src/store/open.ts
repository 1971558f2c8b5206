import { BoxError, type Digest, refuseUnknownOptions } from '@box/core'
import { type ImageLayout, layout, socketLocks, splitDigest } from '@box/oci'
import { closeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { LayerStore } from '../layer-store.ts'
import { openOptions } from '../option-names.ts'
import type { OpenOptions } from '../options.ts'
import { privileges } from '../privileges.ts'
import { makeFolder, Session } from '../sessions.ts'
import { Durable } from '../unpacked/durable.ts'
import { UnpackedLayers } from '../unpacked/layers.ts'
import { layerReceiver } from '../unpacked/receiver.ts'
import { isThere } from '../absent.ts'
import { Holds } from './holds.ts'
import { ImageNames } from './names.ts'
import { waitForPruner } from './pruning.ts'
import type { StoreParts } from './parts.ts'
import { Store } from './store.ts'
import { agreeOnOwners } from './owners.ts'
import { sweep } from './sweep.ts'
import { UnpackedNames } from './unpacked-names.ts'
import { systemCalls } from '../system-calls.ts'

/** Opens a store. See `LayerStore.open`. */
export async function openStore(given: string, options: OpenOptions = {}): Promise<LayerStore> {
  if (process.platform !== 'linux') throw new BoxError('ERR_BOX_UNSUPPORTED', `a layer store needs Linux, not ${process.platform}`)
  return await systemCalls(() => openOnLinux(given, options))
}

async function openOnLinux(given: string, options: OpenOptions): Promise<LayerStore> {
  if (typeof given !== 'string' || given === '')
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `the store's folder cannot be ${JSON.stringify(given)}: expected a path`)
  refuseUnknownOptions('LayerStore.open', options, openOptions)
  const path = resolve(given)
  const { create = true, durability = 'pull', keep = 'all' } = options
  if (!['all', 'unpacked'].includes(keep))
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `keep: ${JSON.stringify(keep)} is neither "all" nor "unpacked"`)
  if (!create && !(await isThere(join(path, 'oci-layout'))))
    throw new BoxError('ERR_BOX_NOT_FOUND', `there is no store at ${path}`, { path })
  const locks = socketLocks()
  let layers: UnpackedLayers | undefined
  const images: ImageLayout = layout(path, {
    locks,
    durability: durability === 'none' ? 'none' : 'full',
    receive: layerReceiver(() => {
      if (layers === undefined) throw new BoxError('ERR_BOX_STATE', 'the store is not open yet')
      return layers
    }, keep),
  })
  await images.make()
  const rights = await agreeOnOwners(path, privileges())
  try {
    const parts = await openParts({ path, keep, images, locks, privileges: rights }, durability)
    layers = parts.layers
    return new Store(parts)
  } catch (error) {
    if (rights.ids !== undefined) closeSync(rights.ids.fd)
    throw error
  }
}

/** What is in the store's folder beside the image layout. */
async function openParts(
  store: Pick<StoreParts, 'path' | 'keep' | 'images' | 'locks' | 'privileges'>,
  durability: NonNullable<OpenOptions['durability']>,
): Promise<StoreParts> {
  const { path, locks } = store
  const folders = {
    staging: join(path, 'staging'),
    layers: await makeFolder(join(path, 'layers')),
    containers: await makeFolder(join(path, 'containers')),
    sessions: await makeFolder(join(path, 'sessions')),
    empty: await makeFolder(join(path, 'layers', 'empty'), 0o755),
  }
  const session = await Session.begin(folders.sessions, locks)
  try {
    const holds = new Holds(session)
    const durable = await Durable.of(folders.layers, durability)
    const layers = new UnpackedLayers(folders.layers, {
      locks,
      session,
      privileges: store.privileges,
      durable,
      hold: (digests) => holds.add(digests),
      blobPath: (digest) => {
        const { algorithm, encoded } = splitDigest(digest)
        return join(path, 'blobs', algorithm, encoded)
      },
    })
    await layers.make()
    const unpacked = new UnpackedNames(folders.layers, layers.staging, locks)
    const hold = async (digests: readonly Digest[]): Promise<void> => {
      await holds.add(digests)
      // Only once a prune that began without knowing of it is over, what is there is sure to stay.
      await waitForPruner(folders.sessions, locks)
    }
    const names = new ImageNames({ images: store.images, layers, unpacked, durable, hold })
    const parts: StoreParts = { ...store, names, unpacked, layers, folders, session, hold, holds, durable }
    await sweep(parts)
    return parts
  } catch (error) {
    await session.end()
    throw error
  }
}
