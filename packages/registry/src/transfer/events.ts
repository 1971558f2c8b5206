import type { Descriptor, Digest } from '@box/core'

/** What a transfer tells of one blob or manifest on the way. Sizes are bytes of the blob as it is stored. */
export interface TransferEvent {
  /**
   * `started`: bytes begin to flow; `progress`: more have; `copied`: all are there. `present`: it was there, nothing was sent.
   * `mounted`: the registry took it over from another of its repositories.
   */
  readonly type: 'started' | 'progress' | 'copied' | 'present' | 'mounted'
  readonly digest: Digest
  readonly mediaType: string
  /** How many bytes are there, those of an earlier try included. */
  readonly done: number
  readonly total: number
}

export type Emit = (event: TransferEvent) => void

/** Tells of one blob. Progress comes at most a hundred times for a blob, however small its pieces. */
export class Progress {
  readonly #emit: Emit
  readonly #descriptor: Descriptor
  #told = 0

  constructor(descriptor: Descriptor, emit: Emit) {
    this.#descriptor = descriptor
    this.#emit = emit
  }

  tell(type: TransferEvent['type'], done: number): void {
    const { digest, mediaType, size } = this.#descriptor
    this.#told = done
    this.#emit({ type, digest, mediaType, done, total: size })
  }

  moved(done: number): void {
    const step = Math.max(this.#descriptor.size / 100, 64 * 1024)
    if (done < this.#told || done - this.#told >= step) this.tell('progress', done)
  }

  end(type: 'copied' | 'present' | 'mounted'): void {
    this.tell(type, this.#descriptor.size)
  }
}
