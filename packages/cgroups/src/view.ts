import { BoxError } from '@box/core'
import { controllersOf, memberFolder, type Host } from './hierarchies/host.ts'
import { canonical, type Places } from './places.ts'

/** The folders of the groups that a process is in. */
export function viewOf(host: Host, pid: number): Places {
  if (!Number.isSafeInteger(pid) || pid < 1) throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${pid} is not a process id`)
  const memberships = host.memberships(pid)
  const { v2: unified } = host.hierarchies
  const v2 = unified && memberFolder(unified, memberships)
  const v1 = new Map<string, string>()
  let top = v2 !== undefined && v2 === unified?.mountPoint && unified.root === '/'
  for (const hierarchy of host.hierarchies.v1) {
    const folder = memberFolder(hierarchy, memberships)
    if (folder === undefined) continue
    top ||= folder === hierarchy.mountPoint
    for (const controller of hierarchy.controllers) v1.set(canonical(controller), folder)
  }
  if (v2 === undefined && v1.size === 0)
    throw new BoxError('ERR_BOX_UNSUPPORTED', `The group of process ${pid} is not visible in the mounted hierarchies`)
  return { v2, v1, controllers: new Set(v2 === undefined ? [] : controllersOf(v2)), top }
}
