import { BoxError } from '@box/core'

/** One write that a limit becomes: data, so that it can be looked at before anything is made. */
export interface Write {
  readonly file: string
  readonly value: string
  /** The option that asked for it, for errors. */
  readonly field: string
  /** What to write where the kernel has no such file. */
  readonly otherwise?: Write
  /** Left out where the kernel has no such file. */
  readonly optional?: boolean
}

/** The writes of one controller, in the hierarchy that has it. */
export interface ControllerWrites {
  readonly controller: string
  readonly version: 1 | 2
  readonly writes: readonly Write[]
}

export function unsupported(field: string, why: string, hint?: string): BoxError {
  return new BoxError('ERR_BOX_CGROUP_UNSUPPORTED', `limits.${field} cannot be held on this host: ${why}`, { step: field, hint })
}
