// What a container may leave behind on a machine, counted before and after: mounts, cgroups, processes and namespaces.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import path from 'node:path'

/** A list of everything of these kinds that this process can see. */
export function inventory() {
  return { mounts: mounts(), cgroups: cgroups(), processes: children(), namespaces: namespaces() }
}

/** What is there now and was not there before, one line each. */
export function leftovers(before, after) {
  return Object.entries(after).flatMap(([kind, now]) =>
    [...now].filter((entry) => !before[kind].has(entry)).map((entry) => `${kind}: ${entry}`),
  )
}

function mounts() {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n')
  return new Set(lines.map((entry) => entry.split(' ').slice(4, 5).join('')))
}

/** Groups below those of this process, in each hierarchy. */
function cgroups() {
  const found = new Set()
  const visit = (folder) => {
    for (const entry of entries(folder)) {
      if (!entry.isDirectory()) continue
      const child = path.join(folder, entry.name)
      if (/^box-[0-9a-f]{12}/.test(entry.name)) found.add(child)
      visit(child)
    }
  }
  visit('/sys/fs/cgroup')
  return found
}

function entries(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    // A group of somebody else's that was removed in between, or that this user may not read.
    if (['ENOENT', 'EACCES', 'ENODEV'].includes(error.code)) return []
    throw error
  }
}

/** The processes that this one started and that still run, without the launcher, which lives as long as this process. */
function children() {
  const own = String(process.pid)
  return new Set(
    processIds().flatMap((pid) => {
      const stat = read(`/proc/${pid}/stat`)
      const [, name, parent] = /\((.*)\) \S (\d+)/s.exec(stat ?? '') ?? []
      return parent === own && !name.includes('box-launc') ? [name] : []
    }),
  )
}

/** Namespaces that this process or one that it started is in, or that it holds by a descriptor. */
function namespaces() {
  const own = String(process.pid)
  const found = new Set(readdirSync('/proc/self/fd').flatMap((fd) => namespaceAt(`/proc/self/fd/${fd}`)))
  for (const pid of processIds()) {
    const [, parent] = /\) \S (\d+)/.exec(read(`/proc/${pid}/stat`) ?? '') ?? []
    if (pid !== own && parent !== own) continue
    for (const kind of ['mnt', 'pid', 'net', 'ipc', 'uts', 'user'])
      for (const name of namespaceAt(`/proc/${pid}/ns/${kind}`)) found.add(name)
  }
  return found
}

/** The namespace that a link of /proc leads to, if it is one. */
function namespaceAt(link) {
  const target = readLink(link)
  return target !== undefined && /^\w+:\[\d+\]$/.test(target) && !/^(socket|pipe):/.test(target) ? [target] : []
}

function processIds() {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name))
}

function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function readLink(file) {
  try {
    return readlinkSync(file)
  } catch {
    return undefined
  }
}
