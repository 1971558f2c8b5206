import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { Body } from '../http/body.ts'
import type { Limits } from './limits.ts'
import { errorBody, Refusal } from './refusal.ts'

const grace = 30_000
/** Up to this size the rest of an unread body is read and dropped, so that the connection can be used again. */
const drained = 1024 * 1024

/** One request and its answer. */
export class Exchange {
  readonly request: IncomingMessage
  readonly #response: ServerResponse
  readonly #limits: Limits
  #bodyAsked = false

  constructor(request: IncomingMessage, response: ServerResponse, limits: Limits) {
    this.request = request
    this.#response = response
    this.#limits = limits
  }

  get method(): string {
    return this.request.method ?? 'GET'
  }

  get headers(): IncomingMessage['headers'] {
    return this.request.headers
  }

  /** The length that the body announces, or undefined where it comes in chunks. @throws Refusal `SIZE_INVALID` beyond 2^53 - 1 */
  get bodyLength(): number | undefined {
    const { 'content-length': length, 'transfer-encoding': encoding } = this.headers
    if (encoding !== undefined) return undefined
    const value = length === undefined ? 0 : Number(length)
    if (Number.isSafeInteger(value)) return value
    throw new Refusal(400, 'SIZE_INVALID', 'Content-Length is too large')
  }

  /**
   * The body, chunk by chunk; not asking for the next one holds the sender back.
   * @throws Refusal 413 beyond `limit` bytes, 408 where the sender is too slow
   */
  async *body(limit: number, refusal: (limit: number) => Refusal = tooLarge): AsyncGenerator<Uint8Array, void, void> {
    if ((this.bodyLength ?? 0) > limit) throw refusal(limit)
    this.#bodyAsked = true
    if (this.headers.expect !== undefined) this.#response.writeContinue()
    const begun = performance.now()
    let received = 0
    for await (const chunk of bodyOf(this.request)) {
      received += chunk.byteLength
      if (received > limit) throw refusal(limit)
      const elapsed = performance.now() - begun
      if (elapsed > grace && (received * 1000) / elapsed < this.#limits.bytesPerSecond)
        throw new Refusal(408, 'SIZE_INVALID', 'the body comes too slowly')
      yield chunk
    }
  }

  /** Answers without a body. */
  empty(status: number, headers: OutgoingHttpHeaders = {}): void {
    this.#begin(status, status === 204 ? headers : { 'Content-Length': 0, ...headers })
    this.#response.end()
  }

  /** Answers with these bytes; a HEAD request gets their length. */
  bytes(status: number, contentType: string, bytes: Uint8Array | string, headers: OutgoingHttpHeaders = {}): void {
    const body = Buffer.from(bytes)
    this.#begin(status, { 'Content-Type': contentType, 'Content-Length': body.byteLength, ...headers })
    this.#response.end(this.method === 'HEAD' ? undefined : body)
  }

  json(status: number, value: unknown, headers: OutgoingHttpHeaders = {}): void {
    this.bytes(status, 'application/json', JSON.stringify(value), headers)
  }

  /** Answers with a stream, as fast as the receiver takes it. */
  async stream(status: number, headers: OutgoingHttpHeaders, chunks: () => AsyncIterable<Uint8Array>): Promise<void> {
    this.#begin(status, headers)
    if (this.method === 'HEAD') {
      this.#response.end()
      return
    }
    await pipeline(chunks(), this.#response)
  }

  /** Answers with an error of the specification. Once an answer has begun all that can be done is to break it off. */
  refuse(refusal: Refusal): void {
    if (this.#response.headersSent) {
      this.#response.destroy()
      return
    }
    this.bytes(refusal.status, 'application/json', errorBody(refusal), refusal.headers)
  }

  #begin(status: number, headers: OutgoingHttpHeaders): void {
    this.#response.writeHead(status, {
      'Docker-Distribution-API-Version': 'registry/2.0',
      'X-Content-Type-Options': 'nosniff',
      ...(this.#leavesBody() ? { Connection: 'close' } : {}),
      ...headers,
    })
  }

  /** Whether more of the body is on its way than is worth reading. A client that waits for `100 Continue` has not begun to send it. */
  #leavesBody(): boolean {
    if (this.request.complete) return false
    if (this.headers.expect !== undefined && !this.#bodyAsked) return true
    const { 'content-length': length, 'transfer-encoding': encoding } = this.headers
    return encoding !== undefined || Number(length ?? 0) > drained
  }
}

/** A request's bytes: also those that arrived before its client went away, which an upload can go on from. */
function bodyOf(request: IncomingMessage): Body {
  const body = new Body()
  body.start({
    get paused() {
      return request.isPaused()
    },
    pause: () => request.pause(),
    resume: () => request.resume(),
    // The request survives a reader that stops early: the answer goes over the same connection.
    abort: () => request.resume(),
  })
  const broken = (): void => body.fail(Object.assign(new Error('the client went away'), { code: 'ECONNRESET' }))
  if (request.destroyed) broken()
  request
    .on('data', (chunk: Buffer) => body.push(chunk))
    .once('end', () => body.end())
    .once('error', broken)
    .once('close', broken)
  return body
}

function tooLarge(limit: number): Refusal {
  return new Refusal(413, 'SIZE_INVALID', `the body is larger than ${limit} bytes`)
}
