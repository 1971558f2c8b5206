/**
 * Long work with one outcome, awaited or iterated: `await task` gives the value, `for await (const event of task)` the events on the
 * way, and both see the same failure. The work starts at once. An iterator sees the events from the moment it was made on; without an
 * iterator events are not kept.
 */
export class Task<Value, Event> implements PromiseLike<Value>, AsyncIterable<Event> {
  readonly #outcome: Promise<Value>
  readonly #controller = new AbortController()
  readonly #listeners = new Set<Listener<Event>>()
  #ended = false

  /**
   * @param work Does the work. It calls `emit` for each event and stops early when `signal` is aborted.
   * @param options.signal Cancels the work; the outcome is then a rejection with the signal's reason.
   */
  constructor(
    work: (emit: (event: Event) => void, signal: AbortSignal) => Promise<Value>,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ) {
    const outer = options.signal
    const forward = (): void => this.#controller.abort(outer?.reason)
    if (outer?.aborted) forward()
    else outer?.addEventListener('abort', forward, { once: true })
    const { signal } = this.#controller
    this.#outcome = Promise.resolve()
      .then(async () => {
        signal.throwIfAborted()
        return await work((event) => this.#emit(event), signal)
      })
      .finally(() => {
        outer?.removeEventListener('abort', forward)
        this.#ended = true
        for (const listener of this.#listeners) listener.wake()
      })
  }

  /** Stops the work. The outcome is a rejection with the reason, unless the work is already done. */
  cancel(reason?: unknown): void {
    this.#controller.abort(reason)
  }

  // oxlint-disable-next-line unicorn/no-thenable -- being awaited is what a task is for
  then<A = Value, B = never>(
    fulfilled?: ((value: Value) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#outcome.then(fulfilled, rejected)
  }

  catch<B = never>(rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<Value | B> {
    return this.#outcome.catch(rejected)
  }

  finally(done?: (() => void) | null): Promise<Value> {
    return this.#outcome.finally(done)
  }

  [Symbol.asyncIterator](): AsyncGenerator<Event, void, void> {
    const listener = new Listener<Event>()
    this.#listeners.add(listener)
    return this.#events(listener)
  }

  async *#events(listener: Listener<Event>): AsyncGenerator<Event, void, void> {
    try {
      while (true) {
        yield* listener.take()
        if (this.#ended) break
        await listener.more()
      }
      yield* listener.take()
    } finally {
      this.#listeners.delete(listener)
    }
    await this.#outcome
  }

  #emit(event: Event): void {
    for (const listener of this.#listeners) listener.push(event)
  }
}

class Listener<Event> {
  #queue: Event[] = []
  #wake: (() => void) | undefined

  push(event: Event): void {
    this.#queue.push(event)
    this.wake()
  }

  wake(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  take(): Event[] {
    const events = this.#queue
    this.#queue = []
    return events
  }

  more(): Promise<void> {
    if (this.#queue.length > 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
