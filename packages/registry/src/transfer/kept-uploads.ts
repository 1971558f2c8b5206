import { createHash } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BoxError, type Descriptor } from '@box/core'
import { readJson, socketLocks, type HeldLock, type Locks } from '@box/oci'
import type { Repository } from '../client/repository.ts'
import type { Session } from '../client/upload.ts'

/** How long the address of an upload is kept, in milliseconds: a day. Most registries forget an upload that nobody goes on with sooner or later, and the address may be a secret. */
const longest = 24 * 60 * 60 * 1000

/** The most bytes of a file that holds an address. */
const fileLimit = 64 * 1024

/**
 * The addresses of unfinished uploads, in a folder, so that a process that is started again goes on where an earlier one was killed. Who has such an
 * address may be able to add to the upload: the files are their owner's alone (0600), as is the folder (0700). An address is used for the blob, the repository and
 * the origin that it was given for and for nothing else, and only one on that origin is kept.
 */
export class KeptUploads {
  readonly #folder: string
  readonly #locks: Locks
  #opened: Promise<void> | undefined

  constructor(folder: string, locks: Locks = socketLocks()) {
    this.#folder = folder
    this.#locks = locks
  }

  /**
   * Takes the place of one blob's upload to one repository. Undefined where someone else has it, who is sending that blob: two must not add to one upload.
   * @throws BoxError `ERR_BOX_STORE_INVALID` where others may write to the folder; `ERR_BOX_SYSTEM`.
   */
  async claim(repository: Repository, descriptor: Descriptor): Promise<KeptUpload | undefined> {
    await (this.#opened ??= this.#open())
    const upload = uploadOf(repository, descriptor)
    const name = nameOf(upload)
    const lock = await this.#locks.acquire(this.#folder, name)
    if (lock.state === 'busy') return undefined
    try {
      return new KeptUpload(join(this.#folder, name), upload, lock, await read(join(this.#folder, `${name}.json`), upload))
    } catch (thrown) {
      await lock.release()
      throw thrown
    }
  }

  /** Removes what is kept of a blob that the repository has. */
  async forget(repository: Repository, descriptor: Descriptor): Promise<void> {
    await (this.#opened ??= this.#open())
    await remove(join(this.#folder, nameOf(uploadOf(repository, descriptor))))
  }

  /** Makes the folder, and removes from it what is too old and what killed processes have left. */
  async #open(): Promise<void> {
    const folder = this.#folder
    await inFolder(folder, async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const status = await lstat(folder)
      if (!status.isDirectory() || !isOwn(status, 0o022))
        throw new BoxError('ERR_BOX_STORE_INVALID', `${folder} is no folder that only its owner can write to`, {
          path: folder,
          hint: 'the option `uploads` takes a folder of its own (0700) that belongs to the user of this process',
        })
      for (const name of await readdir(folder)) {
        if (!/^[0-9a-f]{64}\.(?:json|new)$/.test(name)) continue
        const path = join(folder, name)
        const found = await lstat(path).catch(() => undefined)
        if (found !== undefined && !isFresh(found)) await rm(path, { force: true })
      }
    })
    await this.#locks.sweep?.(folder)
  }
}

/** What an address is for. */
interface Upload {
  readonly origin: string
  readonly repository: string
  readonly digest: string
  readonly size: number
}

/** The place of one upload in the folder, which this process has until it gives it back. */
export class KeptUpload {
  /** What an earlier process left. How far the registry is, it has to be asked. */
  readonly earlier: Session | undefined
  readonly #path: string
  readonly #upload: Upload
  readonly #lock: HeldLock

  constructor(path: string, upload: Upload, lock: HeldLock, earlier: Session | undefined) {
    this.earlier = earlier
    this.#path = path
    this.#upload = upload
    this.#lock = lock
  }

  /** Keeps where the upload goes on. An address on another origin is not kept, nor is the one that it takes the place of. @throws BoxError `ERR_BOX_SYSTEM`. */
  async keep({ location, shortestChunk }: Session): Promise<void> {
    if (location.origin !== this.#upload.origin) {
      await this.forget()
      return
    }
    await inFolder(this.#path, async () => {
      const made = `${this.#path}.new`
      await rm(made, { force: true })
      const file = await open(made, 'wx', 0o600)
      try {
        await file.writeFile(JSON.stringify({ ...this.#upload, location: location.href, shortestChunk }))
      } finally {
        await file.close()
      }
      await rename(made, `${this.#path}.json`)
    })
  }

  async forget(): Promise<void> {
    await remove(this.#path)
  }

  /** Gives the place back; what is kept stays. */
  async release(): Promise<void> {
    await this.#lock.release()
  }
}

function uploadOf(repository: Repository, { digest, size }: Descriptor): Upload {
  return { origin: repository.exchange.home.origin.origin, repository: repository.path, digest, size }
}

function nameOf(upload: Upload): string {
  return createHash('sha256').update(JSON.stringify(upload)).digest('hex')
}

async function remove(path: string): Promise<void> {
  await inFolder(path, async () => await rm(`${path}.json`, { force: true }))
}

/** What the file says of the upload; undefined where it is not there, too old, not its owner's alone, or of something else. */
async function read(path: string, upload: Upload): Promise<Session | undefined> {
  const bytes = await inFolder(path, async () => await ownBytes(path))
  if (bytes === undefined) return undefined
  try {
    return sessionIn(readJson(path, bytes, { maxBytes: fileLimit, maxDepth: 1 }), upload)
  } catch {
    // A power cut may have left half a file: then there is nothing to go on from.
    return undefined
  }
}

async function ownBytes(path: string): Promise<Buffer | undefined> {
  const file = await openOwn(path)
  if (file === undefined) return undefined
  try {
    const status = await file.stat()
    return status.isFile() && isOwn(status, 0o077) && isFresh(status) && status.size <= fileLimit ? await file.readFile() : undefined
  } finally {
    await file.close()
  }
}

/** ELOOP: it is a link, which is not followed. */
async function openOwn(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | (process.platform === 'win32' ? 0 : constants.O_NOFOLLOW | constants.O_NONBLOCK))
  } catch (thrown) {
    if (['ENOENT', 'ELOOP'].includes(errnoOf(thrown) ?? '')) return undefined
    throw thrown
  }
}

function sessionIn(value: unknown, upload: Upload): Session | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const fields = new Map<string, unknown>(Object.entries(value))
  if (!Object.entries(upload).every(([name, expected]) => fields.get(name) === expected)) return undefined
  const location = fields.get('location')
  const shortestChunk = fields.get('shortestChunk')
  if (typeof location !== 'string' || !URL.canParse(location) || typeof shortestChunk !== 'number' || !(shortestChunk >= 1))
    return undefined
  const url = new URL(location)
  return url.origin === upload.origin ? { location: url, offset: 0, shortestChunk } : undefined
}

function isFresh({ mtimeMs }: Stats): boolean {
  return Math.abs(Date.now() - mtimeMs) < longest
}

/** Whether it belongs to this process's user and nobody else has those rights. Windows has no such owners: there it is the folder's own rules that count. */
function isOwn({ uid, mode }: Stats, others: number): boolean {
  return process.geteuid === undefined || (uid === process.geteuid() && (mode & others) === 0)
}

async function inFolder<Value>(path: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work()
  } catch (thrown) {
    if (thrown instanceof BoxError) throw thrown
    throw new BoxError('ERR_BOX_SYSTEM', `the address of an upload cannot be kept at ${path}`, {
      path,
      errno: errnoOf(thrown),
      cause: thrown,
    })
  }
}

function errnoOf(thrown: unknown): string | undefined {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined
}
