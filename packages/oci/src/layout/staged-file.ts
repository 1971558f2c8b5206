import { BoxError, type Digest } from '@box/core'
import { constants, write } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { splitDigest } from '../digest.ts'
import { systemCalls } from './file-system.ts'
import type { LayoutFolder } from './folder.ts'
import type { HeldLock } from './locks.ts'
import type { Staged } from './writer.ts'

const blockSize = 256 * 1024

/** `FileHandle.write` costs several times as much for each call. */
const writeAt = promisify(write)

/** Where the bytes of a blob are that is not whole yet. */
export function stagedPath(folder: LayoutFolder, digest: Digest): string {
  const { algorithm, encoded } = splitDigest(digest)
  return join(folder.staging, `${algorithm}-${encoded}`)
}

/** The partial file of one blob, in `staging`. Who has it holds the digest's lock, which is given back with it. */
export class StagedFile implements Staged {
  readonly #folder: LayoutFolder
  readonly #digest: Digest
  readonly #path: string
  readonly #handle: FileHandle
  readonly #lock: HeldLock
  #position = 0

  private constructor(folder: LayoutFolder, digest: Digest, path: string, handle: FileHandle, lock: HeldLock) {
    this.#folder = folder
    this.#digest = digest
    this.#path = path
    this.#handle = handle
    this.#lock = lock
  }

  /** Opens the partial file, or makes it. Takes the lock over, also where it fails. */
  static async open(folder: LayoutFolder, digest: Digest, lock: HeldLock): Promise<StagedFile> {
    const path = stagedPath(folder, digest)
    let handle: FileHandle | undefined
    try {
      handle = await open(path, constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0), 0o644)
      if (!(await handle.stat()).isFile()) throw new BoxError('ERR_BOX_STORE_INVALID', `${path} is not a regular file`, { path })
      return new StagedFile(folder, digest, path, handle, lock)
    } catch (error) {
      await handle?.close()
      await lock.release()
      throw error
    }
  }

  /** The file, open for reading and writing. */
  get fd(): number {
    return this.#handle.fd
  }

  /** How many bytes it holds. */
  async size(): Promise<number> {
    return await systemCalls(async () => (await this.#handle.stat()).size)
  }

  async *kept(): AsyncGenerator<Uint8Array, void, void> {
    const block = Buffer.allocUnsafe(blockSize)
    while (true) {
      const { bytesRead } = await systemCalls(() => this.#handle.read(block, 0, blockSize, this.#position))
      if (bytesRead === 0) return
      this.#position += bytesRead
      yield block.subarray(0, bytesRead)
    }
  }

  async append(chunk: Uint8Array): Promise<void> {
    let done = 0
    while (done < chunk.byteLength) {
      const from = done
      const { bytesWritten } = await systemCalls(() => writeAt(this.#handle.fd, chunk, from, chunk.byteLength - from, this.#position))
      done += bytesWritten
      this.#position += bytesWritten
    }
  }

  async clear(): Promise<void> {
    await systemCalls(() => this.#handle.truncate(0))
    this.#position = 0
  }

  async publish(): Promise<void> {
    await systemCalls(async () => {
      if (this.#folder.durability === 'full') await this.#handle.sync()
      const target = await this.#folder.blobPath(this.#digest)
      await rename(this.#path, target)
      await this.#folder.sync(dirname(target))
    })
  }

  async close(keep: boolean): Promise<void> {
    try {
      await systemCalls(async () => {
        const size = await this.#closeFile()
        // A file without bytes is of no use to a later try.
        if (!keep || size === 0) await rm(this.#path, { force: true })
      })
    } finally {
      await this.#lock.release()
    }
  }

  /** Gives the file's size. */
  async #closeFile(): Promise<number> {
    try {
      return (await this.#handle.stat()).size
    } finally {
      await this.#handle.close()
    }
  }
}
