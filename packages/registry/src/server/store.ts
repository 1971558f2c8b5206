import type { Descriptor, Digest, ImageSink } from '@box/core'
import type { NamedImage } from '@box/oci'

/**
 * What `serve` needs of a store. `layout()` of @box/oci is of this shape; so is anything that keeps blobs by digest and
 * descriptors by name. All that the server knows of repositories is in the names (see `names.ts`), so another program that writes to the
 * same store, even while it is served, is seen at the next request.
 */
export interface ServableStore extends ImageSink {
  /** Every name. */
  list(): AsyncIterable<NamedImage> | Iterable<NamedImage> | Promise<Iterable<NamedImage>>
  /** Forgets the name and leaves the blobs. A name that is not there is no error. */
  untag(name: string): Promise<unknown>
  /** Forgets the blob. A blob that is not there is no error. `ERR_BOX_STATE` says that the store can't do without it: it then stays. */
  remove(digest: Digest): Promise<unknown>
  /** Every image of a store that has images without names, too. They are not served, and what they need is not removed. */
  index?(): Promise<{ readonly manifests: readonly Descriptor[] }>
}

/** Every name of the store, as it is now. */
export async function allNames(store: ServableStore): Promise<readonly NamedImage[]> {
  const names: NamedImage[] = []
  for await (const { name, descriptor } of await store.list()) names.push({ name, descriptor })
  return names
}

/** The images of the store that have no name. */
export async function namelessImages(store: ServableStore): Promise<readonly Descriptor[]> {
  const { manifests = [] } = (await store.index?.()) ?? {}
  return manifests.filter(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === undefined)
}
