import type { SpawnOptions } from './options.ts'
import { compile } from './plan/compile.ts'
import { encode } from './plan/encode.ts'
import { explain } from './plan/explain.ts'
import type { PlanData } from './plan/steps.ts'

/** A launch, compiled: plain data that can be printed, compared and launched any number of times. */
export class Plan {
  /** The steps. */
  readonly data: PlanData
  /** Milliseconds after which the process is killed. */
  readonly timeout: number | undefined
  #encoded: Uint8Array | undefined

  /** @internal */
  constructor(data: PlanData, timeout: number | undefined) {
    this.data = data
    this.timeout = timeout
  }

  /** As the launcher reads it. */
  get encoded(): Uint8Array {
    this.#encoded ??= encode(this.data)
    return this.#encoded
  }

  /** What will be done, in words, step by step. */
  toString(): string {
    return explain(this.data)
  }
}

/**
 * Compiles a command and its options to a plan. Nothing is opened and nothing is started.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for an option with a value that cannot be, `ERR_BOX_PERMISSION` for id maps that the caller cannot have.
 */
export function plan(command: readonly string[], options: SpawnOptions = {}): Plan {
  return new Plan(compile(command, options), options.timeout)
}
