import { BoxError, type BlobWriter, type Descriptor } from '@box/core'
import { createDigester, type Digester, splitDigest } from '../digest.ts'
import { blobWriter, type Receiving } from './blob-writer.ts'

/** Where a writer puts the bytes of one blob before they are visible. Only one of its functions runs at a time. */
export interface Staged {
  /** The bytes that an earlier try left. */
  kept(): AsyncIterable<Uint8Array>
  append(chunk: Uint8Array): Promise<void>
  /** Throws away what is there; the next byte is the first. */
  clear(): Promise<void>
  /** Makes the bytes durable and visible under the digest. */
  publish(): Promise<void>
  /** Called once, at the end: gives back descriptors and the lock. What was not published is kept where `keep` says so. */
  close(keep: boolean): Promise<void>
}

/** A place that is a file, for who writes its bytes by other means. */
export interface StagedBlob extends Staged {
  /** The file, open for reading and writing; its position is nobody's. */
  readonly fd: number
  /** How many bytes an earlier try left. */
  size(): Promise<number>
}

/**
 * Receives a blob's bytes in a way of its own, by the rules of a `BlobWriter`: it checks size and digest before it publishes. It calls
 * `staged.close` in any case, also where it throws. Undefined where it has no interest in that blob.
 */
export type Receiver = (descriptor: Descriptor, staged: StagedBlob, signal: AbortSignal | undefined) => Promise<BlobWriter> | undefined

/** Receives a blob into a place: the bytes of an earlier try are hashed again, and nothing is published before the digest is right. If it throws, `staged` is closed. */
export async function beginWriting(descriptor: Descriptor, staged: Staged, signal?: AbortSignal): Promise<BlobWriter> {
  const receiving = new HashedBytes(descriptor, staged)
  await receiving.resume(signal)
  return blobWriter(descriptor, receiving, signal)
}

class HashedBytes implements Receiving {
  readonly #descriptor: Descriptor
  readonly #staged: Staged
  #digester: Digester

  constructor(descriptor: Descriptor, staged: Staged) {
    this.#descriptor = descriptor
    this.#staged = staged
    this.#digester = createDigester(splitDigest(descriptor.digest).algorithm)
  }

  get offset(): number {
    return this.#digester.size
  }

  async resume(signal: AbortSignal | undefined): Promise<void> {
    try {
      for await (const chunk of this.#staged.kept()) {
        signal?.throwIfAborted()
        if (this.offset + chunk.byteLength > this.#descriptor.size) {
          await this.restart()
          break
        }
        this.#digester.update(chunk)
      }
      signal?.throwIfAborted()
    } catch (error) {
      await this.#staged.close(true)
      throw error
    }
  }

  async write(chunk: Uint8Array): Promise<void> {
    const appended = this.#staged.append(chunk)
    // While the system writes. Where it fails the writer ends, so the digest is not wanted any more.
    this.#digester.update(chunk)
    await appended
  }

  async restart(): Promise<void> {
    await this.#staged.clear()
    this.#digester = createDigester(splitDigest(this.#descriptor.digest).algorithm)
  }

  async commit(): Promise<void> {
    const { digest } = this.#descriptor
    const actual = this.#digester.digest()
    if (actual !== digest)
      throw new BoxError('ERR_BOX_DIGEST_MISMATCH', `the content has the digest ${actual}, not ${digest} that was promised`)
    await this.#staged.publish()
  }

  async close(keep: boolean): Promise<void> {
    await this.#staged.close(keep)
  }
}
