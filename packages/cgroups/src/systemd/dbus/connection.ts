import { connect, type Socket } from 'node:net'
import { BoxError } from '@box/core'
import { Decoder, encodeCall, kinds, type Call, type Message } from './message.ts'
import { malformed, type Value } from './value.ts'

/** What the other side answered instead of a reply. */
export class DBusError extends Error {
  /** Such as `org.freedesktop.systemd1.NoSuchUnit`. */
  readonly errorName: string

  constructor(errorName: string, message: string) {
    super(message)
    this.errorName = errorName
  }
}

type Settle = { readonly resolve: (body: readonly Value[]) => void; readonly reject: (error: unknown) => void }

/**
 * A connection to a message bus, or to a program that speaks D-Bus itself, over a Unix socket (D-Bus Specification, "Authentication Protocol",
 * "Message Protocol"). It calls methods and hears signals; nothing is offered to others.
 */
export class Connection {
  readonly #socket: Socket
  readonly #calls = new Map<number, Settle>()
  readonly #listeners = new Set<(message: Message) => void>()
  readonly #decoder = new Decoder()
  #serial = 0
  #failure: unknown

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  /**
   * Connects and says who this user is; the other side learns it from the kernel.
   * @throws BoxError `ERR_BOX_UNSUPPORTED` where nothing listens, `ERR_BOX_PERMISSION`; the reason of `signal`.
   */
  static async open(path: string, signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted()
    const socket = connect({ path })
    const connection = new Connection(socket)
    await new Promise<void>((resolve, reject) => {
      const fail = (error: unknown): void => {
        connection.close()
        reject(error)
      }
      const abort = (): void => fail(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      socket.once('error', fail)
      socket.once('close', () => fail(refused(path)))
      // BEGIN goes with the first words: a server that reads it together with the first message (sd-bus is one) leaves that message until the next.
      const user = Buffer.from(`${process.geteuid?.() ?? 0}`).toString('hex')
      socket.once('connect', () => socket.write(`\0AUTH EXTERNAL ${user}\r\nBEGIN\r\n`))
      let said = Buffer.alloc(0)
      const hear = (chunk: Buffer): void => {
        said = Buffer.concat([said, chunk])
        const end = said.indexOf('\r\n')
        if (end < 0) return said.length > 4096 ? fail(malformed('an endless greeting')) : undefined
        if (!said.toString('latin1', 0, end).startsWith('OK ')) return fail(refused(path))
        socket.off('data', hear)
        signal.removeEventListener('abort', abort)
        socket.removeAllListeners('error').removeAllListeners('close')
        connection.#listen(path)
        connection.#hear(said.subarray(end + 2))
        resolve()
      }
      socket.on('data', hear)
    }).catch((error: unknown) => {
      throw connectionError(path, error)
    })
    return connection
  }

  /**
   * Calls a method.
   * @throws DBusError with what the other side answered; BoxError where the connection ends before it does.
   */
  async call(call: Call): Promise<readonly Value[]> {
    if (this.#failure !== undefined) throw this.#failure
    const serial = (this.#serial += 1)
    return await new Promise((resolve, reject) => {
      this.#calls.set(serial, { resolve, reject })
      this.#socket.write(encodeCall(call, serial))
    })
  }

  /** Calls the listener for each signal until the returned function is called. */
  onSignal(listener: (message: Message) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What ends the connection later rejects the calls that wait. */
  close(): void {
    this.#end(new BoxError('ERR_BOX_STATE', 'The connection is closed'))
    this.#socket.destroy()
  }

  #listen(path: string): void {
    this.#socket.on('data', (chunk: Buffer) => this.#hear(chunk))
    this.#socket.on('error', (error) => this.#end(connectionError(path, error)))
    this.#socket.on('close', () => this.#end(new BoxError('ERR_BOX_SYSTEM', `The connection to ${path} has ended`, { path })))
  }

  #hear(chunk: Buffer): void {
    let messages
    try {
      messages = this.#decoder.push(chunk)
    } catch (error) {
      this.#end(error)
      this.#socket.destroy()
      return
    }
    for (const message of messages) this.#take(message)
  }

  #take(message: Message): void {
    if (message.kind === kinds.signal) for (const listener of this.#listeners) listener(message)
    const { replyTo, errorName, body } = message
    const call = replyTo === undefined ? undefined : this.#calls.get(replyTo)
    if (replyTo === undefined || call === undefined) return
    this.#calls.delete(replyTo)
    if (message.kind === kinds.reply) return call.resolve(body)
    const [text] = body
    call.reject(new DBusError(errorName ?? '', typeof text === 'string' ? text : (errorName ?? 'an error without a name')))
  }

  #end(error: unknown): void {
    this.#failure ??= error
    for (const { reject } of this.#calls.values()) reject(this.#failure)
    this.#calls.clear()
  }
}

function refused(path: string): BoxError {
  return new BoxError('ERR_BOX_PERMISSION', `${path} does not let this user in`, { path })
}

function connectionError(path: string, error: unknown): unknown {
  const errno = typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  if (error instanceof BoxError || errno === undefined) return error
  const code = errno === 'EACCES' || errno === 'EPERM' ? 'ERR_BOX_PERMISSION' : 'ERR_BOX_UNSUPPORTED'
  return new BoxError(code, `Nothing answers at ${path}: ${errno}`, { syscall: 'connect', errno, path, cause: error })
}
