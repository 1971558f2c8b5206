import { BoxError, fromNative } from '@box/core'
import { type ProcessEvent, native } from '@box/native'
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import type { Process, Result, SignalName, Terminal } from './handle.ts'
import { OpenNamespaces, type ProcessNamespaces } from './namespace.ts'
import { callNative } from './reactor.ts'
import type { Listener } from './seccomp/listener.ts'
import type { PipeEnd } from './streams.ts'
import type { TerminalEnd } from './terminal.ts'

const signalNames = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))

/** The three standard streams, as the caller's ends, and the terminal where that is what they are. */
export interface Ends {
  readonly stdin: PipeEnd
  readonly stdout: PipeEnd
  readonly stderr: PipeEnd
  readonly terminal?: TerminalEnd | undefined
  readonly listener?: Listener | undefined
}

/** A process that runs, or has run. */
export class Child implements Process {
  readonly pid: number
  readonly exited: Promise<Result>
  readonly #ends: Ends
  #settle: ((result: Result) => void) | undefined
  #pidfd: number | undefined
  #timedOut = false
  #stdin: Writable | undefined
  #stdout: Readable | undefined
  #stderr: Readable | undefined
  #namespaces: OpenNamespaces | undefined

  constructor(pid: number, pidfd: number, ends: Ends) {
    this.pid = pid
    this.#pidfd = pidfd
    this.#ends = ends
    this.exited = new Promise((resolve) => {
      this.#settle = resolve
    })
    ends.stdin.ownedBy(this)
    ends.stdout.ownedBy(this)
    ends.stderr.ownedBy(this)
  }

  get pidfd(): number {
    if (this.#pidfd === undefined) throw new BoxError('ERR_BOX_STATE', `process ${this.pid} has ended, and its pidfd is closed`)
    return this.#pidfd
  }

  get namespaces(): ProcessNamespaces {
    this.#namespaces ??= new OpenNamespaces(this)
    return this.#namespaces
  }

  get terminal(): Terminal | undefined {
    return this.#ends.terminal
  }

  get stdin(): Writable {
    this.#stdin ??= this.#ends.terminal ?? this.#ends.stdin.writable()
    return this.#stdin
  }

  get stdout(): Readable {
    this.#stdout ??= this.#ends.terminal ?? this.#ends.stdout.readable()
    return this.#stdout
  }

  get stderr(): Readable {
    this.#stderr ??= this.#ends.stderr.readable()
    return this.#stderr
  }

  kill(signal: NodeJS.Signals | number = 'SIGTERM'): boolean {
    const number = typeof signal === 'number' ? signal : constants.signals[signal]
    if (!Number.isInteger(number) || number < 0 || number > 64)
      throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${String(signal)} is not a signal`)
    const pidfd = this.#pidfd
    return pidfd === undefined ? false : callNative(() => native().kill(pidfd, number))
  }

  /** Ends it because its time is over. */
  expire(): void {
    this.#timedOut = this.kill('SIGKILL')
  }

  /** Takes note of the end. */
  ended(event: ProcessEvent): void {
    if (this.#pidfd !== undefined) closeSync(this.#pidfd)
    this.#pidfd = undefined
    this.#ends.terminal?.processEnded()
    const result: Result = {
      exitCode: event.exitCode ?? null,
      signal: event.signal === undefined ? null : signalName(event.signal),
      durationMs: event.durationMs ?? 0,
      timedOut: this.#timedOut,
      cpu: { user: event.userMs ?? 0, system: event.systemMs ?? 0 },
      maxRss: event.maxRss ?? 0,
    }
    this.#settle?.(event.failure === undefined ? result : { ...result, error: toError(event.failure) })
  }

  async close(): Promise<void> {
    this.kill('SIGKILL')
    await this.exited
    this.#ends.stdin.close()
    this.#ends.stdout.close()
    this.#ends.stderr.close()
    this.#ends.terminal?.destroy()
    this.#ends.listener?.close()
    this.#namespaces?.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function toError(failure: NonNullable<ProcessEvent['failure']>): BoxError {
  const error = fromNative(failure)
  return error instanceof BoxError ? error : new BoxError('ERR_BOX_SYSTEM', failure.message)
}

function signalName(number: number): SignalName {
  const name = signalNames.get(number)
  return isSignal(name) ? name : `SIG${number}`
}

function isSignal(name: string | undefined): name is NodeJS.Signals {
  return name !== undefined && name in constants.signals
}
