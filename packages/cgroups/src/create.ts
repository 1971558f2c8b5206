import { existsSync } from 'node:fs'
import { BoxError } from '@box/core'
import { checkFiles, placed, type PlacedWrite, writeNow } from './apply.ts'
import type { CheckedLimits } from './checked.ts'
import { compile, type Where } from './compile.ts'
import { enableControllers } from './enable.ts'
import { groupsBelow, read, systemError, write } from './files.ts'
import { folderOf, type Hierarchy } from './hierarchies/find.ts'
import { controllersOf, memberFolder, type Host, type OwnGroups } from './hierarchies/host.ts'
import type { Membership } from './hierarchies/membership.ts'
import { checkName, markName, thisProcess } from './names.ts'
import { canonical, foldersOf, type Places } from './places.ts'
import { unsupported, type ControllerWrites } from './writes.ts'

/** The controllers that a group gets besides those that its limits need, where the host has them. */
const usual = ['cpu', 'memory', 'pids']

export interface CreateOptions {
  readonly parent: string | Places | undefined
  readonly controllers: readonly string[] | undefined
  readonly temporary: boolean
  readonly moveSelf: boolean
}

/** Makes a group and writes its limits; on any error what was made is removed again. */
export async function createPlaces(host: Host, name: string, checked: CheckedLimits, options: CreateOptions): Promise<Places> {
  const folderName = options.temporary ? markName(checkName(name), thisProcess()) : checkName(name)
  const known = host.lastOwn()
  const expected = known && draftAsBefore(host, known, folderName, checked, options)
  if (expected !== undefined && (await make(host, expected, known))) return expected.places
  const drafted = draft(host, host.own(), folderName, checked, options)
  const { site, places } = drafted
  if (site.v2 !== undefined && places.controllers.size > 0)
    enable(host, site.v2.own, site.v2.parent, [...places.controllers], options.moveSelf)
  await make(host, drafted)
  return places
}

/** What is done for a group, before anything of it is made. */
interface Draft {
  readonly site: Site
  readonly places: Places
  readonly folders: readonly string[]
  readonly writes: readonly PlacedWrite[]
}

function draft(host: Host, own: OwnGroups, folderName: string, checked: CheckedLimits, options: CreateOptions): Draft {
  const site = siteOf(host, own.memberships, options.parent)
  const compiled = compile(checked, site.where)
  if (checked.network !== undefined && site.v2 === undefined) throw unsupported('network', 'the group would be in no v2 hierarchy')
  const asked = [...compiled.map((it) => it.controller), ...(options.controllers ?? [])]
  const missing = (options.controllers ?? []).find((controller) => site.where(controller) === undefined)
  if (missing !== undefined) throw new BoxError('ERR_BOX_CGROUP_UNSUPPORTED', `This host has no ${missing} controller`, { step: missing })
  const needed = new Set([...asked, ...(options.controllers === undefined ? usual : [])].filter((it) => site.where(it) !== undefined))
  // Without v2 the usage of CPU time has a controller of its own, and only a freezer can end processes without a race.
  if (site.v2 === undefined) for (const controller of ['cpuacct', 'freezer']) if (site.v1.has(controller)) needed.add(controller)

  for (const it of compiled) checkFiles(it, () => referenceOf(site, it))

  const { places, seeds } = placesIn(host, site, folderName, needed)
  return { site, places, folders: foldersOf(places), writes: [...seeds, ...placed(places, compiled)] }
}

/** By the groups that this process was in before; undefined where that does not do: they are read again then. */
function draftAsBefore(host: Host, known: OwnGroups, ...rest: [string, CheckedLimits, CreateOptions]): Draft | undefined {
  try {
    const drafted = draft(host, known, ...rest)
    // Nothing is enabled above a group by what was true before.
    return drafted.places.controllers.size === 0 ? drafted : undefined
  } catch {
    return undefined
  }
}

