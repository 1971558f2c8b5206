import type { Dispatcher } from 'undici'

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** An answer's head, and its body as it arrives. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Body
}

/** So many bytes wait for the reader before the connection is told to wait, and so few until it is told to go on. */
const highWater = 512 * 1024
const lowWater = 128 * 1024

/**
 * Sends a request and gives the answer's head. Unlike a Node stream the body gives every byte that arrived before it tells that the
 * connection broke, so that none of them has to be asked for again. Aborting takes effect at once, also while connecting.
 */
export function dispatch(dispatcher: Dispatcher, options: Dispatcher.DispatchOptions, signal: AbortSignal | undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const body = new Body()
    const onAbort = (): void => {
      body.fail(signal?.reason)
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    body.onEnd = () => signal?.removeEventListener('abort', onAbort)
    dispatcher.dispatch(options, {
      onRequestStart: (controller) => body.start(controller),
      onResponseStart: (_, status, headers) => {
        // 1xx answers come before the one that counts (RFC 9110, 15.2).
        if (status >= 200) resolve({ status, headers, body })
      },
      onResponseData: (_, chunk) => body.push(chunk),
      onResponseEnd: () => body.end(),
      onResponseError: (_, error) => {
        body.fail(error)
        reject(error)
      },
    })
  })
}

/** The bytes of an answer. They are read once: by iterating, which ends the connection when it stops early. */
export class Body implements AsyncIterable<Uint8Array> {
  readonly #queue: Uint8Array[] = []
  #waiting = 0
  #outcome: 'open' | 'complete' | { readonly reason: unknown } = 'open'
  #controller: Dispatcher.DispatchController | undefined
  #wake: (() => void) | undefined
  /** Called once, when nothing more comes. */
  onEnd: () => void = () => undefined

  start(controller: Dispatcher.DispatchController): void {
    // A request may be started anew on another connection; one that was given up meanwhile is not.
    this.#controller = controller
    if (typeof this.#outcome === 'object') controller.abort(new Error('the request was given up'))
  }

  push(chunk: Uint8Array): void {
    if (this.#outcome !== 'open') return
    this.#queue.push(chunk)
    this.#waiting += chunk.length
    if (this.#waiting >= highWater) this.#controller?.pause()
    this.#signal()
  }

  end(): void {
    this.#settle('complete')
  }

  /** Ends the body with a reason, and the connection with it. What arrived before is still given. */
  fail(reason: unknown): void {
    if (!this.#settle({ reason })) return
    this.#controller?.abort(new Error('the request was given up'))
  }

  /** Lets go of what is left. */
  abandon(): void {
    this.fail(new Error('the answer was left'))
    this.#queue.length = 0
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    try {
      while (true) {
        const chunk = this.#queue.shift()
        if (chunk !== undefined) {
          this.#waiting -= chunk.length
          if (this.#waiting <= lowWater && this.#controller?.paused === true) this.#controller.resume()
          yield chunk
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
