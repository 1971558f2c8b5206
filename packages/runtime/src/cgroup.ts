import type { Cgroup, Limits } from '@box/cgroups'
import { BoxError, type ErrorCode } from '@box/core'

import type { ContainerLimits } from './options.ts'
import type { Releases } from './releases.ts'

/** How many processes and threads a container may have that asks for no limit of its own. */
const defaultPids = 1024

/** Why a caller cannot have a group: no right to, no cgroups here, or a v2 group that is full of processes of its own. */
const reasons: readonly ErrorCode[] = ['ERR_BOX_PERMISSION', 'ERR_BOX_UNSUPPORTED', 'ERR_BOX_CGROUP_BUSY']

/**
 * Makes the container's cgroup. A caller who cannot have one, and has asked for no limit, gets none; a limit that was asked for and can't be
 * had is an error.
 */
export async function makeCgroup(
  cgroups: Pick<typeof Cgroup, 'create'>,
  id: string,
  limits: ContainerLimits | undefined,
  releases: Releases,
): Promise<Cgroup | undefined> {
  const { disk: _, ...asked } = limits ?? {}
  const wanted: Limits = { pids: defaultPids, ...asked }
  try {
    const cgroup = await cgroups.create(`box-${id.slice(0, 12)}`, wanted, { temporary: true })
    releases.add(() => cgroup.close())
    return cgroup
  } catch (error) {
    if (Object.keys(asked).length === 0 && error instanceof BoxError && reasons.includes(error.code)) return undefined
    throw error
  }
}
