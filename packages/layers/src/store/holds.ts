import type { Digest } from '@box/core'
import type { Lease, Session } from '../sessions.ts'

/** Content that has come into the store and has no name yet: it is kept until an image with it gets one, or the session ends. */
export class Holds {
  readonly #session: Session
  readonly #held = new Map<Digest, Promise<Lease>>()

  constructor(session: Session) {
    this.#session = session
  }

  async add(digests: readonly Digest[]): Promise<void> {
    for (const digest of digests) {
      const lease = this.#held.get(digest) ?? this.#session.lease([digest])
      this.#held.set(digest, lease)
      try {
        await lease
      } catch (error) {
        this.#held.delete(digest)
        throw error
      }
    }
  }

  /** An image with this content has a name now. */
  async settle(digests: readonly Digest[]): Promise<void> {
    for (const digest of digests) {
      const lease = this.#held.get(digest)
      this.#held.delete(digest)
      await (await lease)?.release()
    }
  }
}
