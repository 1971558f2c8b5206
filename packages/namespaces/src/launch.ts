import { type AskedNamespaces, abortable, BoxError, channels, fromNative, kinds, namespaceError, refuseUnknownOptions } from '@box/core'
import type { ProcessEvent } from '@box/native'
import { closeSync, openSync } from 'node:fs'
import { Child, type Ends } from './child.ts'
import type { Process } from './handle.ts'
import type { SpawnOptions } from './options.ts'
import { commonOf, type Offer } from './plan/common.ts'
import { Plan, plan } from './plan.ts'
import { invalid } from './plan/invalid.ts'
import { at } from './deadline.ts'
import { hintOf } from './hints.ts'
import { launchOptions } from './option-names.ts'
import { start } from './reactor.ts'
import { checkAgent, handOver } from './seccomp/agent.ts'
import { Listener } from './seccomp/listener.ts'
import { PipeEnd } from './streams.ts'
import { TerminalEnd } from './terminal.ts'

/**
 * Starts a command. Resolves when its program runs, that is after execve(2) has succeeded.
 * The process ends when the caller does, unless it is `detached`.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for an option, `ERR_BOX_COMMAND_NOT_FOUND` where the program is not there, `ERR_BOX_PERMISSION`,
 * `ERR_BOX_UNSUPPORTED`, `ERR_BOX_SYSTEM` with `step`, `syscall`, `errno` and `path` of what failed.
 */
export async function spawn(command: readonly string[], options: SpawnOptions = {}): Promise<Process> {
  return await startPlan(plan(command, options), options)
}

/** What a launch has that is not the plan's. */
export type LaunchOptions = Pick<SpawnOptions, 'signal' | 'onSystemCall'>

/** Starts what a plan says. A plan can be launched any number of times. See `spawn`. */
export async function launch(compiled: Plan, options: LaunchOptions = {}): Promise<Process> {
  if (!(compiled instanceof Plan)) throw invalid('plan', compiled, 'what plan() gives')
  refuseUnknownOptions('launch', options, launchOptions)
  return await startPlan(compiled, options)
}

async function startPlan(compiled: Plan, options: LaunchOptions): Promise<Process> {
  if (options.signal !== undefined && !kinds.signal.fits(options.signal)) throw invalid('signal', options.signal, kinds.signal.words)
  options.signal?.throwIfAborted()
  const context = { command: compiled.data.command }
  return channels.launch.hasSubscribers
    ? await channels.launch.tracePromise(() => begin(compiled, options), context)
    : await begin(compiled, options)
}

async function begin(compiled: Plan, { signal, onSystemCall }: LaunchOptions): Promise<Process> {
  const { data, timeout } = compiled
  const deadline = timeout === undefined ? undefined : performance.now() + timeout
  const opened: number[] = []
  const { offers } = commonOf(data)
  if (offers.includes('listener') !== (onSystemCall !== undefined))
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'onSystemCall and a rule with SCMP_ACT_NOTIFY need one another')
  checkAgent(onSystemCall)
  let events: Events | undefined
  try {
    const slots = data.given.map((slot) => {
      switch (slot.from) {
        case 'fd':
          return slot.fd
        case 'input':
          return -1
        case 'output':
          return -2
        case 'null':
          return -3
        case 'path': {
          const fd = openNamespace(slot.path)
          opened.push(fd)
          return fd
        }
      }
    })
    events = new Events(data, offers, onSystemCall)
    const { ends } = start(compiled.encoded, slots, events.receive)
    events.streams(compiled, ends)
  } finally {
    for (const fd of opened) closeSync(fd)
  }
  const child = await abortable(events.started, signal, events.cancel)
  watch(child, deadline, signal)
  return child
}

function openNamespace(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    const failure = {
      boxFailure: true,
      message: `join the namespaces: open: ${path}`,
      syscall: 'open',
      errno: codeOf(error),
      path,
      step: 'join the namespaces',
    }
    throw fromNative(failure, hintOf)
  }
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : 'EIO'
}

