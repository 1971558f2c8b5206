import { existsSync } from 'node:fs'
import { errnoOf, groupsBelow, processesIn, systemError, write } from './files.ts'
import { beginFreezing, setFrozen } from './freeze.ts'
import { foldersOf, type Places } from './places.ts'

/** All processes in a group and in the groups below it. */
export function allProcesses(folder: string): number[] {
  return [...processesIn(folder), ...groupsBelow(folder).flatMap((name) => allProcesses(`${folder}/${name}`))]
}

/** The processes in any folder of a group. */
export function processesAt(places: Places): Set<number> {
  return new Set(foldersOf(places).flatMap(allProcesses))
}

/**
 * Sends SIGKILL to every process of a group, but never to this one. `cgroup.kill` (Linux 5.14) takes all at once; where it is missing, or this
 * process is among them, each gets a signal, until a reading shows no new one. The group is being frozen meanwhile, so that few can fork, or end and
 * leave their id to a stranger.
 */
export async function killAll(all: Places): Promise<void> {
  // Someone else may have removed the folder, when the others still hold processes.
  const v2 = all.v2 !== undefined && existsSync(all.v2) ? all.v2 : undefined
  const places = { ...all, v2 }
  const includesSelf = processesAt(places).has(process.pid)
  if (v2 !== undefined && !includesSelf) {
    const inV2 = new Set(allProcesses(v2))
    // Processes that someone took out of the v2 folder are still in the others.
    const strays = [...processesAt(places)].filter((pid) => !inV2.has(pid))
    if (killAtOnce(v2)) {
      for (const pid of strays) end(pid)
      return
    }
  }
  const freezable = !includesSelf && (v2 !== undefined || places.v1.has('freezer'))
  if (freezable) await beginFreezing(places)
  try {
    endEach(places)
  } finally {
    if (freezable) await setFrozen(places, false)
  }
}

/** @returns false where the kernel has no `cgroup.kill`, or the group is threaded. */
function killAtOnce(folder: string): boolean {
  try {
    write(folder, 'cgroup.kill', '1')
    return true
  } catch (error) {
    if (['ENOENT', 'EOPNOTSUPP'].includes(errnoOf(error))) return false
    throw systemError(`The processes of ${folder} cannot be ended`, error, 'write', `${folder}/cgroup.kill`)
  }
}

function endEach(places: Places): void {
  const seen = new Set<number>([process.pid])
  while (true) {
    const fresh = [...processesAt(places)].filter((pid) => !seen.has(pid))
    if (fresh.length === 0) return
    for (const pid of fresh) {
      seen.add(pid)
      end(pid)
    }
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw systemError(`Process ${pid} cannot be ended`, error, 'kill', `/proc/${pid}`)
  }
}
