import { dirname } from 'node:path'
import { BoxError, fromNative } from '@box/core'
import { native } from '@box/native'
import { writeSlowly } from './files.ts'
import { hierarchyOf } from './hierarchies/find.ts'
import { memberFolder, type Host } from './hierarchies/host.ts'
import type { Membership } from './hierarchies/membership.ts'
import { allProcesses } from './kill.ts'
import { foldersOf, type Places } from './places.ts'

/**
 * Moves a process, with all its threads, into a group: in every hierarchy, or in none.
 * @throws BoxError `ERR_BOX_NOT_FOUND` where there is no such process, `ERR_BOX_PERMISSION`.
 */
export async function moveProcess(host: Host, places: Places, pid: number): Promise<void> {
  if (!Number.isSafeInteger(pid) || pid < 1) throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${pid} is not a process id`)
  const folders = foldersOf(places)
  // Of one group nothing is ever to be put back.
  const before = folders.length > 1 ? host.memberships(pid) : []
  try {
    await native().moveProcess(folders, pid)
  } catch (thrown) {
    const error = fromNative(thrown)
    const path = error instanceof BoxError ? error.path : undefined
    const refused = folders.findIndex((folder) => `${folder}/cgroup.procs` === path)
    for (const folder of folders.slice(0, Math.max(0, refused))) await putBack(homeIn(host, folder, before), pid)
    throw refusal(error, pid)
  }
}

/** Where the process was in the hierarchy of a folder. */
function homeIn({ hierarchies }: Host, folder: string, before: readonly Membership[]): string | undefined {
  const hierarchy = hierarchyOf(hierarchies, folder)
  return hierarchy && memberFolder(hierarchy, before)
}

function refusal(error: unknown, pid: number): unknown {
  if (!(error instanceof BoxError)) return error
  const { errno, syscall, path } = error
  // A process that has ended has no group (ESRCH), and a group that was removed no processes (ENODEV).
  const code = errno === 'ESRCH' || errno === 'ENODEV' ? 'ERR_BOX_NOT_FOUND' : error.code
  return new BoxError(code, `Process ${pid} cannot be moved to ${path}: ${errno}`, { errno, syscall, path, cause: error })
}

/** A process that has ended meanwhile has nowhere to go back to. */
async function putBack(folder: string | undefined, pid: number): Promise<void> {
  if (folder !== undefined) await writeSlowly(folder, 'cgroup.procs', `${pid}`).catch(() => undefined)
}

/** Moves this process out of a group that is about to be removed, to the group above it. */
export async function leave(places: Places): Promise<void> {
  for (const folder of foldersOf(places)) {
    if (!allProcesses(folder).includes(process.pid)) continue
    const above = dirname(folder)
    try {
      await writeSlowly(above, 'cgroup.procs', `${process.pid}`)
    } catch (cause) {
      throw new BoxError('ERR_BOX_STATE', `${folder} cannot be removed: this process is in it and cannot go back to ${above}`, {
        path: folder,
        hint: 'move this process to another group first',
        cause,
      })
    }
  }
}
