import { type BlobSink, type BlobSource, BoxError, type BlobWriter, type Descriptor } from '@box/core'
import { isImageDescriptor, readImageDocument, referencesOf, digestOf } from '@box/oci'
import { largestFirst, sideBySide } from '../side-by-side.ts'

export interface TransferOptions {
  readonly signal?: AbortSignal | undefined
}

/** Copies a blob, unless it is there. Waits for another writer of it. */
export async function copyBlob(
  source: BlobSource,
  sink: BlobSink,
  descriptor: Descriptor,
  { signal }: TransferOptions = {},
): Promise<void> {
  const writer = await beginOrWait(sink, descriptor, signal)
  if (writer === undefined) return
  try {
    const range = { start: writer.offset }
    // The sink checks the digest.
    for await (const chunk of source.read(descriptor.digest, { range, verify: false, ...(signal === undefined ? {} : { signal }) }))
      await writer.write(chunk)
    await writer.commit()
  } catch (error) {
    await writer.abort()
    throw error
  }
}

/** Copies a manifest or index with all that it leads to: what is needed first, and of that some at a time. */
export async function copyGraph(source: BlobSource, sink: BlobSink, descriptor: Descriptor, options: TransferOptions = {}): Promise<void> {
  if (isImageDescriptor(descriptor)) {
    const references = referencesOf(await readImageDocument(source, descriptor, options.signal))
    await sideBySide(largestFirst(references), (reference) => copyGraph(source, sink, reference, options))
  }
  await copyBlob(source, sink, descriptor, options)
}

/** Puts bytes that are at hand into a sink. Gives their descriptor. */
export async function putBytes(sink: BlobSink, bytes: Uint8Array, mediaType: string, signal?: AbortSignal): Promise<Descriptor> {
  const descriptor: Descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength }
  const source: BlobSource = {
    stat: async () => ({ size: bytes.byteLength }),
    async *read(_digest, { range } = {}) {
      yield bytes.subarray(range?.start ?? 0, range?.end)
    },
  }
  await copyBlob(source, sink, descriptor, { signal })
  return descriptor
}

/** A writer for the blob; undefined where it is there, or is there once another writer has ended. */
async function beginOrWait(sink: BlobSink, descriptor: Descriptor, signal: AbortSignal | undefined): Promise<BlobWriter | undefined> {
  while (true) {
    signal?.throwIfAborted()
    const answer = await sink.ingest(descriptor, signal === undefined ? {} : { signal })
    if (answer.state === 'present') return undefined
    if (answer.state === 'writing') return answer
    await answer.released
  }
}

/** The descriptors of a manifest or index and of all that it leads to. @throws BoxError `ERR_BOX_BLOB_ABSENT` */
export async function descriptorsBelow(source: BlobSource, descriptor: Descriptor): Promise<readonly Descriptor[]> {
  const found = new Map<string, Descriptor>()
  const visit = async (place: Descriptor): Promise<void> => {
    if (found.has(place.digest)) return
    found.set(place.digest, place)
    if (!isImageDescriptor(place)) return
    if ((await source.stat(place.digest)) === undefined)
      throw new BoxError('ERR_BOX_BLOB_ABSENT', `${place.digest} is not there, and ${descriptor.digest} needs it`)
    for (const reference of referencesOf(await readImageDocument(source, place))) await visit(reference)
  }
  await visit(descriptor)
  return [...found.values()]
}
