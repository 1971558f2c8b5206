// The tour's own folder. Its name says which process made it, so that the next tour removes what a killed one left.
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fs from 'fs-extra'

const pattern = /^box-tour-(\d+)-(\d+)$/

/** Removes the folders of tours whose process is gone, and makes one for this process. */
export async function makeWorkplace() {
  const removed = []
  for (const name of await fs.readdir(tmpdir())) {
    const [, pid, startTime] = pattern.exec(name) ?? []
    if (pid === undefined || startTimeOf(pid) === startTime) continue
    await fs.remove(path.join(tmpdir(), name))
    removed.push(name)
  }
  const folder = path.join(tmpdir(), `box-tour-${process.pid}-${startTimeOf(process.pid)}`)
  await fs.mkdir(folder, { mode: 0o700 })
  return { folder, removed, remove: () => fs.remove(folder) }
}

/** When a process was started, in clock ticks since the boot (proc_pid_stat(5), field 22); undefined where there is no such process. */
function startTimeOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[19]
  } catch {
    return undefined
  }
}
