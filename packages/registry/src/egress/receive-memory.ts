import type { OnReadOpts } from 'node:net'

/** The memory that is received into at a time. Large, since each read, and each write of what was read, costs the same; small enough to stay in a processor's cache. */
const slabSize = 1024 * 1024
/** What a connection receives into until there is more to receive than that holds: many have nothing but short answers. */
const firstSlabSize = 64 * 1024
/** What is left of a slab is worth a read of its own where it is such a part of it. */
const smallestPart = 1 / 16
/** How many slabs are kept for later. */
const spareSlabs = 16

interface Slab {
  readonly bytes: Uint8Array
  /** How many bytes were received into it since it was empty. */
  filled: number
  /** How many of them came back. */
  returned: number
  /** Whether a connection receives into it. */
  inUse: boolean
}

/** Where a connection receives to. */
export interface Inlet {
  readonly onread: OnReadOpts
  /** The connection itself, set before the first byte arrives. */
  socket: { push(chunk: Uint8Array): boolean } | undefined
}

/**
 * The memory that connections receive into, used again: memory that is new for every read costs more than all else about receiving. A slab is used again
 * when every byte that was received into it came back. A slab with a byte that does not come back (the head of an answer, the frames of chunks, what
 * nobody read) is left to the garbage collector, so that whoever keeps a part of such a read keeps what he saw.
 */
export class ReceiveMemory {
  readonly #slabs = new WeakMap<ArrayBufferLike, Slab>()
  readonly #spare: Slab[] = []

  /** For one connection. */
  inlet(): Inlet {
    let slab: Slab | undefined
    let size = firstSlabSize
    const buffer = (): Uint8Array => {
      if (slab === undefined || slab.bytes.length < size || slab.bytes.length - slab.filled < slab.bytes.length * smallestPart) {
        if (slab !== undefined) slab.inUse = false
        slab = this.#take(size)
      }
      return slab.bytes.subarray(slab.filled)
    }
    const callback = (count: number, bytes: Uint8Array): boolean => {
      if (slab !== undefined) slab.filled += count
      if (count === bytes.length) size = slabSize
      inlet.socket?.push(bytes.subarray(0, count))
      // The connection receives on when its reader has taken this: of two reads that wait the reader would be given a copy.
      return false
    }
    const inlet: Inlet = { onread: { buffer, callback }, socket: undefined }
    return inlet
  }

  /** Gives back a part of what was received, which nobody reads any more. Memory of others is left alone. */
  giveBack(chunk: Uint8Array): void {
    const slab = this.#slabs.get(chunk.buffer)
    if (slab === undefined) return
    slab.returned += chunk.length
    if (slab.inUse || slab.returned < slab.filled || slab.bytes.length < slabSize || this.#spare.length >= spareSlabs) return
    slab.filled = 0
    slab.returned = 0
    this.#spare.push(slab)
  }

  /** The same bytes in memory that stays as it is when the chunk is given back. */
  kept(chunk: Uint8Array): Uint8Array {
    return this.#slabs.has(chunk.buffer) ? Uint8Array.from(chunk) : chunk
  }

  #take(size: number): Slab {
    const spare = size === slabSize ? this.#spare.pop() : undefined
    const slab = spare ?? { bytes: Buffer.allocUnsafeSlow(size), filled: 0, returned: 0, inUse: false }
    slab.inUse = true
    this.#slabs.set(slab.bytes.buffer, slab)
    return slab
  }
}
