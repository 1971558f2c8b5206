import type { BoxError, ProcessTarget } from '@box/core'
import type { Duplex, Readable, Writable } from 'node:stream'
import type { ProcessNamespaces } from './namespace.ts'

/** A signal by its name, or by its number where Node has no name for it, as for realtime ones: `SIG40`. */
export type SignalName = NodeJS.Signals | `SIG${number}`

/** How a process ended. */
export interface Result {
  /** From 0 to 255, or null where a signal ended it. */
  readonly exitCode: number | null
  /** The signal that ended it, or null. */
  readonly signal: SignalName | null
  /** Milliseconds from the call of `spawn` to the exit. */
  readonly durationMs: number
  /** Whether `timeout` ended it. */
  readonly timedOut: boolean
  /** Processor time in milliseconds, of the process and of those of its children that it waited for. */
  readonly cpu: { readonly user: number; readonly system: number }
  /** The largest resident set of the process or of one such child, in bytes. */
  readonly maxRss: number
  /** Where the exit could not be read (`ERR_BOX_EXIT_STOLEN`): `exitCode` and `signal` are then null. */
  readonly error?: BoxError
}

/**
 * The caller's side of a terminal: what is written is typed, what is read is shown. It ends when nobody has the other side any more; what
 * is written after that is dropped. `destroy()` hangs up: the program gets SIGHUP.
 */
export interface Terminal extends Duplex {
  /**
   * Changes its size, in characters; the program in its foreground gets SIGWINCH.
   * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`, `ERR_BOX_STATE` where it is closed.
   */
  resize(columns: number, rows: number): void
}

/** A process that was started. */
export interface Process extends ProcessTarget {
  /** The process as the caller sees it. */
  readonly pid: number
  /** Refers to the process until it has ended (pidfd_open(2)); it stays the handle's own. @throws BoxError `ERR_BOX_STATE` after that. */
  readonly pidfd: number
  /**
   * Its namespaces, each opened when it is asked for: `child.namespaces.network`. What was opened is held until `close`, also when the process
   * has ended before. Each throws as `Namespace.of`.
   */
  readonly namespaces: ProcessNamespaces
  /** Standard input: an ended stream where it is not a pipe. */
  readonly stdin: Writable
  /** Standard output: an ended stream where it is not a pipe. With a terminal, what the terminal shows. */
  readonly stdout: Readable
  /** Standard error: an ended stream where it is not a pipe. */
  readonly stderr: Readable
  /** The terminal, where `terminal` was asked for. `stdin` and `stdout` are it, too. */
  readonly terminal: Terminal | undefined
  /** How it ended. Never rejects. */
  readonly exited: Promise<Result>
  /**
   * Sends a signal (default `SIGTERM`). Gives false where the process has ended already.
   * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for an unknown signal, `ERR_BOX_PERMISSION`.
   */
  kill(signal?: NodeJS.Signals | number): boolean
  /** Kills the process where it still runs, waits for its end, closes the streams and the pidfd. Idempotent. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
