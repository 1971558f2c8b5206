import type { StoreUsage } from '../layer-store.ts'
import { measureFolder } from '../unpacked/trees.ts'
import type { StoreParts } from './store.ts'

/** What the parts of a store take on the disk. Unpacked layers are not counted anew: each says what it took when it was made. */
export async function usageOf({ images, layers, folders, privileges }: StoreParts): Promise<StoreUsage> {
  const blobs = { bytes: 0, inodes: 0 }
  for await (const { size } of images.blobs()) {
    blobs.bytes += size
    blobs.inodes += 1
  }
  const unpacked = { bytes: 0, inodes: 0 }
  for await (const { record } of layers.all()) {
    unpacked.bytes += record?.bytes ?? 0
    unpacked.inodes += record?.inodes ?? 0
  }
  return { blobs, layers: unpacked, containers: await measureFolder(folders.containers, privileges.ids) }
}
