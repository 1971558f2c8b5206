import { existsSync } from 'node:fs'
import { errnoOf, read, systemError, write, writeSlowly } from './files.ts'
import type { Places } from './places.ts'
import { unsupported, type ControllerWrites, type Write } from './writes.ts'

/** Files that some group was seen to have: the kernel's do not go away. */
const seen = new Set<string>()

/**
 * Makes sure that the kernel has the files of limits, before a group is made.
 * @param referenceOf Finds a group of the same hierarchy, which is only looked for where a file was not seen; where there is none it is seen
 *   when they are written.
 * @throws BoxError `ERR_BOX_CGROUP_UNSUPPORTED`.
 */
export function checkFiles({ version, writes }: ControllerWrites, referenceOf: () => string | undefined): void {
  if (writes.every(({ file }) => seen.has(`${version}:${file}`))) return
  const reference = referenceOf()
  const has = (file: string): boolean => {
    const key = `${version}:${file}`
    if (!seen.has(key) && existsSync(`${reference}/${file}`)) seen.add(key)
    return seen.has(key)
  }
  if (reference === undefined) return
  for (const one of writes) {
    let last = one
    while (!has(last.file) && last.otherwise !== undefined) last = last.otherwise
    if (!has(last.file) && last.optional !== true) throw unsupported(last.field, `the kernel has no ${last.file}`)
  }
}

/** A write, and the folder of the group in the hierarchy that it is for. */
export interface PlacedWrite {
  readonly folder: string
  readonly one: Write
}

export function placed(places: Places, compiled: readonly ControllerWrites[]): PlacedWrite[] {
  return compiled.flatMap((it) => {
    const folder = folderFor(places, it)
    return it.writes.map((one) => ({ folder, one }))
  })
}

/** Writes a limit of a group that was just made. Nothing is charged to it yet, so nothing waits. */
export function writeNow({ folder, one }: PlacedWrite): void {
  try {
    write(folder, one.file, one.value)
  } catch (error) {
    const next = instead(one, error, folder)
    if (next !== undefined) writeNow({ folder, one: next })
  }
}

/**
 * Changes the limits of a group in use: all of them, or none. The kernel refuses some values until a second file is written (v1 `memsw` below
 * `limit`, a quota below the burst), in an order that depends on the values there: what was refused as invalid is written again after the others
 * of its controller.
 *
 * @param last Is called when all is written; if it throws, everything is put back too.
 */
export async function applyAll(places: Places, compiled: readonly ControllerWrites[], last: () => void): Promise<void> {
  const undo: (() => Promise<void>)[] = []
  try {
    for (const it of compiled) {
      const folder = folderFor(places, it)
      const refused: Write[] = []
      for (const one of it.writes) if (!(await writeOne(folder, one, undo, it.writes.length > 1))) refused.push(one)
      for (const one of refused) await writeOne(folder, one, undo, false)
    }
    last()
  } catch (error) {
    for (const step of undo.toReversed()) await step()
    throw error
  }
}

/** Resolves to false where the kernel called the value invalid and `later` allows to try again. */
async function writeOne(folder: string, one: Write, undo: (() => Promise<void>)[], later: boolean): Promise<boolean> {
  const before = read(folder, one.file)?.trim()
  try {
    await writeSlowly(folder, one.file, one.value)
  } catch (error) {
    if (later && ['EINVAL', 'EBUSY'].includes(errnoOf(error))) return false
    const next = instead(one, error, folder)
    return next === undefined || (await writeOne(folder, next, undo, later))
  }
  // A file of one line gives back what is to be written to it; one of several lines (a line a device) takes its old line.
  const key = one.value.includes(' ') ? `${one.value.split(' ')[0]} ` : ''
  const old = before?.includes('\n') ? before.split('\n').find((line) => line.startsWith(key)) : before
  if (old !== undefined && old !== '') undo.push(() => writeSlowly(folder, one.file, old).catch(() => undefined))
  return true
}

/** What to do when a write failed: another one, nothing (undefined), or the error. */
function instead(one: Write, error: unknown, folder: string): Write | undefined {
  const path = `${folder}/${one.file}`
  const errno = errnoOf(error)
  if (errno !== 'ENOENT' && errno !== 'EOPNOTSUPP')
    throw systemError(`limits.${one.field} cannot be set to ${one.value}`, error, 'write', path)
  if (one.otherwise !== undefined) return one.otherwise
  if (one.optional === true) return undefined
  throw unsupported(one.field, `the kernel has no ${one.file}`)
}

function folderFor({ v1, v2 }: Places, { controller, version }: ControllerWrites): string {
  const folder = version === 2 ? v2 : v1.get(controller)
  if (folder === undefined) throw unsupported(controller, `the group has no folder of the ${controller} controller`)
  return folder
}
