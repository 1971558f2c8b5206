import type { Descriptor, Digest } from '@box/core'
import { type ImageLayout, isManifestMediaType } from '@box/oci'
import type { ImageUsage, StoreUsage } from '../layer-store.ts'
import type { Usage } from '../mounted-root.ts'
import { measureFolder } from '../unpacked/trees.ts'
import type { ImageNames } from './names.ts'
import { type Reachable, reachableFrom } from './reachable.ts'
import type { StoreParts } from './parts.ts'

type Counted = { bytes: number; inodes: number }

/** What the parts of a store take on the disk, and its images. Unpacked layers are not counted anew: each says what it took when it was made. */
export async function usageOf({ images, layers, folders, names, privileges }: StoreParts): Promise<StoreUsage> {
  const sizes = new Map<Digest, Counted>()
  const blobs = none()
  for await (const { digest, size } of images.blobs()) add(sizes, digest, { bytes: size, inodes: 1 }, blobs)
  const partials = none()
  for await (const { size } of images.partials()) add(new Map(), '', { bytes: size, inodes: 1 }, partials)
  const unpacked = none()
  const trees = new Map<string, Counted>()
  for await (const { id, isChain, record } of layers.all())
    add(trees, `${isChain ? 'chain' : 'layer'} ${id}`, { bytes: record?.bytes ?? 0, inodes: record?.inodes ?? 0 }, unpacked)
  return {
    blobs,
    partials,
    layers: unpacked,
    containers: await measureFolder(folders.containers, privileges.ids),
    images: await usageByImage(images, names, sizes, trees),
  }
}

/** What a name leads to is an image's; what only one image has is its own. Two names of one manifest or index are one image. */
async function usageByImage(
  images: ImageLayout,
  names: ImageNames,
  blobs: ReadonlyMap<Digest, Usage>,
  trees: ReadonlyMap<string, Usage>,
): Promise<readonly ImageUsage[]> {
  const parts = new Map<
    Digest,
    { readonly names: string[]; readonly descriptor: Descriptor; readonly needed: ReadonlyMap<string, Usage> }
  >()
  const users = new Map<string, number>()
  for (const { name, descriptor } of await names.list()) {
    const known = parts.get(descriptor.digest)
    if (known !== undefined) {
      known.names.push(name)
      continue
    }
    const needed = neededBy(await reachableFrom(images, [descriptor]), blobs, trees)
    for (const key of needed.keys()) users.set(key, (users.get(key) ?? 0) + 1)
    parts.set(descriptor.digest, { names: [name], descriptor, needed })
  }
  return [...parts.values()].map(({ names: given, descriptor, needed }) => {
    const [own, shared] = [none(), none()]
    for (const [key, { bytes, inodes }] of needed) {
      const sum = users.get(key) === 1 ? own : shared
      sum.bytes += bytes
      sum.inodes += inodes
    }
    return { names: given, digest: descriptor.digest, isIndex: !isManifestMediaType(descriptor.mediaType), own, shared }
  })
}

function neededBy(reachable: Reachable, blobs: ReadonlyMap<Digest, Usage>, trees: ReadonlyMap<string, Usage>): Map<string, Usage> {
  const needed = new Map<string, Usage>()
  const take = (key: string, usage: Usage | undefined): void => void (usage !== undefined && needed.set(key, usage))
  for (const digest of reachable.blobs.keys()) take(digest, blobs.get(digest))
  for (const id of reachable.diffIDs) take(`layer ${id}`, trees.get(`layer ${id}`))
  for (const id of reachable.chainIDs) take(`chain ${id}`, trees.get(`chain ${id}`))
  return needed
}

function none(): Counted {
  return { bytes: 0, inodes: 0 }
}

function add<Key>(entries: Map<Key, Counted>, key: Key, usage: Counted, sum: Counted): void {
  entries.set(key, usage)
  sum.bytes += usage.bytes
  sum.inodes += usage.inodes
}
