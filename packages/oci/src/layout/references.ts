import { BoxError, type BlobSource, type Descriptor } from '@box/core'
import { type ImageDocument, parseImageDocument } from '../documents/image.ts'
import { verifyBytes } from '../documents/parse.ts'
import { isIndexMediaType, isManifestMediaType } from '../media-types.ts'

/** Ends reading of a blob that is held in memory. */
const largestDocument = 4 * 1024 * 1024

/** The blobs that a manifest or index needs, in the order of the document: its config and layers, or its manifests. Not its `subject`, which need not be there. */
export function referencesOf(document: ImageDocument): readonly Descriptor[] {
  return document.kind === 'index' ? document.value.manifests : [document.value.config, ...document.value.layers]
}

/** Whether the descriptor leads to a manifest or an index, which is read to find the blobs below. */
export function isImageDescriptor(descriptor: Descriptor): boolean {
  return isIndexMediaType(descriptor.mediaType) || isManifestMediaType(descriptor.mediaType)
}

/**
 * Reads a whole blob into memory and checks it against the descriptor.
 * @throws BoxError `ERR_BOX_BLOB_ABSENT`, `ERR_BOX_SIZE_MISMATCH`, `ERR_BOX_DIGEST_MISMATCH`, `ERR_BOX_LIMIT` beyond `maxBytes` (4 MiB)
 */
export async function readBlob(
  source: BlobSource,
  descriptor: Descriptor,
  options: { readonly signal?: AbortSignal; readonly maxBytes?: number } = {},
): Promise<Uint8Array> {
  const { maxBytes = largestDocument, signal } = options
  if (descriptor.size > maxBytes)
    throw new BoxError(
      'ERR_BOX_LIMIT',
      `${descriptor.digest} has ${descriptor.size} bytes, more than the ${maxBytes} that are read into memory`,
    )
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of source.read(descriptor.digest, signal === undefined ? {} : { signal })) {
    size += chunk.byteLength
    if (size > descriptor.size)
      throw new BoxError('ERR_BOX_SIZE_MISMATCH', `${descriptor.digest} has more than the ${descriptor.size} bytes that were promised`)
    chunks.push(Uint8Array.from(chunk))
  }
  const bytes = Buffer.concat(chunks)
  verifyBytes(bytes, descriptor)
  return bytes
}

/** Reads the manifest or index that the descriptor leads to. Errors as for `readBlob` and `parseManifest`. */
export async function readImageDocument(source: BlobSource, descriptor: Descriptor, signal?: AbortSignal): Promise<ImageDocument> {
  return parseImageDocument(await readBlob(source, descriptor, signal === undefined ? {} : { signal }), { expected: descriptor })
}

/**
 * Checks that all blobs of an image are there, with their sizes. Layers that are fetched from elsewhere (`urls`) may be missing.
 * @throws BoxError `ERR_BOX_BLOB_ABSENT`, naming the first that is not
 */
export async function assertComplete(source: BlobSource, descriptor: Descriptor): Promise<void> {
  const seen = new Set<string>()
  const visit = async (wanted: Descriptor): Promise<void> => {
    if (seen.has(wanted.digest)) return
    seen.add(wanted.digest)
    const found = await source.stat(wanted.digest)
    if (found?.size !== wanted.size) {
      if (found === undefined && (wanted.urls?.length ?? 0) > 0) return
      throw new BoxError('ERR_BOX_BLOB_ABSENT', `${wanted.digest} (${wanted.mediaType}) is not there, and ${descriptor.digest} needs it`)
    }
    if (!isImageDescriptor(wanted)) return
    for (const reference of referencesOf(await readImageDocument(source, wanted))) await visit(reference)
  }
  await visit(descriptor)
}

/** The blobs of these images that are there, each once, in the order of the documents. */
export async function presentBelow(source: BlobSource, images: readonly Descriptor[]): Promise<readonly Descriptor[]> {
  const found = new Map<string, Descriptor>()
  const visit = async (wanted: Descriptor): Promise<void> => {
    if (found.has(wanted.digest) || (await source.stat(wanted.digest))?.size !== wanted.size) return
    found.set(wanted.digest, wanted)
    if (!isImageDescriptor(wanted)) return
    for (const reference of referencesOf(await readImageDocument(source, wanted))) await visit(reference)
  }
  for (const image of images) await visit(image)
  return [...found.values()]
}
