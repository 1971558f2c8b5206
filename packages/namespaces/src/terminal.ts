import { BoxError } from '@box/core'
import { native, type TerminalControl } from '@box/native'
import { closeSync } from 'node:fs'
import type { SocketConstructorOpts, TcpSocketConnectOpts } from 'node:net'
import { Duplex } from 'node:stream'
import { ReadStream } from 'node:tty'
import type { Terminal } from './handle.ts'
import { whole } from './plan/invalid.ts'
import { callNative } from './reactor.ts'

/** A terminal has at most as much to read. */
const readSize = 65_536

/** Descriptors of terminals that nobody has read when their handle is collected. */
const forgotten = new FinalizationRegistry<Held>(release)

interface Held {
  /** Until a stream reads it, which then closes it. */
  fd: number | undefined
  readonly control: TerminalControl
}

/** The caller's side: a descriptor until it is read. */
export class TerminalEnd extends Duplex implements Terminal {
  readonly #held: Held
  #reader: ReadStream | undefined
  #hungUp = false
  #processEnded = false

  constructor(fd: number) {
    super({ autoDestroy: false })
    this.#held = { fd, control: callNative(() => new (native().TerminalControl)(fd)) }
    forgotten.register(this, this.#held)
  }

  resize(columns: number, rows: number): void {
    whole('columns', columns, 1, 0xffff)
    whole('rows', rows, 1, 0xffff)
    if (this.#hungUp || this.destroyed) throw new BoxError('ERR_BOX_STATE', 'the terminal is closed')
    callNative(() => this.#held.control.resize(columns, rows))
  }

  override _read(): void {
    if (this.#hungUp) return
    this.#reader ??= this.#open(this.#held.fd)
    this.#reader?.resume()
  }

  #open(fd: number | undefined): ReadStream | undefined {
    if (fd === undefined) return undefined
    // Into a buffer of ours: what a stream that is paused had buffered would be lost when it learns of the end.
    const buffer = Buffer.allocUnsafe(readSize)
    const callback = (count: number): boolean => this.push(Buffer.from(buffer.subarray(0, count)))
    const options: SocketConstructorOpts & Pick<TcpSocketConnectOpts, 'onread'> = { onread: { buffer, callback } }
    const reader = new ReadStream(fd, options)
    this.#held.fd = undefined
    reader.on('end', () => this.#end())
    // The kernel says EIO when nobody has the other side.
    reader.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EIO' ? this.#end() : this.destroy(error)))
    return reader
  }

  #end(): void {
    if (this.#hungUp) return
    this.#hungUp = true
    // libuv takes the end for reached where more can be read: it expects that of no terminal.
    for (let rest = this.#rest(); rest.length > 0; rest = this.#rest()) this.push(rest)
    this.push(null)
    this.#releaseWhenOver()
  }

  #rest(): Uint8Array {
    return callNative(() => this.#held.control.read())
  }

  /** The process has ended. One that has closed its side may run on: to close this one before that would hang it up. */
  processEnded(): void {
    this.#processEnded = true
    this.#releaseWhenOver()
  }

  #releaseWhenOver(): void {
    if (!this.#hungUp || !this.#processEnded) return
    this.#reader?.destroy()
    release(this.#held)
  }

  /** Not by the stream that reads: libuv writes to this side of a terminal only by blocking. */
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    void this.#writeAll(chunk, done)
  }

  async #writeAll(chunk: Buffer, done: (error?: Error | null) => void): Promise<void> {
    let rest = chunk
    try {
      while (rest.length > 0 && !this.#hungUp) {
        const bytes = rest
        const written = callNative(() => this.#held.control.write(bytes))
        rest = rest.subarray(written)
        if (written === 0) await this.#held.control.writable()
      }
    } catch (error) {
      done(error instanceof Error ? error : new BoxError('ERR_BOX_SYSTEM', String(error)))
      return
    }
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#hungUp = true
    this.#reader?.destroy()
    release(this.#held)
    done(error)
  }
}

function release(held: Held): void {
  held.control.close()
  if (held.fd === undefined) return
  closeSync(held.fd)
  held.fd = undefined
}
