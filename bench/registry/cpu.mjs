/** Processor time, in milliseconds, of a process and of the children that this one has waited for (proc(5), /proc/pid/stat: in hundredths of a second). */
import { readFileSync } from 'node:fs'

const tick = 10

/** @returns what the process has used since it began */
export function cpuOf(pid) {
  const [user, system] = fieldsOf(pid).slice(0, 2)
  return (user + system) * tick
}

/** @returns what the children of this process have used that have ended, with theirs */
export function cpuOfChildren() {
  const [user, system] = fieldsOf('self').slice(2)
  return (user + system) * tick
}

/** A row that also tells what another process used while it ran, as `part`. */
export function besides(row, part, pid) {
  return {
    ...row,
    run: async () => {
      const before = cpuOf(pid)
      const result = await row.run()
      return { ...(typeof result === 'number' ? { '': result } : result), [part]: cpuOf(pid) - before }
    },
  }
}

/** utime, stime, cutime and cstime: the fields 14 to 17. The second one may hold spaces, and ends with the last bracket. */
function fieldsOf(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15)
    .map(Number)
}
