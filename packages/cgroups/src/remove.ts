import { setTimeout as delay } from 'node:timers/promises'
import { BoxError } from '@box/core'
import { native } from '@box/native'
import { waitForEvent } from './events-file.ts'
import { errnoOf, groupsBelow, removeFolder, systemError } from './files.ts'
import { killAll, processesAt } from './kill.ts'
import { foldersOf, type Places } from './places.ts'

/** How long the ends of processes are waited for one by one, in milliseconds: a thread is held meanwhile. */
const soon = 100

/**
 * Ends what is in a group and removes its folders, those that its processes have made below included.
 * @throws BoxError `ERR_BOX_TIMEOUT` where processes outlive SIGKILL (they wait in the kernel); the group is still there then.
 */
export async function removePlaces(places: Places, timeout: number): Promise<void> {
  const deadline = AbortSignal.timeout(timeout)
  const late = (): BoxError =>
    new BoxError(
      'ERR_BOX_TIMEOUT',
      `After ${timeout} ms processes of ${foldersOf(places)[0]} are still there: ${[...processesAt(places)].join(', ')}`,
      {
        path: foldersOf(places)[0],
        hint: 'they wait inside the kernel; close() can be called again',
      },
    )
  if (tryRemove(places)) return
  const members = [...processesAt(places)].filter((pid) => pid !== process.pid)
  await killAll(places)
  // Most end at once, and the kernel tells of an empty group no sooner than ten milliseconds after it has told of a full one.
  await native().waitForEnds(members, Math.min(timeout, soon))
  if (tryRemove(places)) return
  if (places.v2 !== undefined) {
    try {
      await waitForEvent(places.v2, 'populated', 0, deadline)
    } catch (error) {
      throw deadline.aborted ? late() : error
    }
  }
  // v1 tells nobody when the last process has left: all that can be done is to try.
  for (let pause = 1; !tryRemove(places); pause = Math.min(50, pause * 2)) {
    if (deadline.aborted) throw late()
    await delay(pause)
    await killAll(places)
  }
}

/**
 * Removes the folders, and the empty groups below them, where no process is left.
 * The v2 folder goes last: as long as it is there it tells when processes end.
 * @returns false where a process is left in one of the groups.
 */
export function tryRemove(places: Places): boolean {
  return foldersOf(places)
    .toReversed()
    .every((folder) => removeTree(folder))
}

/** A folder that has groups below it, or processes in it, cannot be removed: only then is it looked into. */
function removeTree(folder: string): boolean {
  if (removeOne(folder)) return true
  const below = groupsBelow(folder).map((name) => removeTree(`${folder}/${name}`))
  return below.length > 0 && below.every(Boolean) && removeOne(folder)
}

/** @returns false where something is in the group. */
function removeOne(folder: string): boolean {
  try {
    removeFolder(folder)
    return true
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT') return true
    if (errno === 'EBUSY' || errno === 'ENOTEMPTY') return false
    throw systemError(`The cgroup ${folder} cannot be removed`, error, 'rmdir', folder)
  }
}
