import type { Descriptor, Digest } from '@box/core'
import { type ImageLayout, isImageDescriptor, parseImageConfig, readBlob, readImageDocument, referencesOf } from '@box/oci'
import { chainIDs } from '../images/chain.ts'

/** What the names of a store lead to. */
export interface Reachable {
  readonly blobs: ReadonlyMap<Digest, Descriptor>
  readonly diffIDs: ReadonlySet<Digest>
  readonly chainIDs: ReadonlySet<Digest>
}

/** Follows entries of an index, by default every one of index.json. What is absent or damaged on the way is reached itself, and leads nowhere. */
export async function reachableFrom(images: ImageLayout, entries?: readonly Descriptor[]): Promise<Reachable> {
  const blobs = new Map<Digest, Descriptor>()
  const diffIDs = new Set<Digest>()
  const chains = new Set<Digest>()
  const visit = async (place: Descriptor): Promise<void> => {
    if (blobs.has(place.digest)) return
    blobs.set(place.digest, place)
    if (!isImageDescriptor(place)) return
    const document = await readImageDocument(images, place).catch(() => undefined)
    if (document === undefined) return
    for (const reference of referencesOf(document)) await visit(reference)
    if (document.kind === 'index') return
    const config = await readBlob(images, document.value.config).catch(() => undefined)
    const ids = config === undefined ? [] : diffIDsIn(config)
    for (const id of ids) diffIDs.add(id)
    for (const id of chainIDs(ids)) chains.add(id)
  }
  for (const entry of entries ?? (await images.index()).manifests) await visit(entry)
  return { blobs, diffIDs, chainIDs: chains }
}

function diffIDsIn(config: Uint8Array): readonly Digest[] {
  try {
    return parseImageConfig(config).value.rootfs.diff_ids
  } catch {
    // The config of an artifact is something else.
    return []
  }
}
