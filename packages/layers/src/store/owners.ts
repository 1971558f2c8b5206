import { BoxError, type IdMapping } from '@box/core'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isAbsent } from '../absent.ts'
import { nativeCall, nativeSync } from '../native.ts'
import { enough, type Privileges, type StoreRights } from '../privileges.ts'
import { makeFolder } from '../sessions.ts'
import { syncedFile } from '../unpacked/durable.ts'

interface Maps {
  readonly uidMappings: readonly IdMapping[]
  readonly gidMappings: readonly IdMapping[]
}

/**
 * How files are owned in a store is decided when it is made, and written down: `kept`, with the image's owners; `mapped`, with those of a user's
 * ranges in /etc/subuid and /etc/subgid in their place; or `squashed`, all by who made it. One kind cannot use the other's layers, so it is an
 * error to open them.
 * @throws BoxError `ERR_BOX_STORE_INVALID`
 */
export async function agreeOnOwners(path: string, privileges: Privileges): Promise<StoreRights> {
  const file = join(path, 'layers', 'owners')
  const made = await readOwners(file)
  const uid = process.geteuid?.() ?? 0
  const own = privileges.keepsOwners ? 'kept' : `squashed ${uid}`
  if (made === own) return { ...privileges, ids: undefined }
  const maps = privileges.keepsOwners || uid === 0 ? undefined : grantedMaps()
  const mapped = maps === undefined ? undefined : `mapped ${uid} ${mapText(maps.uidMappings)} ${mapText(maps.gidMappings)}`
  if (made !== undefined && made !== mapped) throw madeOtherwise(path, made, uid)
  const rights = maps === undefined ? undefined : await inNamespace(privileges, maps, made !== undefined)
  if (made === undefined) {
    await makeFolder(join(path, 'layers'))
    await syncedFile(file, `${rights === undefined ? own : mapped}\n`)
  }
  return rights ?? { ...privileges, ids: undefined }
}

async function readOwners(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** What the user can map, where that is enough for an image's owners. */
function grantedMaps(): Maps | undefined {
  let maps: Maps
  try {
    maps = nativeSync((core) => core.subordinateIds())
  } catch (error) {
    if (error instanceof BoxError) return undefined
    throw error
  }
  const count = (map: readonly IdMapping[]): number => map.reduce((sum, { size }) => sum + size, 0)
  return Math.min(count(maps.uidMappings), count(maps.gidMappings)) < enough ? undefined : maps
}

/** Undefined where the namespace cannot be made, unless it `must` be: what is not made yet can be squashed. */
async function inNamespace(privileges: Privileges, maps: Maps, must: boolean): Promise<StoreRights | undefined> {
  try {
    const fd = await nativeCall((core) => core.createUserNamespace([...maps.uidMappings], [...maps.gidMappings]))
    return { ...privileges, keepsOwners: true, ids: { fd, ...maps } }
  } catch (error) {
    if (must || !(error instanceof BoxError)) throw error
    return undefined
  }
}

function mapText(map: readonly IdMapping[]): string {
  return map.map(({ containerId, hostId, size }) => `${containerId}:${hostId}:${size}`).join(',')
}

function madeOtherwise(path: string, made: string, uid: number): BoxError {
  const [kind, by] = made.split(' ')
  if (kind === 'mapped' && by === String(uid))
    return new BoxError('ERR_BOX_STORE_INVALID', `the files of the store at ${path} belong to ids that this process cannot map`, {
      path,
      hint: 'the ranges in /etc/subuid and /etc/subgid must be those that it was made with, and newuidmap must be there; or use another folder',
    })
  const maker = by === undefined ? 'with the privileges of root' : `without privileges, by the user ${by}`
  return new BoxError('ERR_BOX_STORE_INVALID', `the store at ${path} was made ${maker}: its layers cannot be used by this process`, {
    path,
    hint: 'open it as who made it, or use another folder',
  })
}
