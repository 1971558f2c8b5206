import { BoxError } from '@box/core'
import { errnoOf, read, systemError, write } from './files.ts'
import { controllersOf } from './hierarchies/host.ts'
import { unsupported } from './writes.ts'

/**
 * Makes controllers available to the groups below `parent`, from `from` (an ancestor of it, or itself) downwards.
 * @throws BoxError `ERR_BOX_CGROUP_UNSUPPORTED`, `ERR_BOX_CGROUP_BUSY`, `ERR_BOX_PERMISSION`.
 */
export function enableControllers(from: string, parent: string, controllers: readonly string[]): void {
  enableIn(from, controllers)
  let folder = from
  for (const name of parent.slice(from.length).split('/').filter(Boolean)) {
    folder = `${folder}/${name}`
    enableIn(folder, controllers)
  }
}

function enableIn(folder: string, controllers: readonly string[]): void {
  const enabled = new Set((read(folder, 'cgroup.subtree_control') ?? '').split(/\s+/))
  const missing = controllers.filter((name) => !enabled.has(name))
  if (missing.length === 0) return
  const available = controllersOf(folder)
  const absent = missing.find((name) => !available.includes(name))
  if (absent !== undefined) throw unsupported(absent, `${folder} was not given the ${absent} controller`)
  try {
    write(folder, 'cgroup.subtree_control', missing.map((name) => `+${name}`).join(' '))
  } catch (error) {
    throw refusal(folder, missing, error)
  }
}

function refusal(folder: string, controllers: readonly string[], error: unknown): BoxError {
  const path = `${folder}/cgroup.subtree_control`
  const what = `${controllers.join(', ')} cannot be enabled below ${folder}`
  if (errnoOf(error) !== 'EBUSY') return systemError(what, error, 'write', path)
  return new BoxError('ERR_BOX_CGROUP_BUSY', `${what}, because the group holds processes itself`, {
    syscall: 'write',
    errno: 'EBUSY',
    path,
    hint:
      'name a delegated group without processes as `parent`; or ask systemd for one with `systemd: true`; ' +
      'or let this process move itself to a group of its own with `moveSelf: true`',
  })
}
