import { BoxError, type BlobWriter, type ByteRange, type Descriptor, type Digest, type ImageSink, type Ingest } from '@box/core'
import { parseDigest } from '../digest.ts'
import { checkName, checkRange } from './arguments.ts'
import { deferred } from './deferred.ts'
import { assertComplete } from './references.ts'
import { beginWriting, type Staged } from './writer.ts'

/** An image sink that keeps all in memory: for tests, and for small images on their way from one place to another. */
export function memorySink(): ImageSink {
  return new MemorySink()
}

class MemorySink implements ImageSink {
  readonly #blobs = new Map<Digest, Uint8Array>()
  readonly #names = new Map<string, Descriptor>()
  /** What aborted writers left, to be resumed. */
  readonly #partial = new Map<Digest, Uint8Array[]>()
  /** The blobs that are being written, with what resolves when the writer ends. */
  readonly #writing = new Map<Digest, Promise<void>>()

  async stat(digest: Digest): Promise<{ readonly size: number } | undefined> {
    const blob = this.#blobs.get(parseDigest(digest))
    return blob === undefined ? undefined : { size: blob.byteLength }
  }

  async *read(
    digest: Digest,
    options: { readonly range?: ByteRange; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<Uint8Array, void, void> {
    options.signal?.throwIfAborted()
    const blob = this.#blobs.get(parseDigest(digest))
    if (blob === undefined) throw new BoxError('ERR_BOX_BLOB_ABSENT', `${digest} is not there`)
    const { start, end } = checkRange(options.range, blob.byteLength)
    if (end > start) yield Uint8Array.from(blob.subarray(start, end))
  }

  async ingest(descriptor: Descriptor, options: { readonly signal?: AbortSignal } = {}): Promise<Ingest> {
    options.signal?.throwIfAborted()
    const digest = parseDigest(descriptor.digest)
    if (this.#blobs.get(digest)?.byteLength === descriptor.size) return { state: 'present' }
    const released = this.#writing.get(digest)
    if (released !== undefined) return { state: 'busy', released }
    return await this.#write(digest, descriptor, options.signal)
  }

  async resolve(name: string): Promise<Descriptor | undefined> {
    return this.#names.get(name)
  }

  async tag(name: string, descriptor: Descriptor): Promise<void> {
    checkName(name)
    await assertComplete(this, descriptor)
    this.#names.set(name, descriptor)
  }

  async #write(digest: Digest, descriptor: Descriptor, signal: AbortSignal | undefined): Promise<BlobWriter> {
    const released = deferred()
    this.#writing.set(digest, released.promise)
    const chunks = this.#partial.get(digest) ?? []
    const staged: Staged = {
      async *kept() {
        yield* chunks
      },
      append: async (chunk) => void chunks.push(Uint8Array.from(chunk)),
      clear: async () => void chunks.splice(0),
      publish: async () => void this.#blobs.set(digest, Buffer.concat(chunks)),
      close: async (keep) => {
        if (keep) this.#partial.set(digest, chunks)
        else this.#partial.delete(digest)
        this.#writing.delete(digest)
        released.resolve()
      },
    }
    return await beginWriting(descriptor, staged, signal)
  }
}
