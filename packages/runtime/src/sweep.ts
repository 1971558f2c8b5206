import { Cgroup } from '@box/cgroups'
import { BoxError } from '@box/core'

import { sweepIds } from './ids.ts'

let swept: Promise<void> | undefined

/** Removes what processes that were killed have left of their containers: cgroups and ranges of ids. Once in the life of this process. */
export function sweepOnce(): Promise<void> {
  swept ??= sweep()
  return swept
}

async function sweep(): Promise<void> {
  if (process.geteuid?.() === 0) sweepIds()
  await Cgroup.sweep('box-').catch((error: unknown) => {
    // No cgroups here, or none that this user may remove: then there is nothing of ours either.
    if (!(error instanceof BoxError && (error.code === 'ERR_BOX_UNSUPPORTED' || error.code === 'ERR_BOX_PERMISSION'))) throw error
  })
}
