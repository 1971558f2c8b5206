import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import { Readable, Writable } from 'node:stream'

/** Descriptors that nobody has made a stream of when their process's handle is collected. */
const forgotten = new FinalizationRegistry<PipeEnd>((end) => end.close())

/** The caller's end of a pipe: a descriptor until somebody asks for the stream. */
export class PipeEnd {
  #fd: number | undefined
  #socket: Socket | undefined

  constructor(fd: number | undefined) {
    this.#fd = fd
  }

  /** Closes the descriptor, or the stream, when the owner is collected. */
  ownedBy(owner: object): void {
    if (this.#fd !== undefined) forgotten.register(owner, this)
  }

  readable(): Readable {
    return this.#open(true) ?? Readable.from([])
  }

  writable(): Writable {
    return this.#open(false) ?? ended()
  }

  #open(readable: boolean): Socket | undefined {
    if (this.#socket === undefined && this.#fd !== undefined) {
      const fd = this.#fd
      this.#fd = undefined
      this.#socket = new Socket({ fd, readable, writable: !readable })
    }
    return this.#socket
  }

  close(): void {
    this.#socket?.destroy()
    if (this.#fd === undefined) return
    const fd = this.#fd
    this.#fd = undefined
    closeSync(fd)
  }
}

function ended(): Writable {
  const stream = new Writable({ write: (_chunk, _encoding, done) => done() })
  stream.end()
  return stream
}
