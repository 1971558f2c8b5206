import { BoxError, type BlobWriter, type ByteRange, type Descriptor, type Digest, type Ingest } from '@box/core'
import { digestOf, type NamedImage, splitDigest } from '@box/oci'
import type { ServableStore } from '../../src/server/store.ts'

/** The least that a store can be: blobs and names in maps. What the server needs beyond this would be a mistake in its interface. */
export class MapStore implements ServableStore {
  readonly blobs: Map<Digest, Buffer> = new Map()
  readonly names: Map<string, Descriptor> = new Map()
  readonly #receiving = new Map<Digest, Promise<void>>()

  async stat(digest: Digest): Promise<{ size: number } | undefined> {
    const blob = this.blobs.get(digest)
    return blob === undefined ? undefined : { size: blob.byteLength }
  }

  async *read(digest: Digest, { range }: { readonly range?: ByteRange } = {}): AsyncGenerator<Uint8Array, void, void> {
    const blob = this.blobs.get(digest)
    if (blob === undefined) throw new BoxError('ERR_BOX_BLOB_ABSENT', `${digest} is not there`)
    const part = blob.subarray(range?.start ?? 0, range?.end ?? blob.byteLength)
    for (let start = 0; start < part.byteLength; start += 65_536) yield part.subarray(start, start + 65_536)
  }

  async ingest(descriptor: Descriptor): Promise<Ingest> {
    const { digest } = descriptor
    if (this.blobs.has(digest)) return { state: 'present' }
    const released = this.#receiving.get(digest)
    if (released !== undefined) return { state: 'busy', released }
    let release: () => void = () => undefined
    this.#receiving.set(
      digest,
      new Promise((resolve) => {
        release = resolve
      }),
    )
    const end = (): void => {
      this.#receiving.delete(digest)
      release()
    }
    return this.#writer(descriptor, end)
  }

  async resolve(name: string): Promise<Descriptor | undefined> {
    return this.names.get(name)
  }

  async tag(name: string, descriptor: Descriptor): Promise<void> {
    if (!this.blobs.has(descriptor.digest)) throw new BoxError('ERR_BOX_BLOB_ABSENT', `${descriptor.digest} is not there`)
    this.names.set(name, descriptor)
  }

  async untag(name: string): Promise<void> {
    this.names.delete(name)
  }

  async list(): Promise<NamedImage[]> {
    return [...this.names].map(([name, descriptor]) => ({ name, descriptor }))
  }

  async remove(digest: Digest): Promise<void> {
    this.blobs.delete(digest)
  }

  #writer({ digest, size }: Descriptor, end: () => void): BlobWriter {
    let chunks: Uint8Array[] = []
    return {
      state: 'writing',
      offset: 0,
      write: async (chunk) => void chunks.push(Uint8Array.from(chunk)),
      restart: async () => void (chunks = []),
      commit: async () => {
        const bytes = Buffer.concat(chunks)
        if (bytes.byteLength !== size) throw new BoxError('ERR_BOX_SIZE_MISMATCH', 'another size')
        if (digestOf(bytes, splitDigest(digest).algorithm) !== digest) throw new BoxError('ERR_BOX_DIGEST_MISMATCH', 'another digest')
        this.blobs.set(digest, bytes)
        end()
      },
      abort: async () => end(),
    }
  }
}
