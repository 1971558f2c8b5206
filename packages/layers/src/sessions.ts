import type { Digest } from '@box/core'
import { acquireLock, type HeldLock, type Locks } from '@box/oci'
import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isAbsent, isOccupied } from './absent.ts'
import { systemCalls } from './system-calls.ts'

/** Content that is kept from being pruned, until it is released. */
export interface Lease {
  release(): Promise<void>
}

/**
 * A process (or a part of one) that uses a store. It has a lock, which ends when the process does, and names all that it keeps in the store for
 * itself (`<session>-<number>`): what a dead one left is known by that. Its file of leases lists the content that it holds on to: a line
 * `+digest` takes, a line `-digest` gives back.
 */
export class Session {
  readonly id: string
  readonly #folder: string
  readonly #lock: HeldLock
  readonly #leases: FileHandle
  #count = 0

  private constructor(id: string, folder: string, lock: HeldLock, leases: FileHandle) {
    this.id = id
    this.#folder = folder
    this.#lock = lock
    this.#leases = leases
  }

  static async begin(folder: string, locks: Locks): Promise<Session> {
    const id = randomBytes(8).toString('hex')
    const lock = await acquireLock(locks, folder, id)
    try {
      return new Session(id, folder, lock, await open(leaseFile(folder, id), 'ax', 0o600))
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** A name that nobody else uses. */
  newName(): string {
    this.#count += 1
    return `${this.id}-${this.#count}`
  }

  async lease(digests: readonly Digest[]): Promise<Lease> {
    await this.#note('+', digests)
    let released = false
    return {
      release: async () => {
        if (released) return
        released = true
        await this.#note('-', digests)
      },
    }
  }

  /** Ends the session. What it named must be gone. */
  async end(): Promise<void> {
    try {
      await this.#leases.close()
      await rm(leaseFile(this.#folder, this.id), { force: true })
    } finally {
      await this.#lock.release()
    }
  }

  /** One write of some lines at the end of the file: it is there whole or not at all, and a dead process needs no leases. */
  async #note(sign: '+' | '-', digests: readonly Digest[]): Promise<void> {
    if (digests.length > 0) await systemCalls(() => this.#leases.write(digests.map((digest) => `${sign}${digest}\n`).join('')))
  }
}

/** The content that some session holds on to. */
export async function leasedContent(folder: string): Promise<ReadonlySet<string>> {
  const counts = new Map<string, number>()
  for (const name of await namesIn(folder)) {
    if (!name.endsWith('.leases')) continue
    for (const line of (await readOrNothing(join(folder, name))).split('\n')) {
      const digest = line.slice(1)
      if (digest !== '') counts.set(`${name} ${digest}`, (counts.get(`${name} ${digest}`) ?? 0) + (line.startsWith('+') ? 1 : -1))
    }
  }
  return new Set([...counts].filter(([, count]) => count > 0).map(([key]) => key.slice(key.indexOf(' ') + 1)))
}

/**
 * The sessions in these names that have ended without tidying up, each with its lock, which the caller gives back when it has removed what the
 * session left.
 */
export async function deadSessions(folder: string, locks: Locks, names: readonly string[]): Promise<ReadonlyMap<string, HeldLock>> {
  const dead = new Map<string, HeldLock>()
  const leases = await namesIn(folder)
  for (const id of new Set([...names, ...leases].map(sessionOf))) {
    if (id === undefined) continue
    const lock = await locks.acquire(folder, id)
    if (lock.state === 'held') dead.set(id, lock)
  }
  return dead
}

/** Forgets the leases of a session that has ended. */
export async function forgetLeases(folder: string, id: string): Promise<void> {
  await rm(leaseFile(folder, id), { force: true })
}

/** The session that gave a name, where it is such a name. */
export function sessionOf(name: string): string | undefined {
  return /^([0-9a-f]{16})(?:-\d+|\.leases)$/.exec(name)?.[1]
}

export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

/** Makes a folder with those above it, unless it is there. Node's own recursive mkdir takes EIO for success. */
export async function makeFolder(path: string, mode = 0o700): Promise<string> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    if (isOccupied(error)) return path
    if (!isAbsent(error)) throw error
    await makeFolder(dirname(path), mode)
    await mkdir(path, { mode }).catch((second: unknown) => {
      if (!isOccupied(second)) throw second
    })
  }
  return path
}

async function readOrNothing(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isAbsent(error)) return ''
    throw error
  }
}

function leaseFile(folder: string, id: string): string {
  return join(folder, `${id}.leases`)
}
