import type { Descriptor, Digest } from '@box/core'
import { type ImageDocument, parseImageDocument } from '@box/oci'
import type { ServableStore } from './store.ts'

/** What a manifest or index leads to: all that the server keeps of it in memory. */
export interface ManifestFacts {
  /** The manifests of an index. */
  readonly manifests: readonly Descriptor[]
  /** Config and layers of a manifest, without those that may lie elsewhere. */
  readonly blobs: readonly Digest[]
  /** The config and every layer, also those that may lie elsewhere. */
  readonly allBlobs: readonly Digest[]
  readonly subject: Digest | undefined
  /** What the referrers API says beside the descriptor (distribution-spec, "Listing Referrers"). */
  readonly artifactType: string | undefined
  readonly annotations: Readonly<Record<string, string>> | undefined
}

const nothing: ManifestFacts = {
  manifests: [],
  blobs: [],
  allBlobs: [],
  subject: undefined,
  artifactType: undefined,
  annotations: undefined,
}

/** What that document leads to. */
export function factsOf(document: ImageDocument): ManifestFacts {
  const { subject, annotations, artifactType } = document.value
  const common = { subject: subject?.digest, annotations }
  if (document.kind === 'index') return { ...nothing, ...common, artifactType, manifests: document.value.manifests }
  const { config, layers } = document.value
  return {
    ...nothing,
    ...common,
    artifactType: artifactType ?? config.mediaType,
    blobs: [config, ...layers.filter(isHere)].map(({ digest }) => digest),
    allBlobs: [config, ...layers].map(({ digest }) => digest),
  }
}

/** A layer with addresses of its own need not be in the registry (image-spec, layer.md, "Non-Distributable Layers"). */
function isHere({ urls }: Descriptor): boolean {
  return urls === undefined || urls.length === 0
}

/**
 * What a manifest in the store leads to. Undefined where its bytes are not there. A document that is not an image's, or is damaged, leads
 * nowhere: it is served as it is.
 */
export async function readFacts(store: ServableStore, descriptor: Descriptor, maxBytes: number): Promise<ManifestFacts | undefined> {
  const found = await store.stat(descriptor.digest)
  if (found === undefined) return undefined
  if (found.size > maxBytes) return nothing
  const bytes = await readWhole(store, descriptor.digest)
  try {
    return factsOf(parseImageDocument(bytes, { mediaType: descriptor.mediaType, maxBytes }))
  } catch {
    return nothing
  }
}

/** The bytes of a small blob. */
export async function readWhole(store: ServableStore, digest: Digest): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of store.read(digest)) chunks.push(Uint8Array.from(chunk))
  return Buffer.concat(chunks)
}
