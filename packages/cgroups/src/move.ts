import { dirname } from 'node:path'
import { BoxError } from '@box/core'
import { systemError, writeSlowly } from './files.ts'
import { memberFolder, type Host } from './hierarchies/host.ts'
import type { Hierarchy } from './hierarchies/find.ts'
import { allProcesses } from './kill.ts'
import { foldersOf, type Places } from './places.ts'

/**
 * Moves a process, with all its threads, into a group: in every hierarchy, or in none.
 * @throws BoxError `ERR_BOX_NOT_FOUND` where there is no such process, `ERR_BOX_PERMISSION`.
 */
export async function moveProcess(host: Host, places: Places, pid: number): Promise<void> {
  if (!Number.isSafeInteger(pid) || pid < 1) throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${pid} is not a process id`)
  const before = host.memberships(pid)
  const { v2, v1 } = host.hierarchies
  const moved: Hierarchy[] = []
  for (const folder of foldersOf(places)) {
    const hierarchy = [...(v2 === undefined ? [] : [v2]), ...v1].find(({ mountPoint }) => `${folder}/`.startsWith(`${mountPoint}/`))
    try {
      await writeSlowly(folder, 'cgroup.procs', `${pid}`)
    } catch (error) {
      for (const it of moved) await putBack(memberFolder(it, before), pid)
      throw systemError(`Process ${pid} cannot be moved to ${folder}`, error, 'write', `${folder}/cgroup.procs`)
    }
    if (hierarchy !== undefined) moved.push(hierarchy)
  }
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
