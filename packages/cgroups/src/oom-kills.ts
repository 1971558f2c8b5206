import { native } from '@box/native'
import { fromNative } from '@box/core'

/** A process that the OOM killer has ended, as the kernel's log names it. */
export interface KilledProcess {
  /** In the machine's pid namespace. */
  readonly pid: number
  /** The name that the process had given itself: at most 15 bytes (`comm` of proc(5)). */
  readonly command: string
  readonly uid: number
  /** The group whose limit was passed, as in /proc/PID/cgroup; undefined where the machine itself was out of memory. */
  readonly limit: string | undefined
}

/** What the log says of a process and its group (mm/oom_kill.c, dump_oom_victim). */
export interface OomKill {
  /** The group that the process was in. */
  readonly group: string
  readonly process: KilledProcess
}

/**
 * Reads a record of the kernel's log:
 * `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=dd,pid=7,uid=0`.
 * A name may hold anything, commas too; the record is read from both of its ends.
 */
export function oomKillOf(record: string): OomKill | undefined {
  const [, fields, command, pid, uid] = /\boom-kill:(constraint=.*?),task=(.*),pid=(\d+),uid=(\d+)$/.exec(record.trimEnd()) ?? []
  if (fields === undefined || command === undefined) return undefined
  const [, group] = /,task_memcg=(\/.*)$/.exec(fields) ?? []
  const [, limit] = /,oom_memcg=(\/.*),task_memcg=/.exec(fields) ?? []
  if (group === undefined) return undefined
  return { group, process: { pid: Number(pid), command, uid: Number(uid), limit } }
}

type KernelLog = ReturnType<ReturnType<typeof native>['KernelLog']['open']>

/** What the kernel's log says from now on of OOM kills in one group and those below it. */
export class OomLog {
  readonly #log: KernelLog
  readonly #group: string

  private constructor(log: KernelLog, group: string) {
    this.#log = log
    this.#group = group
  }

  /**
   * @param group As in /proc/PID/cgroup.
   * @returns undefined where the log cannot be read from here.
   */
  static open(group: string): OomLog | undefined {
    try {
      return new OomLog(native().KernelLog.open(), group)
    } catch {
      return undefined
    }
  }

  /** Who was ended since the last call. The kernel does not name everyone: with `memory.oom.group`, and where it kills many within seconds. */
  take(): KilledProcess[] {
    try {
      return this.#log.records('oom-kill:').flatMap((record) => {
        const kill = oomKillOf(record)
        return kill !== undefined && `${kill.group}/`.startsWith(`${this.#group}/`) ? [kill.process] : []
      })
    } catch (thrown) {
      throw fromNative(thrown)
    }
  }

  close(): void {
    this.#log.close()
  }
}