/** Kills the child when its time is over, or when the signal says so. */
function watch(child: Child, deadline: number | undefined, signal: AbortSignal | undefined): void {
  if (deadline === undefined && signal === undefined) return
  const forget = deadline === undefined ? undefined : at(deadline, () => child.expire())
  const abort = (): void => void child.kill('SIGKILL')
  if (signal?.aborted === true) abort()
  else signal?.addEventListener('abort', abort, { once: true })
  void child.exited.finally(() => {
    forget?.()
    signal?.removeEventListener('abort', abort)
  })
}

/** Puts the events of one launch together. */
class Events {
  readonly started: Promise<Child>
  #resolve: (child: Child) => void = () => {}
  #reject: (error: unknown) => void = () => {}
  #child: Child | undefined
  #cancelled = false
  #ends: Ends = { stdin: new PipeEnd(undefined), stdout: new PipeEnd(undefined), stderr: new PipeEnd(undefined) }

  readonly #asked: AskedNamespaces
  readonly #offers: Offer[]
  readonly #onSystemCall: SpawnOptions['onSystemCall']
  #handedOver: Promise<void> | undefined

  constructor(asked: AskedNamespaces, offers: readonly Offer[], onSystemCall: SpawnOptions['onSystemCall']) {
    this.#asked = asked
    this.#offers = [...offers]
    this.#onSystemCall = onSystemCall
    this.started = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Assigns the caller's ends of the pipes. They come in the order of their slots. */
  streams(compiled: Plan, fds: readonly number[]): void {
    const pipes = compiled.data.given.flatMap((slot, index) => (slot.from === 'input' || slot.from === 'output' ? [index] : []))
    const end = (number: number): PipeEnd => {
      const slot = compiled.data.descriptors[number]
      return new PipeEnd(typeof slot === 'number' ? fds[pipes.indexOf(slot)] : undefined)
    }
    this.#ends = { stdin: end(0), stdout: end(1), stderr: end(2) }
  }

  readonly receive = (event: ProcessEvent): void => {
    switch (event.kind) {
      case 'offered':
        this.#take(event.descriptor ?? -1, event.pid ?? 0)
        break
      case 'started':
        this.#child = new Child(event.pid ?? 0, event.pidfd ?? -1, this.#ends)
        if (this.#cancelled) this.#child.kill('SIGKILL')
        void this.#settle(this.#child)
        break
      case 'failed':
        this.#close()
        this.#reject(
          event.failure === undefined
            ? new BoxError('ERR_BOX_SYSTEM', 'the launch failed')
            : namespaceError(event.failure, this.#asked, hintOf),
        )
        break
      case 'exited':
        this.#child?.ended(event)
        if (this.#cancelled) this.#close()
        break
    }
  }

  /** Where nobody is there to answer the process's calls that is the reason, whatever came of it. */
  async #settle(outcome: unknown): Promise<void> {
    try {
      await this.#handedOver
    } catch (error) {
      await this.#child?.close()
      this.#reject(error)
      return
    }
    if (outcome instanceof Child) this.#resolve(outcome)
    else this.#reject(outcome)
  }

  #take(fd: number, pid: number): void {
    const asked = this.#onSystemCall
    if (this.#offers.shift() === 'terminal') this.#ends = { ...this.#ends, terminal: new TerminalEnd(fd) }
    else if (typeof asked === 'function') this.#ends = { ...this.#ends, listener: new Listener(fd, asked) }
    else if (asked !== undefined) {
      this.#handedOver = handOver(fd, pid, asked)
      // It is told with the outcome of the launch.
      this.#handedOver.catch(() => {})
    } else closeSync(fd)
  }

  /** The caller no longer waits for the start: what started is killed, and its streams are closed when it has ended. */
  readonly cancel = (): void => {
    this.#cancelled = true
    this.#child?.kill('SIGKILL')
  }

  #close(): void {
    this.#ends.stdin.close()
    this.#ends.stdout.close()
    this.#ends.stderr.close()
    this.#ends.terminal?.destroy()
    this.#ends.listener?.close()
  }
}
