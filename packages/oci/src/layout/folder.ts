import { BoxError, type Digest } from '@box/core'
import { randomUUID } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { link, mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { splitDigest } from '../digest.ts'
import { parseLayout } from '../documents/image.ts'
import { errnoOf, lstatOrAbsent, syncFolder } from './file-system.ts'
import { acquireLock, type Locks } from './locks.ts'

/** Whether what was acknowledged survives a power cut (`full`) or only the end of the process (`none`). */
export type Durability = 'full' | 'none'

/** What an empty layout may hold while another process makes it. */
const own = new Set(['oci-layout', 'index.json', 'blobs', 'staging'])
const header = '{"imageLayoutVersion":"1.0.0"}'
const emptyIndex = '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'

/** The files of one image layout on disk: where they are, and how the folder is made and its files replaced. */
export class LayoutFolder {
  readonly path: string
  readonly durability: Durability
  readonly #locks: Locks
  #made: Promise<void> | undefined

  constructor(path: string, locks: Locks, durability: Durability) {
    this.path = path
    this.#locks = locks
    this.durability = durability
  }

  get staging(): string {
    return join(this.path, 'staging')
  }

  /** Where the blob is, once its folders are known to be folders and no links. */
  async blobPath(digest: Digest): Promise<string> {
    const { algorithm, encoded } = splitDigest(digest)
    for (const folder of [join(this.path, 'blobs'), join(this.path, 'blobs', algorithm)]) {
      const stats = await lstatOrAbsent(folder)
      if (stats !== undefined && !stats.isDirectory()) throw this.#invalid(`${folder} is not a folder`)
    }
    return join(this.path, 'blobs', algorithm, encoded)
  }

  /** What is at the blob's place: undefined for nothing. @throws BoxError `ERR_BOX_STORE_INVALID` for anything but a file. */
  async blobStats(path: string): Promise<Stats | undefined> {
    const stats = await lstatOrAbsent(path)
    if (stats !== undefined && !stats.isFile()) throw this.#invalid(`${path} is not a regular file`)
    return stats
  }

  /** Checks a folder that is read only. One that is not there is empty. Gives whether it is there. */
  async check(): Promise<boolean> {
    const stats = await lstatOrAbsent(join(this.path, 'oci-layout'))
    if (stats === undefined) return false
    if (!stats.isFile()) throw this.#invalid('oci-layout is not a regular file')
    try {
      parseLayout(await readFile(join(this.path, 'oci-layout')), { maxBytes: 64 * 1024 })
    } catch (cause) {
      if (errnoOf(cause) !== undefined) throw cause
      throw this.#invalid('its file oci-layout is not valid', cause)
    }
    return true
  }

  /** Makes the folder where it is not there, once. Fails where there is something else. */
  async make(): Promise<void> {
    this.#made ??= this.#make().catch((error: unknown) => {
      this.#made = undefined
      throw error
    })
    await this.#made
  }

  /**
   * Replaces a file of the layout at one stroke: its readers see the old bytes or the new ones. The caller holds the lock `index`, so the
   * temporary file is its own.
   */
  async replace(name: string, bytes: Uint8Array | string): Promise<void> {
    const temporary = join(this.staging, `${name}.new`)
    await rm(temporary, { force: true })
    const handle = await open(temporary, 'wx', 0o644)
    try {
      await handle.writeFile(bytes)
      if (this.durability === 'full') await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, join(this.path, name))
    await this.sync(this.path)
  }

  /** Makes the names in the folder durable, where that was asked for. */
  async sync(folder: string): Promise<void> {
    if (this.durability === 'full') await syncFolder(folder)
  }

  async #make(): Promise<void> {
    const isLayout = await this.check()
    if (!isLayout) await this.#refuseForeign()
    for (const folder of [this.path, join(this.path, 'blobs'), join(this.path, 'blobs', 'sha256'), join(this.path, 'blobs', 'sha512')])
      await mkdir(folder, { recursive: true, mode: 0o755 })
    await mkdir(this.staging, { recursive: true, mode: 0o700 })
    await this.#agreeOnLocks()
    const lock = await acquireLock(this.#locks, this.staging, 'index')
    try {
      if ((await lstatOrAbsent(join(this.path, 'index.json'))) === undefined) await this.replace('index.json', emptyIndex)
      if ((await lstatOrAbsent(join(this.path, 'oci-layout'))) === undefined) await this.replace('oci-layout', header)
      await this.sync(join(this.path, 'blobs'))
    } finally {
      await lock.release()
    }
  }

  async #refuseForeign(): Promise<void> {
    let names: string[]
    try {
      names = await readdir(this.path)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return
      throw error
    }
    const foreign = names.find((name) => !own.has(name))
    // Another process may have made the layout since, and put its own beside it.
    if (foreign !== undefined && !(await this.check())) throw this.#invalid(`it has no file oci-layout, but ${JSON.stringify(foreign)}`)
  }

  /** The first writer of a layout decides by which mechanism it is locked. */
  async #agreeOnLocks(): Promise<void> {
    const file = join(this.staging, 'locks')
    const { protocol } = this.#locks
    if ((await lstatOrAbsent(file)) === undefined) await this.#proposeLocks(file)
    const agreed = (await readFile(file, 'utf8')).trim()
    if (agreed !== protocol)
      throw this.#invalid(`its writers lock by ${JSON.stringify(agreed.slice(0, 40))}, not by ${JSON.stringify(protocol)}`)
  }

  /** The file appears with its content, and only where there is none: of several processes one is the first. */
  async #proposeLocks(file: string): Promise<void> {
    const temporary = `${file}.${randomUUID()}`
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(`${this.#locks.protocol}\n`)
      if (this.durability === 'full') await handle.sync()
      await link(temporary, file).catch((error: unknown) => {
        if (errnoOf(error) !== 'EEXIST') throw error
      })
    } finally {
      await handle.close()
      await rm(temporary, { force: true })
    }
  }

  #invalid(problem: string, cause?: unknown): BoxError {
    return new BoxError('ERR_BOX_STORE_INVALID', `${this.path} is not an image layout that can be used: ${problem}`, {
      path: this.path,
      cause,
    })
  }
}

/** Opens a file for reading without following a link in its place and without waiting on what is not a file. */
export const readFlags: number = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
