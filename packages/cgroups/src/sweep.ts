import { homeOf } from './create.ts'
import { groupsBelow } from './files.ts'
import { memberFolder, type Host } from './hierarchies/host.ts'
import { isAlive, readMark } from './names.ts'
import { canonical } from './places.ts'
import { removePlaces } from './remove.ts'

/** Removes the temporary groups of dead processes below this process's group. */
export async function sweepHost(host: Host, prefix: string, timeout: number): Promise<string[]> {
  const own = host.memberships('self')
  const found = new Map<string, { v2: string | undefined; v1: Map<string, string> }>()
  const { v2, v1 } = host.hierarchies
  for (const hierarchy of [...(v2 === undefined ? [] : [v2]), ...v1]) {
    const parent = homeOf(memberFolder(hierarchy, own))
    if (parent === undefined) continue
    for (const name of groupsBelow(parent)) {
      const mark = readMark(name)
      if (mark === undefined || !mark.name.startsWith(prefix) || isAlive(mark.owner)) continue
      const places = found.get(name) ?? { v2: undefined, v1: new Map<string, string>() }
      found.set(name, places)
      if (hierarchy.version === 2) places.v2 = `${parent}/${name}`
      else for (const controller of hierarchy.controllers) places.v1.set(canonical(controller), `${parent}/${name}`)
    }
  }
  const removed: string[] = []
  let failure: unknown
  for (const [name, { v2, v1 }] of found) {
    try {
      await removePlaces({ v2, v1, controllers: new Set(), top: false }, timeout)
      removed.push(readMark(name)?.name ?? name)
    } catch (error) {
      // The others go all the same.
      failure ??= error
    }
  }
  if (failure !== undefined) throw failure
  return removed
}