/** Gives false, and has made nothing, where this process is not in the groups any more that were `expected`. */
async function make(host: Host, { folders, writes }: Draft, expected?: OwnGroups): Promise<boolean> {
  const made = await host.makeGroup(folders, writes, expected)
  if (made.elsewhere) return false
  try {
    const refused = folders[made.folders]
    if (refused !== undefined) throw refusal(refused, made.errno)
    for (const one of writes.slice(made.written)) writeNow(one)
    return true
  } catch (error) {
    for (const folder of folders.slice(0, made.folders).toReversed()) host.removeFolder(folder)
    throw error
  }
}

function refusal(folder: string, errno = 'EIO'): BoxError {
  if (errno === 'EEXIST')
    return new BoxError('ERR_BOX_CGROUP_EXISTS', `${folder} exists and was made by someone else`, {
      syscall: 'mkdir',
      errno,
      path: folder,
      hint: 'choose another name, or `temporary: true` for a name of its own',
    })
  const hint = 'groups are made as root, or below a group that was delegated to the user'
  return systemError(`The cgroup ${folder} cannot be made`, { code: errno }, 'mkdir', folder, hint)
}

/**
 * The folders of a group that is there already.
 * @throws BoxError `ERR_BOX_NOT_FOUND` where no hierarchy has it.
 */
export function openPlaces(host: Host, name: string, parent: CreateOptions['parent']): Places {
  const site = siteOf(host, host.memberships('self'), parent)
  const folderIn = (hierarchy: Hierarchy, above: string): string | undefined => {
    const folder = `${above}/${checkName(name)}`
    if (!existsSync(folder)) return undefined
    host.checkFolder(hierarchy, folder)
    return folder
  }
  const v2 = site.v2 && folderIn(site.v2.hierarchy, site.v2.parent)
  const v1 = new Map<string, string>()
  for (const [controller, { hierarchy, parent: above }] of site.v1) {
    const folder = folderIn(hierarchy, above)
    if (folder !== undefined) v1.set(controller, folder)
  }
  if (v2 === undefined && v1.size === 0)
    throw new BoxError('ERR_BOX_NOT_FOUND', `There is no cgroup ${name} below that`, { hint: 'name the group that it is in as `parent`' })
  return { v2, v1, controllers: new Set(v2 === undefined ? [] : controllersOf(v2)), top: false }
}

/** Where a new group goes. */
interface Site {
  readonly v2: { readonly hierarchy: Hierarchy; readonly own: string | undefined; readonly parent: string } | undefined
  /** The parent's folder by controller. */
  readonly v1: ReadonlyMap<string, { readonly hierarchy: Hierarchy; readonly parent: string }>
  readonly where: Where
}

function siteOf(host: Host, own: readonly Membership[], parent: CreateOptions['parent']): Site {
  const parentIn = (hierarchy: Hierarchy): string | undefined => {
    if (parent === undefined) return homeOf(memberFolder(hierarchy, own))
    if (typeof parent === 'string') return folderOf(hierarchy, checkPath(parent))
    const { v2, v1 } = parent
    return hierarchy.version === 2 ? v2 : hierarchy.controllers.map((it) => v1.get(canonical(it))).find((it) => it !== undefined)
  }
  // Beside v1 a v2 hierarchy is useful, not necessary.
  const unified = host.hierarchies.v2?.readOnly === true && host.hierarchies.v1.length > 0 ? undefined : host.hierarchies.v2
  const folder = unified && parentIn(unified)
  const v2 = unified && folder !== undefined ? { hierarchy: unified, own: homeOf(memberFolder(unified, own)), parent: folder } : undefined
  const v1 = new Map<string, { hierarchy: Hierarchy; parent: string }>()
  for (const hierarchy of host.hierarchies.v1) {
    const below = parentIn(hierarchy)
    if (below !== undefined) for (const controller of hierarchy.controllers) v1.set(canonical(controller), { hierarchy, parent: below })
  }
  if (v2 === undefined && v1.size === 0)
    throw new BoxError('ERR_BOX_UNSUPPORTED', 'The cgroup below which the new one would go is not visible here', {
      hint: 'mount the cgroup file system in this cgroup namespace, or name a visible group as `parent`',
    })
  // Asked only where v1 does not answer.
  let given: ReadonlySet<string> | undefined
  const onV2 = (controller: string): boolean => {
    if (v2 === undefined) return false
    given ??= new Set(['cgroup', ...controllersOf(v2.parent)])
    return given.has(controller)
  }
  return { v2, v1, where: (controller) => (v1.has(controller) ? 1 : onV2(controller) ? 2 : undefined) }
}

