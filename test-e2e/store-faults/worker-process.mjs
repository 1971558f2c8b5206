/** A worker (see worker.mjs) as the tests see it: a process that is asked for one thing at a time, and may die over it. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('worker.mjs', import.meta.url))

/** The command that starts a worker. `keep`: what it keeps of the layers that it pulls. */
export function workerCommand(store, source, keep) {
  return [process.execPath, program, store, source, keep]
}

export class Worker {
  #child
  #lines
  #errors = ''
  /** What it keeps of layers. */
  keep
  /** Resolves once it has ended and all that it said was read. */
  ended

  /** @param child a process with piped standard streams; default: one that this starts */
  constructor(store, source, { keep = 'all', child = start(workerCommand(store, source, keep)) } = {}) {
    this.keep = keep
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', (text) => (this.#errors += text))
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    this.ended = new Promise((resolve) => child.stdout.once('close', resolve))
  }

  /** Its next line; undefined where it has ended. What it wrote to standard error is nobody's plan. */
  async answer() {
    const { value, done } = await this.#lines.next()
    if (this.#errors !== '') throw new Error(`the worker wrote: ${this.#errors}`)
    return done ? undefined : JSON.parse(value)
  }

  /** Asks for one thing; see `works` of worker.mjs. */
  async ask(...words) {
    this.#child.stdin.write(`${JSON.stringify(words)}\n`)
    return await this.answer()
  }

  kill() {
    this.#child.kill('SIGKILL')
  }

  /** Lets it close its store. @returns its last answer, which is undefined where it had nothing to say of it */
  async end() {
    this.#child.stdin.end()
    return await this.answer()
  }
}

function start([command, ...args]) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  // What is written to one that was killed is lost, which its end tells.
  child.stdin.on('error', () => {})
  return child
}
