import { BoxError } from '@box/core'

/** The user and groups of a process, as `process.user` of a runtime configuration has them. */
export interface ResolvedUser {
  readonly uid: number
  readonly gid: number
  /** Without `gid`, each once. */
  readonly additionalGids: readonly number[]
  /** The home folder that the user database names. */
  readonly home?: string
  /** The name that the user database has for the uid. */
  readonly name?: string
}

/** The user databases of a root: what its /etc/passwd and /etc/group hold, where they are there. */
export interface UserDatabase {
  readonly passwd?: string | undefined
  readonly group?: string | undefined
}

/** 2^32 - 1 is what system calls take for "no id" (setresuid(2), chown(2)). */
const largestId = 2 ** 32 - 2
/** In bytes of a database, and in groups of a user (NGROUPS_MAX, getgroups(2)). */
const largestDatabase = 4 * 1024 * 1024
const mostGroups = 65_536

/**
 * Finds out who `Config.User` is (image-spec, config.md): `user`, `uid`, `user:group`, `uid:gid`, `uid:group`, `user:gid`. Digits are always an id,
 * never a name. Without a group the user's own and the supplementary groups apply; with one, that group alone. An empty string is 0:0 with the
 * groups of 0. A uid that no line knows has gid 0. Lines that are not as passwd(5) and group(5) say are passed over.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for an id beyond 2^32 - 2, `ERR_BOX_NOT_FOUND` for a name that is not there, `ERR_BOX_LIMIT` for a
 * database of more than 4 MiB or more than 65,536 groups
 */
export function resolveUser(user: string, database: UserDatabase = {}): ResolvedUser {
  const { who, group } = splitUser(user)
  const entry = findUser(who, database.passwd ?? '')
  const uid = entry?.uid ?? idOf(who)
  if (uid === undefined) throw new BoxError('ERR_BOX_NOT_FOUND', `the user ${JSON.stringify(who)} is not in the root's /etc/passwd`)
  const known = entry === undefined ? {} : { home: entry.home, name: entry.name }
  if (group !== undefined) return { uid, gid: resolveGroup(group, database.group ?? ''), additionalGids: [], ...known }
  const gid = entry?.gid ?? 0
  const additionalGids = entry === undefined ? [] : groupsOf(entry.name, database.group ?? '').filter((id) => id !== gid)
  return { uid, gid, additionalGids, ...known }
}

interface PasswdEntry {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

function splitUser(user: string): { who: string; group: string | undefined } {
  const colon = user.indexOf(':')
  const who = colon < 0 ? user : user.slice(0, colon)
  const group = colon < 0 ? undefined : user.slice(colon + 1)
  if (user.length > 256 || group?.includes(':') || /[\0\n]/.test(user))
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${JSON.stringify(user.slice(0, 100))} is not a user with an optional group`)
  // `user:` says no group.
  return { who: who === '' ? '0' : who, group: group === '' ? undefined : group }
}

/** The id that the digits say, or undefined where the text is not digits. */
function idOf(text: string): number | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined
  const id = Number(text)
  if (id <= largestId) return id
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `the id ${text.slice(0, 40)} is greater than ${largestId}`)
}

function findUser(who: string, passwd: string): PasswdEntry | undefined {
  const id = idOf(who)
  for (const [name = '', , uid = '', gid = '', , home = ''] of lines(passwd, 7)) {
    const entry = { name, uid: databaseId(uid), gid: databaseId(gid), home }
    if (entry.uid === undefined || entry.gid === undefined) continue
    if (id === undefined ? name === who : entry.uid === id) return { name, uid: entry.uid, gid: entry.gid, home }
  }
  return undefined
}

function resolveGroup(group: string, text: string): number {
  const id = idOf(group)
  if (id !== undefined) return id
  for (const [name, , gid = ''] of lines(text, 4)) {
    const found = databaseId(gid)
    if (name === group && found !== undefined) return found
  }
  throw new BoxError('ERR_BOX_NOT_FOUND', `the group ${JSON.stringify(group)} is not in the root's /etc/group`)
}

function groupsOf(user: string, text: string): number[] {
  const groups = new Set<number>()
  for (const [, , gid = '', members = ''] of lines(text, 4)) {
    const id = databaseId(gid)
    if (id === undefined || !members.split(',').includes(user)) continue
    groups.add(id)
    if (groups.size > mostGroups)
      throw new BoxError('ERR_BOX_LIMIT', `the user ${JSON.stringify(user)} is in more than ${mostGroups} groups`)
  }
  return [...groups]
}

/** An id of a database. One that is out of range makes its line one that does not count. */
function databaseId(text: string): number | undefined {
  return /^[0-9]{1,10}$/.test(text) && Number(text) <= largestId ? Number(text) : undefined
}

function* lines(text: string, fields: number): Generator<readonly string[], void, void> {
  if (text.length > largestDatabase) throw new BoxError('ERR_BOX_LIMIT', `a user database has more than ${largestDatabase} characters`)
  for (const line of text.split('\n')) {
    const parts = line.split(':')
    if (parts.length === fields && parts[0] !== '') yield parts
  }
}