/** A group that has the files which the new one will have; undefined where there is none to look at. */
function referenceOf({ v2, v1 }: Site, { controller, version }: ControllerWrites): string | undefined {
  const place = version === 2 ? v2 : v1.get(controller)
  if (place === undefined) return undefined
  const { hierarchy, parent } = place
  const top = parent === hierarchy.mountPoint && hierarchy.root === '/'
  if (!top) return parent
  // The top lacks some files. On v2 the groups below it have those of the controllers that it has given them.
  if (version === 2 && !(read(parent, 'cgroup.subtree_control') ?? '').split(/\s+/).includes(controller)) return undefined
  const [first] = groupsBelow(parent)
  return first === undefined ? undefined : `${parent}/${first}`
}

function leafName(): string {
  return markName('box-self', thisProcess())
}

/** The group that this process was started in, if `moveSelf` has moved it from there. */
export function homeOf(folder: string | undefined): string | undefined {
  const leaf = `/${leafName()}`
  return folder?.endsWith(leaf) === true ? folder.slice(0, -leaf.length) : folder
}

function checkPath(path: string): string {
  if (/^\/(?:[^/]+(?:\/[^/]+)*)?$/.test(path) && !path.split('/').some((part) => part === '..' || part === '.')) return path
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${JSON.stringify(path)} is not a cgroup: expected a path such as '/user.slice/app'`)
}

/** Where the folders of a group go, and what those of v1's cpuset begin with. */
function placesIn(host: Host, site: Site, name: string, needed: ReadonlySet<string>): { places: Places; seeds: PlacedWrite[] } {
  const unified = new Set([...needed].filter((it) => site.where(it) === 2 && it !== 'cgroup'))
  const v1 = new Map<string, string>()
  const seeds: PlacedWrite[] = []
  if (site.v2 !== undefined) host.checkFolder(site.v2.hierarchy, site.v2.parent)
  for (const controller of needed) {
    const place = site.v1.get(controller)
    if (place === undefined || v1.has(controller)) continue
    const folder = `${place.parent}/${name}`
    host.checkFolder(place.hierarchy, place.parent)
    if (place.hierarchy.controllers.includes('cpuset')) seeds.push(...cpusetOf(place.parent, folder))
    for (const other of place.hierarchy.controllers) v1.set(canonical(other), folder)
  }
  const v2 = site.v2 && `${site.v2.parent}/${name}`
  return { places: { v2, v1, controllers: unified, top: false }, seeds }
}

/** On v1 a new cpuset is empty, and no process may enter an empty one (cpuset(7)). */
function cpusetOf(parent: string, folder: string): PlacedWrite[] {
  return ['cpuset.cpus', 'cpuset.mems'].flatMap((file) => {
    const value = read(parent, file)?.trim()
    return value === undefined || value === '' ? [] : [{ folder, one: { file, value, field: file } }]
  })
}

function enable(host: Host, own: string | undefined, parent: string, controllers: readonly string[], moveSelf: boolean): void {
  const from = own !== undefined && (parent === own || parent.startsWith(`${own}/`)) ? own : parent
  try {
    enableControllers(from, parent, controllers)
  } catch (error) {
    if (!moveSelf || own === undefined || !(error instanceof BoxError) || error.code !== 'ERR_BOX_CGROUP_BUSY') throw error
    moveToLeaf(host, own)
    enableControllers(from, parent, controllers)
  }
}

/** Moves this process to a group below its own, so that its own group holds none. The group stays: the process lives in it. */
function moveToLeaf(host: Host, own: string): void {
  const leaf = `${own}/${leafName()}`
  host.makeFolder(leaf)
  try {
    write(leaf, 'cgroup.procs', `${process.pid}`)
  } catch (error) {
    host.removeFolder(leaf)
    throw systemError(`This process cannot move to ${leaf}`, error, 'write', `${leaf}/cgroup.procs`)
  }
}
