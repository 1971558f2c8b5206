/**
 * What a test stage leaves behind on the machine: mounts, control groups, processes, files of the run. Two snapshots are compared; what the kernel
 * releases a moment after a process has ended gets two seconds to go.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const settleMs = 2000

/** @param run what marks this run's processes in their environment, and the folder that it has for temporary files */
export function takeSnapshot(run) {
  return new Set([
    ...mounts(),
    ...groups(),
    ...processes(run.marker),
    ...files('/run', /box/),
    ...files('/tmp', /^box-/),
    ...files(run.temporary, /^/),
  ])
}

/** @returns what is in the machine now and was not before, a line each */
export async function findLeaks(before, run) {
  const until = Date.now() + settleMs
  for (;;) {
    const left = [...takeSnapshot(run)].filter((line) => !before.has(line))
    if (left.length === 0 || Date.now() > until) return left
    await sleep(50)
  }
}

/** The processes that carry the run's marker: pids. */
export function markedProcesses(marker) {
  return [...pids()].filter((pid) => pid !== process.pid && read(`/proc/${pid}/environ`).includes(marker))
}

function mounts() {
  return lines('/proc/self/mountinfo').map((line) => `mount ${line.split(' ').slice(0, 5).join(' ')}`)
}

/** Groups that a library of ours made, in any hierarchy: they have `box` in their name. */
function groups() {
  return lines('/proc/self/mountinfo')
    .filter((line) => / - cgroup2? /.test(line))
    .flatMap((line) => boxGroups(line.split(' ')[4] ?? ''))
}

function boxGroups(folder) {
  return entries(folder)
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => {
      const path = join(folder, name)
      return (name.includes('box') ? [`cgroup ${path}`] : []).concat(boxGroups(path))
    })
}

/** Processes with the marker, and those in a pid namespace other than ours, whatever environment they were given. */
function processes(marker) {
  const own = link('/proc/self/ns/pid')
  return [...pids()].flatMap((pid) => {
    const marked = read(`/proc/${pid}/environ`).includes(marker)
    const namespace = link(`/proc/${pid}/ns/pid`)
    if (!marked && (namespace === undefined || namespace === own)) return []
    return pid === process.pid ? [] : [`process ${pid} ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()}`]
  })
}

function* pids() {
  for (const { name } of entries('/proc')) if (/^\d+$/.test(name)) yield Number(name)
}

function files(folder, pattern) {
  return entries(folder).flatMap(({ name }) => (pattern.test(name) ? [`file ${join(folder, name)}`] : []))
}

function lines(file) {
  return read(file).split('\n').filter(Boolean)
}

// What is listed may be gone when it is read: a process ends, a group is removed. Then it is not a leak.
function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function link(path) {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

function entries(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}
