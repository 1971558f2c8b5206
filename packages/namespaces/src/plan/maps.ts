import { BoxError, type IdMapping, refuseUnknownOptions } from '@box/core'
import { denied } from '../features.ts'
import { idMappingOptions } from '../option-names.ts'
import type { SpawnOptions } from '../options.ts'
import type { PlanContext, SubordinateIds } from './context.ts'
import { id, invalid, whole } from './invalid.ts'

/** The maps of a new user namespace, and who writes them: user_namespaces(7) says who may. */
export interface Maps {
  readonly uid: readonly IdMapping[]
  readonly gid: readonly IdMapping[]
  /** The launcher as root, the process itself for the caller's own ids alone, or newuidmap(1) and newgidmap(1) by their paths. */
  readonly writer: 'launcher' | 'self' | readonly [string, string]
}

/**
 * The maps of options that ask for a new user namespace. Default: as root every id as it is; else the caller's ids as 0 and from 1 on those
 * that /etc/subuid and /etc/subgid grant, where they can be used, and where not the caller's ids alone.
 */
export function decideMaps(options: Pick<SpawnOptions, 'uidMappings' | 'gidMappings' | 'root'>, context: PlanContext): Maps {
  const owner = options.root?.userNamespace
  return chooseMaps(
    { uidMappings: options.uidMappings ?? owner?.uidMappings, gidMappings: options.gidMappings ?? owner?.gidMappings },
    context,
  )
}

/** The same for maps alone. */
export function chooseMaps(given: Pick<SpawnOptions, 'uidMappings' | 'gidMappings'>, context: PlanContext): Maps {
  const uid = given.uidMappings
  const gid = given.gidMappings
  if ((uid === undefined) !== (gid === undefined)) throw invalid('uidMappings', 'a map of one kind', 'complete: both maps, or none')
  if (context.uid === 0) {
    const all: readonly IdMapping[] = [{ containerId: 0, hostId: 0, size: 0xffff_ffff }]
    return { uid: checkedMap('uidMappings', uid ?? all), gid: checkedMap('gidMappings', gid ?? all), writer: 'launcher' }
  }
  if (uid === undefined || gid === undefined) return subordinateMaps(context) ?? selfMaps(context)
  const maps = { uid: checkedMap('uidMappings', uid), gid: checkedMap('gidMappings', gid) }
  if (isSelf(maps.uid, context.uid) && isSelf(maps.gid, context.gid)) return { ...maps, writer: 'self' }
  const { name, uidMappings, gidMappings, newuidmap, newgidmap } = grantedTo(context)
  requireGranted('uidMappings', maps.uid, uidMappings, name)
  requireGranted('gidMappings', maps.gid, gidMappings, name)
  return { ...maps, writer: [newuidmap, newgidmap] }
}

/** The ids that the caller may map beside its own. */
export function grantedTo(context: PlanContext): SubordinateIds {
  if (context.denied().has('id-ranges')) throw denied('id-ranges')
  return context.subordinateIds()
}

function selfMaps({ uid, gid }: PlanContext): Maps {
  return { uid: [{ containerId: 0, hostId: uid, size: 1 }], gid: [{ containerId: 0, hostId: gid, size: 1 }], writer: 'self' }
}

/** Undefined where something stands in the way of more ids than the caller's own. */
function subordinateMaps(context: PlanContext): Maps | undefined {
  try {
    const { uidMappings, gidMappings, newuidmap, newgidmap } = grantedTo(context)
    return { uid: uidMappings, gid: gidMappings, writer: [newuidmap, newgidmap] }
  } catch (error) {
    if (error instanceof BoxError) return undefined
    throw error
  }
}

/** Whether a map of groups was written by someone who may map more than one: setgroups(2) is then possible inside. */
export function isSelf(map: readonly IdMapping[], own: number): boolean {
  return map.length === 1 && map[0]?.hostId === own && map[0].size === 1
}

const grantedBy = { uidMappings: '/etc/subuid', gidMappings: '/etc/subgid' } as const

/** Refuses ids that were granted to somebody else, or to nobody: newuidmap would, with fewer words. */
function requireGranted(option: keyof typeof grantedBy, map: readonly IdMapping[], granted: readonly IdMapping[], name: string): void {
  const ranges = merged(granted)
  for (const { hostId, size } of map) {
    const end = hostId + size
    if (ranges.some(([first, last]) => first <= hostId && end <= last)) continue
    const words = ranges.map(([first, last]) => (last === first + 1 ? String(first) : `${first} to ${last - 1}`)).join(', ')
    throw new BoxError('ERR_BOX_PERMISSION', `${option}: the user ${name} has not all of the ids ${hostId} to ${end - 1}, but ${words}`, {
      path: grantedBy[option],
      hint: `as root: usermod --add-sub${option === 'uidMappings' ? 'uids' : 'gids'} ${hostId}-${end - 1} ${name}; or leave both maps out, and use what there is`,
    })
  }
}

/** The first id of each range, and the first after it; those that touch are one. */
function merged(map: readonly IdMapping[]): readonly (readonly [number, number])[] {
  const ranges: [number, number][] = []
  for (const { hostId, size } of map.toSorted((one, other) => one.hostId - other.hostId)) {
    const last = ranges.at(-1)
    if (last !== undefined && hostId <= last[1]) last[1] = Math.max(last[1], hostId + size)
    else ranges.push([hostId, hostId + size])
  }
  return ranges
}

function checkedMap(option: string, map: readonly IdMapping[]): readonly IdMapping[] {
  if (map.length === 0 || map.length > 340) throw invalid(option, `a list of ${map.length}`, 'a list of 1 to 340 ranges')
  for (const range of map) {
    refuseUnknownOptions(option, range, idMappingOptions)
    id(`${option}.containerId`, range.containerId)
    id(`${option}.hostId`, range.hostId)
    whole(`${option}.size`, range.size, 1, 0xffff_ffff)
  }
  return map
}

/** A map as user_namespaces(7) has it. */
export function mapText(map: readonly IdMapping[]): string {
  return map.map(({ containerId, hostId, size }) => `${containerId} ${hostId} ${size}\n`).join('')
}
