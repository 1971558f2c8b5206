import { BoxError } from '@box/core'

/** One line of /proc/PID/cgroup (cgroups(7)): the process's group in one hierarchy. */
export interface Membership {
  /** 0 is the v2 hierarchy. */
  readonly hierarchy: number
  /** The controllers of a v1 hierarchy; `name=…` for one without. Empty for v2. */
  readonly controllers: readonly string[]
  /** The group, as seen from the reader's cgroup namespace: begins with `/..` where it lies outside. */
  readonly path: string
}

/**
 * Reads /proc/PID/cgroup.
 * @throws BoxError `ERR_BOX_SYSTEM` for a line that is not as the manual page says.
 */
export function parseMembership(text: string): Membership[] {
  return text.split('\n').filter(Boolean).map(parseLine)
}

function parseLine(line: string): Membership {
  // A path may hold a colon; the two fields before it cannot, except in the name of a v1 hierarchy, which the kernel restricts to [\w.-].
  const [, hierarchy, controllers, path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? []
  if (hierarchy === undefined || controllers === undefined || path === undefined)
    throw new BoxError('ERR_BOX_SYSTEM', `A line of a cgroup file cannot be read: ${JSON.stringify(line)}`, { path: '/proc/self/cgroup' })
  // A group that was removed while the process was in it.
  const known = path.endsWith(' (deleted)') ? path.slice(0, -' (deleted)'.length) : path
  return { hierarchy: Number(hierarchy), controllers: controllers.split(',').filter(Boolean), path: known }
}
