import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import path from 'node:path'

/** What a container may leave on a machine. */
export interface Inventory {
  readonly mounts: readonly string[]
  readonly cgroups: readonly string[]
  readonly children: readonly string[]
  readonly descriptors: readonly string[]
  readonly state: readonly string[]
}

/**
 * Counts it. The launcher, which lives as long as this process, its program in memory, and what it has made ahead for the next launch are left
 * out; so is what other processes, which still run, have for their own containers.
 */
export function inventory(): Inventory {
  return {
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ').slice(3, 5).join(' ')),
    cgroups: boxGroups('/sys/fs/cgroup'),
    children: children(),
    descriptors: descriptors(),
    state: freeRanges('/run/box/ids'),
  }
}

function boxGroups(folder: string): string[] {
  return names(folder).flatMap((name) => {
    const child = path.join(folder, name)
    const below = boxGroups(child)
    return isOurs(name) ? [child, ...below] : below
  })
}

/** A container's group has its process's id in its name, and is for a leak check where that is this one, or one that has ended. */
function isOurs(group: string): boolean {
  if (!/^box-[0-9a-f]{12}/.test(group)) return false
  const [, owner] = /-(\d+)-\d+$/.exec(group) ?? []
  return owner === undefined || owner === String(process.pid) || !existsSync(`/proc/${owner}`)
}

/** Ranges of ids that nobody has a lock on. Those that this process has are among its descriptors. */
function freeRanges(folder: string): string[] {
  const inodeOf = (name: string) => statSync(path.join(folder, name), { throwIfNoEntry: false })?.ino
  return files(folder).filter((name) => {
    const inode = inodeOf(name)
    const locked = read('/proc/locks').includes(`:${inode} `)
    // Its holder removes the file before it lets go of the lock.
    return !locked && inode !== undefined && inodeOf(name) === inode
  })
}

function children(): string[] {
  return names('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    const [, name = '', parent] = /\((.*)\) \S (\d+)/s.exec(read(`/proc/${pid}/stat`)) ?? []
    return parent === String(process.pid) && !name.startsWith('memfd:box-launc') && name !== 'box-spare' ? [name] : []
  })
}

/** Files, folders, mounts and namespaces that are held open; sockets and pipes come and go with the test runner. */
function descriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .flatMap((fd) => {
      try {
        const target = readlinkSync(`/proc/self/fd/${fd}`)
        return /^(socket|pipe|anon_inode):/.test(target) || target.startsWith('/memfd:') ? [] : [target]
      } catch {
        return []
      }
    })
    .toSorted()
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
  } catch {
    return []
  }
}

function files(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
