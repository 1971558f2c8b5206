import { BoxError, type Digest } from '@box/core'
import { rm } from 'node:fs/promises'
import type { Pruned } from '../layer-store.ts'
import { leasedContent } from '../sessions.ts'
import { whilePruning } from './pruning.ts'
import { reachableFrom } from './reachable.ts'
import { removeLayer } from './remove-layer.ts'
import type { StoreParts } from './parts.ts'
import { sweep } from './sweep.ts'

/**
 * Removes what no name leads to and no session holds on to. Beside it others may write: who takes content under its lease first waits for a
 * prune that runs, so that what was there before the lease stays, or is seen to be gone.
 */
export async function pruneStore(parts: StoreParts, dryRun: boolean): Promise<Pruned> {
  const { images, layers, locks, folders, unpacked } = parts
  return await whilePruning(folders.sessions, locks, async () => {
    const { containers } = await sweep(parts, dryRun)
    // In this order: a lease is given back once a name leads to its content.
    const leased = await leasedContent(folders.sessions)
    const names = (await unpacked.list()).map(({ descriptor }) => descriptor)
    const reachable = await reachableFrom(images, [...(await images.index()).manifests, ...names])
    const isUsed = (digest: Digest): boolean => reachable.blobs.has(digest) || leased.has(digest)
    let bytes = 0

    const blobs: Digest[] = []
    for await (const { digest, size } of images.blobs()) {
      if (isUsed(digest) || (!dryRun && !(await removed(images.remove(digest))))) continue
      blobs.push(digest)
      bytes += size
    }

    const partials: Digest[] = []
    for await (const { digest, size } of images.partials()) {
      if (isUsed(digest) || (!dryRun && !(await removed(images.discard(digest))))) continue
      partials.push(digest)
      bytes += size
    }

    const usedDiffIDs = new Set<Digest>(reachable.diffIDs)
    for await (const { blob, path } of layers.notes()) {
      const diffID = isUsed(blob) ? await layers.diffIDOf(blob) : undefined
      if (diffID !== undefined) usedDiffIDs.add(diffID)
      else if (!dryRun) await rm(path, { force: true })
    }

    const trees: Digest[] = []
    for await (const { folder, id, isChain, record } of layers.all()) {
      if (leased.has(id) || (isChain ? reachable.chainIDs : usedDiffIDs).has(id)) continue
      trees.push(id)
      bytes += record?.bytes ?? 0
      if (!dryRun) await removeLayer(parts, folder)
    }
    return { blobs, partials, layers: trees, containers, bytes }
  })
}

/** A blob that a writer receives, or that got a name in this moment, stays. */
async function removed(work: Promise<boolean>): Promise<boolean> {
  try {
    return await work
  } catch (error) {
    if (error instanceof BoxError && error.code === 'ERR_BOX_STATE') return false
    throw error
  }
}
