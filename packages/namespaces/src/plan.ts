import type { SpawnOptions } from './options.ts'
import { type Common, commonOf, withGroups } from './plan/common.ts'
import { compile, groupsOf } from './plan/compile.ts'
import { currentContext } from './plan/context.ts'
import { encode } from './plan/encode.ts'
import { explain } from './plan/explain.ts'
import { Recent } from './plan/recent.ts'
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
    this.#encoded ??= encode(this.data, commonOf(this.data).steps)
    return this.#encoded
  }

  /** What will be done, in words, step by step. */
  toString(): string {
    return explain(this.data)
  }
}

const recent = new Recent<Common>()

/**
 * Compiles a command and its options to a plan. Nothing is opened and nothing is started.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for an option with a value that cannot be, `ERR_BOX_PERMISSION` for id maps that the caller cannot
 * have, `ERR_BOX_UNSUPPORTED` for a feature that `BOX_DENY` names (see `probe`) and that it cannot do without.
 */
export function plan(command: readonly string[], options: SpawnOptions = {}): Plan {
  const context = currentContext()
  // What is denied is denied to what was compiled before, too.
  const known = context.denied().size === 0 ? recent.find(command, options, context) : undefined
  if (known !== undefined) return new Plan(withGroups(known, groupsOf(options)), options.timeout)
  // What the host is asked it may answer in another way the next time.
  let asksHost = false
  const data = compile(command, options, {
    ...context,
    subordinateIds: () => {
      asksHost = true
      return context.subordinateIds()
    },
    forbidsGroups: (pid) => {
      asksHost = true
      return context.forbidsGroups(pid)
    },
  })
  if (!asksHost && context.denied().size === 0) recent.keep(command, options, context, commonOf(data))
  return new Plan(data, options.timeout)
}
