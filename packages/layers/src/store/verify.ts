import { join } from 'node:path'
import type { Problem, Verification } from '../layer-store.ts'
import { measureFolder } from '../unpacked/trees.ts'
import { reachableFrom } from './reachable.ts'
import type { StoreParts } from './store.ts'

/** Reads every blob through, looks for those that are missing, and counts the files of the unpacked layers. */
export async function verifyStore(
  { images, layers, durable, unpacked, privileges }: StoreParts,
  signal: AbortSignal | undefined,
): Promise<Verification> {
  const problems: Problem[] = []
  const present = new Set<string>()
  for await (const { digest } of images.blobs()) {
    signal?.throwIfAborted()
    present.add(digest)
    if (!(await images.verify(digest, signal === undefined ? {} : { signal })))
      problems.push({ kind: 'blob-damaged', digest, message: `the bytes of ${digest} are not those of its digest` })
  }
  const complete = await reachableFrom(images)
  const others = await reachableFrom(
    images,
    (await unpacked.list()).map(({ descriptor }) => descriptor),
  )
  for (const { digest, mediaType } of new Map([...others.blobs, ...complete.blobs]).values()) {
    if (present.has(digest) || (!complete.blobs.has(digest) && (await layers.unpackedFrom(digest)) !== undefined)) continue
    problems.push({ kind: 'blob-absent', digest, message: `${digest} (${mediaType}) is not there, and an image needs it` })
  }
  let count = 0
  for await (const { folder, id, record } of layers.all()) {
    signal?.throwIfAborted()
    count += 1
    // One that is not to be believed is unpacked again when it is needed.
    if (record === undefined || !durable.isBelievable(record)) continue
    const { inodes } = await measureFolder(join(folder, 'tree'), privileges.ids)
    if (inodes !== record.inodes)
      problems.push({
        kind: 'layer-damaged',
        digest: id,
        message: `the unpacked layer ${id} has ${inodes} files and folders, not ${record.inodes}`,
      })
  }
  return { blobs: present.size, layers: count, problems }
}
