import type { Locks } from '@box/oci'
import { join } from 'node:path'
import type { StoreRights } from '../privileges.ts'
import { deadSessions, forgetLeases, namesIn, sessionOf } from '../sessions.ts'
import { removeTree } from '../unpacked/trees.ts'

/** The folders in which sessions keep what is theirs. */
export interface SweptFolders {
  readonly locks: Locks
  readonly layers: { readonly staging: string }
  readonly privileges: StoreRights
  readonly folders: { readonly staging: string; readonly containers: string; readonly sessions: string }
}

/** What dead sessions left. */
export interface Remains {
  readonly containers: readonly string[]
}

/** Removes what dead sessions left (locks, unfinished layers, and what containers wrote), or with `dryRun` only says what there is. */
export async function sweep({ locks, layers, folders, privileges }: SweptFolders, dryRun = false): Promise<Remains> {
  const places = [layers.staging, folders.containers]
  if (!dryRun) for (const place of [folders.staging, layers.staging, folders.sessions]) await locks.sweep?.(place)
  const names = (await Promise.all(places.map(namesIn))).flat()
  const dead = await deadSessions(folders.sessions, locks, names)
  const containers: string[] = []
  try {
    for (const place of places) {
      for (const name of await namesIn(place)) {
        const session = sessionOf(name)
        if (session === undefined || !dead.has(session)) continue
        if (place === folders.containers) containers.push(name)
        if (!dryRun) await removeTree(join(place, name), privileges.ids)
      }
    }
    if (!dryRun) for (const session of dead.keys()) await forgetLeases(folders.sessions, session)
  } finally {
    for (const lock of dead.values()) await lock.release()
  }
  return { containers }
}
