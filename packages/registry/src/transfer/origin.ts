import type { Descriptor } from '@box/core'

/** A blob that is being read. */
export interface Opened {
  /** The first byte of `stream`: the one that was asked for, or 0 where the source cannot begin in the middle. */
  readonly start: number
  readonly stream: AsyncIterable<Uint8Array>
  /** What to show when asking for a further part, so that both are of the same content. */
  readonly validator?: string | undefined
}

/** What a graph copy reads from: a repository, or any image source. */
export interface Origin {
  /** For messages. */
  readonly name: string
  resolve(name: string, signal: AbortSignal): Promise<Descriptor | undefined>
  /** The whole of a manifest or index. Whoever parses it checks it against its descriptor. */
  document(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array>
  open(descriptor: Descriptor, start: number, validator: string | undefined, signal: AbortSignal): Promise<Opened>
}
