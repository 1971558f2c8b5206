import { readFileSync, readlinkSync } from 'node:fs'
import { BoxError } from '@box/core'
import { errnoOf } from './files.ts'

/**
 * Checks the name of a group: one component of a path.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`.
 */
export function checkName(name: string): string {
  const length = typeof name === 'string' ? Buffer.byteLength(name) : 0
  // oxlint-disable-next-line no-control-regex -- the kernel refuses a newline, and the others confuse whoever reads a list of groups
  if (length > 0 && length <= 200 && name !== '.' && name !== '..' && !/[/\u0000-\u001f\u007f]/.test(name)) return name
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `A cgroup cannot be called ${JSON.stringify(name)}`, {
    hint: 'a name is 1 to 200 bytes without slashes and control characters, and not . or ..',
  })
}

/** The process that a temporary group belongs to. */
export interface Owner {
  /** The pid namespace's inode number: the id means another process in another namespace. */
  readonly namespace: string
  readonly pid: number
  /** In clock ticks since boot: another process that is given the same id later has another one. */
  readonly start: string
}

/** A name that carries who made the group: `build.box-4026531836-1234-5678`. */
export function markName(name: string, { namespace, pid, start }: Owner): string {
  return `${name}.box-${namespace}-${pid}-${start}`
}

/** Reads back what `markName` made; undefined for any other name. */
export function readMark(marked: string): { readonly name: string; readonly owner: Owner } | undefined {
  const [, name, namespace, pid, start] = /^(.+)\.box-([1-9]\d{0,9})-([1-9]\d{0,6})-(\d{1,20})$/s.exec(marked) ?? []
  if (name === undefined || namespace === undefined || pid === undefined || start === undefined) return undefined
  return { name, owner: { namespace, pid: Number(pid), start } }
}

let self: Owner | undefined

/** This process. */
export function thisProcess(): Owner {
  self ??= { namespace: pidNamespace(), pid: process.pid, start: statOf('self')?.start ?? '0' }
  return self
}

/** Whether a process lives. One that can't be seen from here, because of its pid namespace or of how /proc is mounted, is taken to live. */
export function isAlive({ namespace, pid, start }: Owner): boolean {
  if (namespace !== thisProcess().namespace) return true
  const stat = statOf(pid)
  if (stat !== undefined) return stat.start === start && !stat.ended
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return errnoOf(error) !== 'ESRCH'
  }
}

function pidNamespace(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0'
}

/** The start time of a process and whether it is a zombie (proc_pid_stat(5), fields 22 and 3). */
function statOf(pid: number | 'self'): { readonly start: string; readonly ended: boolean } | undefined {
  let stat
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // The second field is the command's name in parentheses, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state] = fields
  const start = fields[19]
  return start === undefined ? undefined : { start, ended: state === 'Z' || state === 'X' }
}
