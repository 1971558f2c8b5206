import type { Cgroup, Limits } from '@box/cgroups'
import { BoxError } from '@box/core'

import type { ContainerLimits } from './options.ts'

/** How many processes and threads a container may have that asks for no limit of its own. */
const defaultPids = 1024

/**
 * Makes the container's cgroup. Without limits that were asked for, a caller who may not make groups gets none; limits that were asked for
 * and can't be had are an error.
 */
export async function makeCgroup(
  cgroups: Pick<typeof Cgroup, 'create'>,
  id: string,
  limits: ContainerLimits | undefined,
): Promise<Cgroup | undefined> {
  const { disk: _, ...asked } = limits ?? {}
  const wanted: Limits = { pids: defaultPids, ...asked }
  try {
    return await cgroups.create(`box-${id.slice(0, 12)}`, wanted, { temporary: true })
  } catch (error) {
    if (Object.keys(asked).length === 0 && error instanceof BoxError && error.code === 'ERR_BOX_PERMISSION') return undefined
    throw error
  }
}
