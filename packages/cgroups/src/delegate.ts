import { chownSync, readFileSync } from 'node:fs'
import { errnoOf, systemError } from './files.ts'
import type { Places } from './places.ts'

/** What a group's owner needs of it on v1: to make groups below it and to move processes (cgroups(7), "Cgroup delegation"). */
const filesOfV1 = ['cgroup.procs', 'tasks']

/** Gives a group to a user: its folders and the files by which groups below it are made and filled, but not its own limits. */
export function delegatePlaces({ v2, v1 }: Places, uid: number, gid: number): void {
  if (v2 !== undefined) give(v2, filesOfV2(), uid, gid)
  for (const folder of new Set(v1.values())) give(folder, filesOfV1, uid, gid)
}

/** The kernel says which files may be given away. */
function filesOfV2(): string[] {
  const path = '/sys/kernel/cgroup/delegate'
  try {
    // A file such as memory.oom.group or memory.reclaim sets what the group itself may use.
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((file) => file.startsWith('cgroup.'))
  } catch (error) {
    throw systemError(`${path} cannot be read`, error, 'read', path)
  }
}

function give(folder: string, files: readonly string[], uid: number, gid: number): void {
  for (const path of [...files.map((file) => `${folder}/${file}`), folder]) {
    try {
      chownSync(path, uid, gid)
    } catch (error) {
      // Not every kernel has every file in every group.
      if (path === folder || errnoOf(error) !== 'ENOENT') throw systemError(`${path} cannot be given to user ${uid}`, error, 'chown', path)
    }
  }
}
