import { BoxError, type BlobWriter, type Descriptor } from '@box/core'
import { createDigester, type Digester, splitDigest } from '../digest.ts'

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

/**
 * The rules that every blob sink follows, over a place to put the bytes: the bytes of an earlier try are hashed again, no more bytes are taken than
 * were promised, and nothing is published before size and digest are right. If it throws, `staged` is closed.
 */
export async function beginWriting(descriptor: Descriptor, staged: Staged, signal?: AbortSignal): Promise<BlobWriter> {
  const writer = new Writer(descriptor, staged, signal)
  await writer.resume()
  return writer
}

class Writer implements BlobWriter {
  readonly state = 'writing'
  readonly #descriptor: Descriptor
  readonly #staged: Staged
  readonly #signal: AbortSignal | undefined
  #digester: Digester
  /** What runs now. The end of the writer waits for it. */
  #running: Promise<void> | undefined
  #ended: Promise<void> | undefined
  #keep = true
  readonly #onAbort = (): void => {
    // Who calls next learns the reason; a failure to close is theirs to see as well, through the same promise.
    this.abort().catch(() => undefined)
  }

  constructor(descriptor: Descriptor, staged: Staged, signal: AbortSignal | undefined) {
    this.#descriptor = descriptor
    this.#staged = staged
    this.#signal = signal
    this.#digester = createDigester(splitDigest(descriptor.digest).algorithm)
  }

  get offset(): number {
    return this.#digester.size
  }

  async resume(): Promise<void> {
    try {
      for await (const chunk of this.#staged.kept()) {
        this.#signal?.throwIfAborted()
        if (this.offset + chunk.byteLength > this.#descriptor.size) {
          await this.#clear()
          break
        }
        this.#digester.update(chunk)
      }
      this.#signal?.throwIfAborted()
    } catch (error) {
      await this.#staged.close(true)
      throw error
    }
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#run(async () => {
      const { digest, size } = this.#descriptor
      if (this.offset + chunk.byteLength > size) {
        this.#keep = false
        throw new BoxError('ERR_BOX_SIZE_MISMATCH', `${digest} has more than the ${size} bytes that were promised`)
      }
      const appended = this.#staged.append(chunk)
      // While the system writes. Where it fails the writer ends, so the digest is not wanted any more.
      this.#digester.update(chunk)
      await appended
    })
  }

  async restart(): Promise<void> {
    await this.#run(() => this.#clear())
  }

  async commit(): Promise<void> {
    await this.#run(() => this.#commit())
    await this.#end()
  }

  async abort(): Promise<void> {
    await this.#end()
  }

  async #commit(): Promise<void> {
    const { digest, size } = this.#descriptor
    if (this.offset !== size)
      throw new BoxError('ERR_BOX_SIZE_MISMATCH', `${digest} has ${this.offset} bytes, not the ${size} that were promised`)
    const actual = this.#digester.digest()
    if (actual !== digest) {
      this.#keep = false
      throw new BoxError('ERR_BOX_DIGEST_MISMATCH', `the content has the digest ${actual}, not ${digest} that was promised`)
    }
    await this.#staged.publish()
    this.#keep = false
  }

  async #clear(): Promise<void> {
    await this.#staged.clear()
    this.#digester = createDigester(splitDigest(this.#descriptor.digest).algorithm)
  }

  /** One call at a time. A call that fails ends the writer: what is on the disk and what was hashed may differ from then on. */
  async #run(work: () => Promise<void>): Promise<void> {
    if (this.#signal?.aborted) await this.#end()
    this.#signal?.throwIfAborted()
    if (this.#ended !== undefined) throw new BoxError('ERR_BOX_STATE', 'the blob writer has ended')
    if (this.#running !== undefined) throw new BoxError('ERR_BOX_STATE', 'another call of the blob writer is not done yet')
    const running = work()
    this.#running = running
    try {
      await running
    } catch (error) {
      await this.#end()
      throw error
    } finally {
      this.#running = undefined
    }
  }

  /** Ends the writer, once, after what runs. */
  #end(): Promise<void> {
    this.#ended ??= this.#close(this.#running)
    return this.#ended
  }

  async #close(running: Promise<void> | undefined): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    // Its failure goes to who called it.
    await running?.catch(() => undefined)
    await this.#staged.close(this.#keep)
  }
}
