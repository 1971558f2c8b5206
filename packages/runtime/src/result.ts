import { BoxError } from '@box/core'
import type { Result } from '@box/namespaces'

/** How a container ended: what is known of its first process, and what its cgroup counted. */
export interface Exit extends Result {
  /** Whether the kernel killed a process of the container because the memory limit was reached. */
  readonly oomKilled: boolean
  /**
   * The most memory that the container held at once, in bytes, page cache included, as its cgroup counted it. Without a cgroup, or on a
   * kernel that does not count it: the largest resident set of its processes.
   */
  readonly peakMemory: number
}

/** What `run` gives: the exit, and the output as text (UTF-8). */
export interface RunResult extends Exit {
  readonly stdout: string
  readonly stderr: string
}

/** A command that ended with another exit code than 0, by a signal or by its time limit. It carries the whole result. */
export class RunError extends BoxError implements RunResult {
  override readonly name: string = 'RunError'
  readonly exitCode: number | null
  readonly signal: Result['signal']
  readonly durationMs: number
  readonly timedOut: boolean
  readonly oomKilled: boolean
  readonly peakMemory: number
  readonly maxRss: number
  readonly cpu: { readonly user: number; readonly system: number }
  readonly stdout: string
  readonly stderr: string

  constructor(command: readonly string[], result: RunResult) {
    super('ERR_BOX_RUN_FAILED', `${shortened(command)} ${ending(result)}${lastLines(result.stderr)}`)
    this.exitCode = result.exitCode
    this.signal = result.signal
    this.durationMs = result.durationMs
    this.timedOut = result.timedOut
    this.oomKilled = result.oomKilled
    this.peakMemory = result.peakMemory
    this.maxRss = result.maxRss
    this.cpu = result.cpu
    this.stdout = result.stdout
    this.stderr = result.stderr
  }
}

function shortened(command: readonly string[]): string {
  const text = command.join(' ')
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}

function ending({ exitCode, signal, timedOut, oomKilled, durationMs }: Exit): string {
  if (timedOut) return `was ended by its time limit after ${Math.round(durationMs)} ms`
  if (oomKilled) return 'was killed because its memory limit was reached'
  return signal === null ? `ended with exit code ${exitCode}` : `was ended by ${signal}`
}

/** The last lines of the error output say more than the code does. */
function lastLines(stderr: string): string {
  const text = stderr.trimEnd()
  return text === '' ? '' : `: ${text.slice(-400)}`
}
