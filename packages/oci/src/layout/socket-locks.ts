import { abortable } from '@box/core'
import { open, readdir, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Deferred, deferred } from './deferred.ts'
import { systemCalls } from './file-system.ts'
import type { BusyLock, HeldLock, Locks } from './locks.ts'
import { SocketOwner, sweepOwners, type Watched, watchOwner } from './socket-owner.ts'

/** The owners of this process by folder, each with the number of claims that need it. */
const owners = new Map<string, { readonly owner: SocketOwner; readonly listening: Promise<void>; claims: number }>()

/** The claims of this process by folder and name, with what ends when they do. */
const claims = new Map<string, Deferred>()

/**
 * Locks made of files and local sockets, for processes of one machine, on every system that Node runs on. Who wants a lock puts a file
 * `<name>.<token>.<number>.claim` into the folder, then asks every other claimant by the socket that the token names. It steps back from a holder, and
 * from a candidate with a smaller token, and waits for the decision of one with a greater token: so there is never more than one holder, and
 * always someone who goes on. Nothing is polled: the kernel closes the sockets of a process that ends, and its files are then swept away.
 */
export function socketLocks(): Locks {
  return {
    protocol: 'sockets-1',
    acquire: (folder, name) => systemCalls(() => acquire(folder, name)),
    sweep: (folder) => systemCalls(() => sweepOwners(folder, (name) => claimIn(name)?.token)),
  }
}

async function acquire(given: string, name: string): Promise<HeldLock | BusyLock> {
  const folder = await realpath(given)
  const key = `${folder}\0${name}`
  const own = claims.get(key)
  if (own !== undefined) return { state: 'busy', released: (signal) => abortable(own.promise, signal) }
  const ended = deferred()
  claims.set(key, ended)
  const undo: (() => Promise<void>)[] = []
  const release = async (): Promise<void> => {
    claims.delete(key)
    const steps = await Promise.allSettled(
      undo
        .splice(0)
        .toReversed()
        .map((step) => step()),
    )
    ended.resolve()
    for (const step of steps) if (step.status === 'rejected') throw step.reason
  }
  try {
    const obstacle = await claim(folder, name, undo)
    if (obstacle === undefined) return { state: 'held', release: () => systemCalls(release) }
    await release()
    return { state: 'busy', released: (signal) => systemCalls(() => waitFor(folder, obstacle, signal)) }
  } catch (error) {
    await release()
    throw error
  }
}

/** A claim on a lock: whose it is, and which of that owner's, because an owner may claim the same lock again while others still look at the last claim. */
interface Claimant {
  readonly token: string
  readonly number: string
}

/** Claims the lock. Gives undefined where it is held then, or the claimant that is in the way. */
async function claim(folder: string, name: string, undo: (() => Promise<void>)[]): Promise<Claimant | undefined> {
  const owner = await useOwner(folder)
  undo.push(() => leaveOwner(folder))
  const mine = { token: owner.token, number: owner.claim() }
  undo.push(async () => owner.drop(mine.number))
  const file = join(folder, claimName(name, mine))
  undo.push(() => rm(file, { force: true }))
  await (await open(file, 'wx', 0o600)).close()
  for (const claimant of await claimants(folder, name)) {
    if (claimant.token === mine.token) continue
    const other = await watchOwner(folder, claimant.token, claimant.number)
    try {
      if (await isInTheWay(other, mine.token, claimant.token)) return claimant
    } finally {
      other.close()
    }
    await rm(join(folder, claimName(name, claimant)), { force: true })
  }
  owner.hold(mine.number)
  return undefined
}

async function isInTheWay(other: Watched, mine: string, token: string): Promise<boolean> {
  const standing = await other.standing
  if (standing !== 'candidate') return standing === 'holder'
  return token < mine || (await other.settled) === 'holder'
}

async function waitFor(folder: string, claimant: Claimant, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted()
  const other = await watchOwner(folder, claimant.token, claimant.number)
  try {
    await abortable(other.gone, signal)
  } finally {
    other.close()
  }
}

async function claimants(folder: string, name: string): Promise<Claimant[]> {
  const found: Claimant[] = []
  for (const file of await readdir(folder)) {
    const claimant = claimIn(file)
    if (claimant?.lock === name) found.push(claimant)
  }
  return found
}

function claimIn(file: string): (Claimant & { readonly lock: string }) | undefined {
  const [, lock, token, number] = /^([A-Za-z0-9-]+)\.([0-9a-f]{16})\.([0-9]+)\.claim$/.exec(file) ?? []
  return lock === undefined || token === undefined || number === undefined ? undefined : { lock, token, number }
}

function claimName(name: string, { token, number }: Claimant): string {
  return `${name}.${token}.${number}.claim`
}

async function useOwner(folder: string): Promise<SocketOwner> {
  let entry = owners.get(folder)
  if (entry === undefined) {
    const owner = new SocketOwner(folder)
    entry = { owner, listening: owner.listen(), claims: 0 }
    owners.set(folder, entry)
  }
  entry.claims += 1
  try {
    await entry.listening
  } catch (error) {
    if (owners.get(folder) === entry) owners.delete(folder)
    throw error
  }
  return entry.owner
}

/** The last claim takes the socket with it. A later one gets an owner with a new token. */
async function leaveOwner(folder: string): Promise<void> {
  const entry = owners.get(folder)
  if (entry === undefined) return
  entry.claims -= 1
  if (entry.claims > 0) return
  owners.delete(folder)
  await entry.owner.close()
}
