import { BoxError, type Digest } from '@box/core'
import { join } from 'node:path'
import type { Problem, Verification } from '../layer-store.ts'
import type { VerifyOptions } from '../options.ts'
import { leasedContent } from '../sessions.ts'
import { measureFolder } from '../unpacked/trees.ts'
import { whilePruning } from './pruning.ts'
import { reachableFrom } from './reachable.ts'
import { removeLayer } from './remove-layer.ts'
import type { StoreParts } from './parts.ts'

/** Reads every blob through, looks for those that are missing, and counts the files of the unpacked layers. */
export async function verifyStore(parts: StoreParts, { repair = false, signal }: VerifyOptions): Promise<Verification> {
  const { images, layers, durable, unpacked, privileges } = parts
  const problems: Problem[] = []
  const present = new Set<string>()
  for await (const { digest } of images.blobs()) {
    signal?.throwIfAborted()
    present.add(digest)
    if (await images.verify(digest, signal === undefined ? {} : { signal })) continue
    const message = `the bytes of ${digest} are not those of its digest`
    problems.push({ kind: 'blob-damaged', digest, message, removed: repair && (await removeBlob(parts, digest)) })
  }
  const complete = await reachableFrom(images)
  const others = await reachableFrom(
    images,
    (await unpacked.list()).map(({ descriptor }) => descriptor),
  )
  for (const { digest, mediaType } of new Map([...others.blobs, ...complete.blobs]).values()) {
    if (present.has(digest) || (!complete.blobs.has(digest) && (await layers.unpackedFrom(digest)) !== undefined)) continue
    const message = `${digest} (${mediaType}) is not there, and an image needs it`
    problems.push({ kind: 'blob-absent', digest, message, removed: false })
  }
  let count = 0
  for await (const { folder, id, record } of layers.all()) {
    signal?.throwIfAborted()
    count += 1
    // One that is not to be believed is unpacked again when it is needed.
    if (record === undefined || !durable.isBelievable(record)) continue
    const { inodes } = await measureFolder(join(folder, 'tree'), privileges.ids)
    if (inodes === record.inodes) continue
    const message = `the unpacked layer ${id} has ${inodes} files and folders, not ${record.inodes}`
    problems.push({ kind: 'layer-damaged', digest: id, message, removed: repair && (await removeUnused(parts, folder, id)) })
  }
  return { blobs: present.size, layers: count, problems }
}

/** What a writer receives in this moment stays: it comes whole, or not at all. */
async function removeBlob({ images }: StoreParts, digest: Digest): Promise<boolean> {
  try {
    return await images.removeDamaged(digest)
  } catch (error) {
    if (error instanceof BoxError && (error.code === 'ERR_BOX_STATE' || error.code === 'ERR_BOX_BLOB_ABSENT')) return false
    throw error
  }
}

/** What a session holds on to stays, for it may be mounted. */
async function removeUnused(parts: StoreParts, folder: string, id: Digest): Promise<boolean> {
  const { sessions } = parts.folders
  return await whilePruning(sessions, parts.locks, async () => {
    if ((await leasedContent(sessions)).has(id)) return false
    await removeLayer(parts, folder)
    return true
  })
}
