import type { CgroupTarget } from '@box/core'

/** The folders of one group: one in the v2 hierarchy, one in each v1 hierarchy that is used. */
export interface Places {
  readonly v2: string | undefined
  /** By controller; controllers of one hierarchy have the same folder. `blkio` goes by its name on v2, `io`. */
  readonly v1: ReadonlyMap<string, string>
  /** The controllers of the v2 folder. */
  readonly controllers: ReadonlySet<string>
  /** Whether one of the folders is the top of its hierarchy, where all processes of the machine (or of the container) are. */
  readonly top: boolean
}

export function foldersOf({ v2, v1 }: Places): string[] {
  return [...(v2 === undefined ? [] : [v2]), ...new Set(v1.values())]
}

export function targetOf({ v2, v1 }: Places): CgroupTarget['paths'] {
  return { v2, v1: [...new Set(v1.values())] }
}

/** The controller's name on v2. */
export function canonical(controller: string): string {
  return controller === 'blkio' ? 'io' : controller
}
