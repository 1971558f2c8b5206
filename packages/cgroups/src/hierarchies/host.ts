import { readFileSync, realpathSync, statfsSync } from 'node:fs'
import { BoxError, fromNative } from '@box/core'
import { type GroupMade, native } from '@box/native'
import type { PlacedWrite } from '../apply.ts'
import { errnoOf, makeFolder, read, removeFolder, systemError } from '../files.ts'
import { findHierarchies, folderOf, type Hierarchies, type Hierarchy } from './find.ts'
import { parseMembership, type Membership } from './membership.ts'
import { parseMountinfo } from './mountinfo.ts'

/** What the functions of this package need to know of the machine. */
export interface Host {
  readonly hierarchies: Hierarchies
  /** The groups of a process, as in /proc/PID/cgroup. */
  memberships(pid: number | 'self'): readonly Membership[]
  /** This process's groups, read now. */
  own(): OwnGroups
  /** As they were read last. */
  lastOwn(): OwnGroups | undefined
  /** Makes sure that a folder is a group of that hierarchy. @throws BoxError. */
  checkFolder(hierarchy: Hierarchy, folder: string): void
  makeFolder(path: string): void
  removeFolder(path: string): void
  /** Makes the folders of a group and writes its files, in their order, up to what is refused; nothing where this process is not in the groups that are `expected`. */
  makeGroup(folders: readonly string[], writes: readonly PlacedWrite[], expected?: OwnGroups): Promise<GroupMade>
}

/** What /proc/self/cgroup says. */
export interface OwnGroups {
  readonly text: string
  readonly memberships: readonly Membership[]
}

let hierarchies: Hierarchies | undefined

/**
 * This machine. The mount table is read once: hierarchies stay where they are while a process runs, and the table is long where there are
 * many containers.
 * @throws BoxError `ERR_BOX_UNSUPPORTED` outside Linux, and where no hierarchy is mounted.
 */
export function thisHost(): Host {
  if (process.platform !== 'linux') throw new BoxError('ERR_BOX_UNSUPPORTED', 'Cgroups exist only on Linux')
  hierarchies ??= findHierarchies(parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')), membershipsOf('self'))
  if (hierarchies.v2 === undefined && hierarchies.v1.length === 0)
    throw new BoxError('ERR_BOX_UNSUPPORTED', 'No cgroup hierarchy is mounted', { hint: 'mount one: mount -t cgroup2 none /sys/fs/cgroup' })
  return { hierarchies, memberships: membershipsOf, own: readOwn, lastOwn: () => lastOwn, checkFolder, makeFolder, removeFolder, makeGroup }
}

let lastOwn: OwnGroups | undefined

function readOwn(): OwnGroups {
  const text = textOf('self')
  if (lastOwn?.text !== text) lastOwn = { text, memberships: parseMembership(text) }
  return lastOwn
}

function membershipsOf(pid: number | 'self'): readonly Membership[] {
  return pid === 'self' ? readOwn().memberships : parseMembership(textOf(pid))
}

function textOf(pid: number | 'self'): string {
  const path = `/proc/${pid}/cgroup`
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errnoOf(error))) throw new BoxError('ERR_BOX_NOT_FOUND', `No process has the id ${pid}`, { path })
    throw systemError(`${path} cannot be read`, error, 'read', path)
  }
}

/** On a thread of its own: the kernel makes one group at a time, whoever asks, and takes longer than the event loop should be held. */
async function makeGroup(folders: readonly string[], writes: readonly PlacedWrite[], expected?: OwnGroups): Promise<GroupMade> {
  const files = writes.map(({ folder, one }) => `${folder}/${one.file}`)
  const values = writes.map(({ one }) => one.value)
  try {
    return await native().makeGroup([...folders], files, values, expected?.text)
  } catch (error) {
    throw fromNative(error)
  }
}

/** The folder of a process's group in a hierarchy, or undefined where it is not visible from here. */
export function memberFolder(hierarchy: Hierarchy, memberships: readonly Membership[]): string | undefined {
  const own = memberships.find((it) =>
    hierarchy.version === 2
      ? it.hierarchy === 0
      : it.controllers.length === hierarchy.controllers.length && it.controllers.every((name) => hierarchy.controllers.includes(name)),
  )
  return own && folderOf(hierarchy, own.path)
}

/** The controllers that a folder of the v2 hierarchy can give to groups below it. */
export function controllersOf(folder: string): string[] {
  return (read(folder, 'cgroup.controllers') ?? '').split(/\s+/).filter(Boolean)
}

/** Folders that were checked: most groups of a process go below the same few. */
const checkedFolders = new Set<string>()
const mostChecked = 64

const superMagic = { 1: 0x27e0eb, 2: 0x63677270 } as const

/**
 * Makes sure that a folder is a group of that hierarchy, reached without links and not covered by another mount. Inside a hierarchy the kernel
 * makes no links, so what was checked once stays true.
 * @throws BoxError `ERR_BOX_NOT_FOUND`, `ERR_BOX_INVALID_ARGUMENT`.
 */
function checkFolder(hierarchy: Hierarchy, folder: string): void {
  const key = `${hierarchy.version}:${hierarchy.mountPoint}:${folder}`
  if (checkedFolders.has(key)) return
  let real
  try {
    real = realpathSync(folder)
  } catch (error) {
    throw systemError(`The cgroup ${folder} cannot be used`, error, 'openat', folder)
  }
  const top = realpathSync(hierarchy.mountPoint)
  const direct = `${top}${folder.slice(hierarchy.mountPoint.length)}`
  if (real !== direct) throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${folder} leads through a link to ${real}`, { path: folder })
  if (statfsSync(folder).type !== superMagic[hierarchy.version])
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${folder} is not a cgroup of version ${hierarchy.version}`, { path: folder })
  if (checkedFolders.size >= mostChecked) checkedFolders.clear()
  checkedFolders.add(key)
}
