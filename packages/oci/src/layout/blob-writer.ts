import { BoxError, type BlobWriter, type Descriptor } from '@box/core'
import { systemCalls } from './file-system.ts'

/** How the bytes of one blob are received. Only one of its functions runs at a time. */
export interface Receiving {
  /** How many bytes there are. */
  readonly offset: number
  /** Takes the next bytes. They are not more than were promised. */
  write(chunk: Uint8Array): Promise<void>
  /** Throws away what is there; the next byte is the first. */
  restart(): Promise<void>
  /** Checks the bytes, which are as many as were promised, and makes them visible. */
  commit(): Promise<void>
  /** Called once, at the end: gives everything back. `keep` says whether bytes that are not visible are of use to a later try. */
  close(keep: boolean): Promise<void>
}

/** What is wrong with the bytes themselves: they are of no use to a later try. */
const wrongBytes = new Set<string>(['ERR_BOX_DIGEST_MISMATCH', 'ERR_BOX_LAYER_INVALID', 'ERR_BOX_LIMIT'])

/**
 * The rules that every writer of a blob follows: one call at a time, no more bytes than were promised and no fewer, a call that fails ends it, and so does the
 * signal.
 */
export function blobWriter(descriptor: Descriptor, receiving: Receiving, signal?: AbortSignal): BlobWriter {
  return new Writer(descriptor, receiving, signal)
}

class Writer implements BlobWriter {
  readonly state = 'writing'
  readonly #descriptor: Descriptor
  readonly #receiving: Receiving
  readonly #signal: AbortSignal | undefined
  /** What runs now. The end of the writer waits for it. */
  #running: Promise<void> | undefined
  #ended: Promise<void> | undefined
  #keep = true
  readonly #onAbort = (): void => {
    // Who calls next learns the reason; a failure to close is theirs to see as well, through the same promise.
    this.abort().catch(() => undefined)
  }

  constructor(descriptor: Descriptor, receiving: Receiving, signal: AbortSignal | undefined) {
    this.#descriptor = descriptor
    this.#receiving = receiving
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  get offset(): number {
    return this.#receiving.offset
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#run(async () => {
      const { digest, size } = this.#descriptor
      if (this.offset + chunk.byteLength > size) {
        this.#keep = false
        throw new BoxError('ERR_BOX_SIZE_MISMATCH', `${digest} has more than the ${size} bytes that were promised`)
      }
      await this.#receiving.write(chunk)
    })
  }

  async restart(): Promise<void> {
    await this.#run(() => this.#receiving.restart())
  }

  async commit(): Promise<void> {
    await this.#run(async () => {
      const { digest, size } = this.#descriptor
      if (this.offset !== size)
        throw new BoxError('ERR_BOX_SIZE_MISMATCH', `${digest} has ${this.offset} bytes, not the ${size} that were promised`)
      await this.#receiving.commit()
      this.#keep = false
    })
    await this.#end()
  }

  async abort(): Promise<void> {
    await this.#end()
  }

  /** One call at a time. A call that fails ends the writer: what is on the disk and what was hashed may differ from then on. */
  async #run(work: () => Promise<void>): Promise<void> {
    if (this.#signal?.aborted) await this.#end()
    this.#signal?.throwIfAborted()
    if (this.#ended !== undefined) throw new BoxError('ERR_BOX_STATE', 'the blob writer has ended')
    if (this.#running !== undefined) throw new BoxError('ERR_BOX_STATE', 'another call of the blob writer is not done yet')
    const running = systemCalls(work)
    this.#running = running
    try {
      await running
    } catch (error) {
      if (error instanceof BoxError && wrongBytes.has(error.code)) this.#keep = false
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
    await systemCalls(() => this.#receiving.close(this.#keep))
  }
}
