import { abortable } from '@box/core'

/** Lets so many works go on at a time; the others wait in their order. */
export class Limit {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor(count: number) {
    this.#free = count
  }

  /** Rejects with the signal's reason where it is aborted before the work's turn has come. */
  async run<Value>(work: () => Promise<Value>, signal?: AbortSignal): Promise<Value> {
    if (this.#free > 0) this.#free -= 1
    else await this.#turn(signal)
    try {
      return await work()
    } finally {
      this.#next()
    }
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    let begin = (): void => undefined
    const turn = new Promise<void>((resolve) => {
      begin = resolve
      this.#waiting.add(begin)
    })
    try {
      await abortable(turn, signal)
    } catch (thrown) {
      // Whose turn has come at the same moment passes it on.
      if (!this.#waiting.delete(begin)) this.#next()
      throw thrown
    }
  }

  #next(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#free += 1
    else {
      this.#waiting.delete(next)
      next()
    }
  }
}
