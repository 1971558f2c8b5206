import type { Descriptor } from '@box/core'

/** A blob that is being read. */
export interface Opened {
  /** The first byte of `stream`: the one that was asked for, or 0 where the source cannot begin in the middle. */
  readonly start: number
  readonly stream: AsyncIterable<Uint8Array>
  /** What to show when asking for a further part, so that both are of the same content. */
  readonly validator?: string | undefined
}

/** From where on a blob is read, and how. */
export interface OpenOptions {
  readonly start: number
  /** What an earlier part came with. */
  readonly validator?: string | undefined
  /** Whether the reader is done with a chunk when he asks for the next one, so that its memory may be used again. Default `false`: it is the reader's. */
  readonly lent?: boolean | undefined
  readonly signal: AbortSignal
}

/** What a graph copy reads from: a repository, or any image source. */
export interface Origin {
  /** For messages. */
  readonly name: string
  /** The registry that it reads from. Undefined: it is no registry. */
  readonly registry?: string | undefined
  resolve(name: string, signal: AbortSignal): Promise<Descriptor | undefined>
  /** The whole of a manifest or index. Whoever parses it checks it against its descriptor. */
  document(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array>
  open(descriptor: Descriptor, options: OpenOptions): Promise<Opened>
}
