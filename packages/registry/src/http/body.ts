/** So many bytes wait for the reader before the connection is told to wait, and so few until it is told to go on. */
const highWater = 1024 * 1024
const lowWater = 128 * 1024

/** What the bytes come from: it is told to wait, to go on, and that nobody reads on. */
export interface Flow {
  readonly paused: boolean
  pause(): void
  resume(): void
  abort(reason: Error): void
}

/** The memory that the chunks are in. */
export interface BodyMemory {
  /** Takes back a chunk that nobody reads any more. */
  giveBack(chunk: Uint8Array): void
  /** The same bytes in memory that stays as it is when the chunk is given back. */
  kept(chunk: Uint8Array): Uint8Array
}

/**
 * The bytes of a message as they arrive. They are read once, by iterating. Unlike a Node stream it gives every byte that arrived before it tells that the
 * connection broke.
 */
export class Body implements AsyncIterable<Uint8Array> {
  readonly #memory: BodyMemory | undefined
  readonly #queue: Uint8Array[] = []
  #waiting = 0
  #outcome: 'open' | 'complete' | { readonly reason: unknown } = 'open'
  #flow: Flow | undefined
  #wake: (() => void) | undefined
  /** Called once, when nothing more comes. */
  onEnd: () => void = () => undefined

  /** @param memory Where the chunks are in memory that is used again. */
  constructor(memory?: BodyMemory) {
    this.#memory = memory
  }

  start(flow: Flow): void {
    // A request may be started anew on another connection; one that was given up meanwhile is not.
    this.#flow = flow
    if (typeof this.#outcome === 'object') flow.abort(new Error('the request was given up'))
  }

  push(chunk: Uint8Array): void {
    // A connection that goes on after a pause gives an empty one first.
    if (this.#outcome !== 'open' || chunk.length === 0) return
    this.#queue.push(chunk)
    this.#waiting += chunk.length
    if (this.#waiting >= highWater) this.#flow?.pause()
    this.#signal()
  }

  end(): void {
    this.#settle('complete')
  }

  /** Ends the body with a reason, and the connection with it. What arrived before is still given. */
  fail(reason: unknown): void {
    if (!this.#settle({ reason })) return
    this.#flow?.abort(new Error('the request was given up'))
  }

  /** Lets go of what is left. */
  abandon(): void {
    this.fail(new Error('the message was left'))
    this.#queue.length = 0
  }

  /** The chunks. Their memory is the reader's. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of this.lent()) yield this.#memory?.kept(chunk) ?? chunk
  }

  /** The chunks, whose memory is used again: a chunk is the reader's until he asks for the next one. */
  async *lent(): AsyncGenerator<Uint8Array, void, void> {
    try {
      while (true) {
        const chunk = this.#queue.shift()
        if (chunk !== undefined) {
          this.#waiting -= chunk.length
          if (this.#waiting <= lowWater && this.#flow?.paused === true) this.#flow.resume()
          yield chunk
          this.#memory?.giveBack(chunk)
        } else if (this.#outcome === 'complete') return
        else if (this.#outcome === 'open') await this.#more()
        else throw this.#outcome.reason
      }
    } finally {
      this.abandon()
    }
  }

  #settle(outcome: 'complete' | { readonly reason: unknown }): boolean {
    if (this.#outcome !== 'open') return false
    this.#outcome = outcome
    this.onEnd()
    this.#signal()
    return true
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #signal(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
