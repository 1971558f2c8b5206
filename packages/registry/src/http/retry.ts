import { BoxError } from '@box/core'
import { setTimeout as sleep } from 'node:timers/promises'

export interface RetryOptions {
  /** How often a request is tried in all. Default 5. */
  readonly attempts?: number
  /** The wait before the second try is a random time up to this, in milliseconds; each further one may be twice as long. Default 250. */
  readonly delay?: number
  /** The longest wait, in milliseconds. Default 30,000. A registry that asks for a longer one (`Retry-After`) is given up. */
  readonly maxDelay?: number
}

/** How often and after what wait a request is repeated. */
export class RetryPolicy {
  readonly attempts: number
  readonly #delay: number
  readonly #maxDelay: number

  /** @throws BoxError `ERR_BOX_INVALID_ARGUMENT`. */
  constructor({ attempts = 5, delay = 250, maxDelay = 30_000 }: RetryOptions = {}) {
    if (!Number.isInteger(attempts) || attempts < 1 || !(delay >= 0) || !(maxDelay >= 0))
      throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'retry takes { attempts: 1 or more, delay and maxDelay: milliseconds }')
    this.attempts = attempts
    this.#delay = delay
    this.#maxDelay = maxDelay
  }

  /**
   * Waits before try `attempt` + 1 (the first try is 1). Gives false, at once, where there is to be none.
   * Rejects with the signal's reason when it is aborted.
   */
  async wait(attempt: number, retryAfter: number | undefined, signal: AbortSignal | undefined): Promise<boolean> {
    if (attempt >= this.attempts || !this.bears(retryAfter)) return false
    const jittered = Math.random() * Math.min(this.#maxDelay, this.#delay * 2 ** (attempt - 1))
    await this.sleep(Math.max(jittered, retryAfter ?? 0), signal)
    return true
  }

  /** Whether there is patience for what a registry asks for (`Retry-After`). */
  bears(retryAfter: number | undefined): boolean {
    return (retryAfter ?? 0) <= this.#maxDelay
  }

  /** Waits so many milliseconds. Rejects with the signal's reason when it is aborted. */
  async sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    try {
      await sleep(milliseconds, undefined, signal === undefined ? {} : { signal })
    } catch {
      signal?.throwIfAborted()
    }
  }
}

/** Statuses that say "not now" (RFC 9110, 15.5.9, 15.6; RFC 6585, 4). */
export function isTransient(status: number): boolean {
  return status === 408 || status === 429 || status === 500 || status === 502 || status === 503 || status === 504
}

/** `Retry-After` (RFC 9110, 10.2.3) in milliseconds from `now`, or undefined where it is absent or neither seconds nor a date. */
export function retryAfterOf(value: string | undefined, now: number = Date.now()): number | undefined {
  if (value === undefined) return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  if (!/^[A-Za-z]{3}, \d{2} [A-Za-z]{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(value)) return undefined
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
