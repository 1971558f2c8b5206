import { RegistryError } from '../errors.ts'
import type { Answer } from './dispatch.ts'

/** An answer: its head, and its body as it arrives. The body is either read or discarded, or the connection is lost to others. */
export class Reply {
  readonly registry: string
  /** Where the answer came from, after redirects. */
  readonly url: URL
  readonly status: number
  readonly #answer: Answer

  constructor(registry: string, url: URL, answer: Answer) {
    this.registry = registry
    this.url = url
    this.status = answer.status
    this.#answer = answer
  }

  /** A header's value; several of the same name are joined as RFC 9110, 5.3 says. */
  header(name: string): string | undefined {
    const value = this.#answer.headers[name]
    return typeof value === 'string' ? value : value?.join(', ')
  }

  /** A header's value where it is a whole number of bytes. */
  length(name: string): number | undefined {
    const value = this.header(name)
    if (value === undefined || !/^\d{1,16}$/.test(value)) return undefined
    const length = Number(value)
    return Number.isSafeInteger(length) ? length : undefined
  }

  /**
   * The body as it arrives; a reader that stops early ends the connection.
   * @param lent Whether the reader is done with a chunk when he asks for the next one: then its memory is used again.
   */
  stream(lent: boolean = false): AsyncIterable<Uint8Array> {
    return lent ? this.#answer.body.lent() : this.#answer.body
  }

  /** The whole body. @throws RegistryError `ERR_BOX_LIMIT` where it is longer than `limit` bytes. */
  async bytes(limit: number): Promise<Uint8Array> {
    if ((this.length('content-length') ?? 0) > limit) throw this.#tooLong(limit)
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of this.stream()) {
      size += chunk.length
      if (size > limit) throw this.#tooLong(limit)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks, size)
  }

  #tooLong(limit: number): RegistryError {
    this.abandon()
    return new RegistryError('ERR_BOX_LIMIT', `${this.registry} sent more than the ${limit} bytes that such an answer may have`, {
      registry: this.registry,
      status: this.status,
    })
  }

  /** Lets go of the body: a short one is read so that the connection can be used again, a longer one ends it. One that breaks off is no error: nobody wants it. */
  async discard(): Promise<void> {
    let left = 64 * 1024
    try {
      for await (const chunk of this.stream(true)) {
        left -= chunk.length
        if (left < 0) break
      }
    } catch {
      this.abandon()
    }
  }

  /** Ends the connection without reading what is left. */
  abandon(): void {
    this.#answer.body.abandon()
  }
}
