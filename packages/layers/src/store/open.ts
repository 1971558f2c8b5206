import { BoxError, refuseUnknownOptions } from '@box/core'
import { type ImageLayout, layout, socketLocks, splitDigest } from '@box/oci'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { LayerStore } from '../layer-store.ts'
import { openOptions } from '../option-names.ts'
import type { OpenOptions } from '../options.ts'
import { privileges } from '../privileges.ts'
import { makeFolder, Session } from '../sessions.ts'
import { Durable, syncedFile } from '../unpacked/durable.ts'
import { UnpackedLayers } from '../unpacked/layers.ts'
import { layerReceiver } from '../unpacked/receiver.ts'
import { isAbsent, isThere } from '../absent.ts'
import { Holds } from './holds.ts'
import { Store, type StoreParts } from './store.ts'
import { sweep } from './sweep.ts'
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
  const { create = true, durability = 'pull' } = options
  if (!create && !(await isThere(join(path, 'oci-layout'))))
    throw new BoxError('ERR_BOX_NOT_FOUND', `there is no store at ${path}`, { path })
  const locks = socketLocks()
  const rights = privileges()
  let layers: UnpackedLayers | undefined
  const images: ImageLayout = layout(path, {
    locks,
    durability: durability === 'none' ? 'none' : 'full',
    receive: layerReceiver(() => {
      if (layers === undefined) throw new BoxError('ERR_BOX_STATE', 'the store is not open yet')
      return layers
    }),
  })
  await images.make()
  await agreeOnOwners(path, rights.keepsOwners)
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
    layers = new UnpackedLayers(folders.layers, {
      locks,
      session,
      privileges: rights,
      durable,
      hold: (digests) => holds.add(digests),
      blobPath: (digest) => {
        const { algorithm, encoded } = splitDigest(digest)
        return join(path, 'blobs', algorithm, encoded)
      },
    })
    await layers.make()
    const parts: StoreParts = { path, images, locks, layers, folders, session, holds, durable, privileges: rights }
    await sweep(parts)
    return new Store(parts)
  } catch (error) {
    await session.end()
    throw error
  }
}

/**
 * How files are owned in a store is decided when it is made: with the image's owners, or all by who made it. One kind cannot use the other's
 * layers, so it is an error to open them.
 */
async function agreeOnOwners(path: string, keepsOwners: boolean): Promise<void> {
  const file = join(path, 'layers', 'owners')
  const own = keepsOwners ? 'kept' : `squashed ${process.geteuid?.() ?? 0}`
  let made: string
  try {
    made = (await readFile(file, 'utf8')).trim()
  } catch (error) {
    if (!isAbsent(error)) throw error
    await makeFolder(join(path, 'layers'))
    await syncedFile(file, `${own}\n`)
    return
  }
  if (made === own) return
  const maker = made.startsWith('squashed ')
    ? `without privileges, by the user ${made.slice('squashed '.length)}`
    : 'with the privileges of root'
  throw new BoxError('ERR_BOX_STORE_INVALID', `the store at ${path} was made ${maker}: its layers cannot be used by this process`, {
    path,
    hint: 'open it as who made it, or use another folder',
  })
}
