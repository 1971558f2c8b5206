import { abortable, type BlobWriter, type Descriptor, type Digest } from '@box/core'
import { createDigester, splitDigest } from '@box/oci'
import { Refusal } from './refusal.ts'
import type { ServableStore } from './store.ts'

/**
 * The way of bytes into the store. A store has one writer for a blob, and others wait for it; a client that sends a blob slowly, or never to its
 * end, must not keep out those who have it whole. So who sends gives way to who has.
 */
export class Intake {
  readonly #store: ServableStore
  readonly #signal: AbortSignal
  /** For each blob that a client is sending straight into the store: what makes its writer give way. */
  readonly #sending = new Map<Digest, () => void>()

  /** @param signal Ends what is on its way, and what waits for others. */
  constructor(store: ServableStore, signal: AbortSignal) {
    this.#store = store
    this.#signal = signal
  }

  /** Puts bytes into the store that are there as a whole. @throws BoxError as `BlobWriter.commit` */
  async put(descriptor: Descriptor, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    const writer = await this.#open(descriptor)
    if (writer === undefined) return
    try {
      if (writer.offset > 0) await writer.restart()
      for await (const chunk of chunks) await writer.write(chunk)
      await writer.commit()
    } catch (error) {
      await discard(writer)
      throw error
    }
  }

  /**
   * Takes bytes from a client straight into the store. Where the store has the blob already, or got it from someone else meanwhile, they are
   * read and checked all the same: knowing a digest is not having the content. Undefined, and nothing is read, where someone else is writing it.
   * @returns the digest of what came, which the store has kept only where it is the descriptor's
   */
  async receive(descriptor: Descriptor, chunks: () => AsyncIterable<Uint8Array>): Promise<Digest | undefined> {
    const answer = await this.#store.ingest(descriptor, { signal: this.#signal })
    if (answer.state === 'busy') return undefined
    const digester = createDigester(splitDigest(descriptor.digest).algorithm)
    if (answer.state === 'present') {
      for await (const chunk of chunks()) digester.update(chunk)
      return digester.digest()
    }
    const send = new Sending(answer)
    this.#sending.set(descriptor.digest, () => send.giveWay())
    try {
      for await (const chunk of chunks()) {
        digester.update(chunk)
        await send.write(chunk)
      }
      const digest = digester.digest()
      if (digest === descriptor.digest) await send.commit()
      else await send.discard()
      if (digest === descriptor.digest && send.gaveWay) await this.#require(descriptor)
      return digest
    } catch (error) {
      await send.discard()
      throw error
    } finally {
      this.#sending.delete(descriptor.digest)
    }
  }

  /** Waits for the writer that was given way to. */
  async #require(descriptor: Descriptor): Promise<void> {
    const writer = await this.#open(descriptor)
    if (writer === undefined) return
    await discard(writer)
    throw new Refusal(503, 'UNKNOWN', 'the blob was not kept: send it again')
  }

  /** Undefined where the store has the blob. */
  async #open(descriptor: Descriptor): Promise<BlobWriter | undefined> {
    while (true) {
      const answer = await this.#store.ingest(descriptor, { signal: this.#signal })
      if (answer.state === 'present') return undefined
      if (answer.state === 'writing') return answer
      this.#sending.get(descriptor.digest)?.()
      await abortable(answer.released, this.#signal)
    }
  }
}

/** A writer that can be taken away while its bytes are on their way. */
class Sending {
  readonly #writer: BlobWriter
  #restarted = false
  gaveWay = false

  constructor(writer: BlobWriter) {
    this.#writer = writer
  }

  giveWay(): void {
    this.gaveWay = true
    // Its failure is that of whoever waits for the writer's end.
    this.#writer.abort().catch(() => undefined)
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#unlessGone(async () => {
      if (!this.#restarted && this.#writer.offset > 0) await this.#writer.restart()
      this.#restarted = true
      await this.#writer.write(chunk)
    })
  }

  async commit(): Promise<void> {
    await this.#unlessGone(async () => {
      if (!this.#restarted && this.#writer.offset > 0) await this.#writer.restart()
      await this.#writer.commit()
    })
  }

  async discard(): Promise<void> {
    if (!this.gaveWay) await discard(this.#writer)
  }

  async #unlessGone(work: () => Promise<void>): Promise<void> {
    if (this.gaveWay) return
    try {
      await work()
    } catch (error) {
      if (!this.gaveWay) throw error
    }
  }
}

/** Ends a writer and what it wrote: the protocol has no way to go on from it. */
async function discard(writer: BlobWriter): Promise<void> {
  // A writer that failed by itself has ended, and says so again.
  await writer.restart().catch(() => undefined)
  await writer.abort()
}
