import { BoxError, type ByteRange, type Descriptor, type Digest, type ImageSink, type Ingest } from '@box/core'
import { type FileHandle, open, readdir, rm } from 'node:fs/promises'
import { dirname, join, resolve as absolute } from 'node:path'
import { createDigester, isDigest, parseDigest, splitDigest } from '../digest.ts'
import type { Index } from '../generated/types.ts'
import { checkName, checkRange } from './arguments.ts'
import { errnoOf, lstatOrAbsent, systemCalls } from './file-system.ts'
import { type Durability, LayoutFolder, readFlags } from './folder.ts'
import { findEntry, nameOf, readIndexFile, withEntry, withoutEntry, withoutName } from './index-file.ts'
import { acquireLock, type HeldLock, type Locks } from './locks.ts'
import { assertComplete } from './references.ts'
import { socketLocks } from './socket-locks.ts'
import { StagedFile, stagedPath } from './staged-file.ts'
import { beginWriting, type Receiver } from './writer.ts'

const blockSize = 256 * 1024

export interface LayoutOptions {
  /** How writers keep out of each other's way: `socketLocks()` by default. All writers of one layout use the same mechanism. */
  readonly locks?: Locks | undefined
  /** `full` (the default): what was acknowledged survives a power cut. `none`: it survives the end of the process. */
  readonly durability?: Durability | undefined
  /** Receives some of the blobs, to do more with their bytes than to keep them. */
  readonly receive?: Receiver | undefined
}

/** A blob in a layout. */
export interface StoredBlob {
  readonly digest: Digest
  readonly size: number
}

/** An image of a layout. */
export interface NamedImage {
  readonly name: string
  readonly descriptor: Descriptor
}

/**
 * An OCI image layout in a folder (image-spec, image-layout.md), shared by any number of processes of one machine. Nothing is open between calls.
 * Bytes are received in its folder `staging`, where a later try goes on from them, and appear in `blobs` once size and digest are right.
 *
 * Every function fails with `ERR_BOX_STORE_INVALID` where the folder holds something else or a link is in a blob's place,
 * and with `ERR_BOX_SYSTEM`, `ERR_BOX_PERMISSION` where the file system refuses.
 */
export interface ImageLayout extends ImageSink {
  /** The absolute path of the folder. */
  readonly path: string
  /** Makes the folder where it is not there. Other functions that write do so by themselves. */
  make(): Promise<void>
  /** index.json as it is now: all entries, also those without a name. */
  index(): Promise<Index>
  /** The images that have names. */
  list(): Promise<readonly NamedImage[]>
  /** Takes the name away; the blobs stay. Gives whether it was there. */
  untag(name: string): Promise<boolean>
  /** The blobs that are there, in no order. */
  blobs(): AsyncIterable<StoredBlob>
  /**
   * Removes a blob. Gives whether it was there. That nothing needs it is for the caller to know, except for entries of index.json.
   * @throws BoxError `ERR_BOX_STATE` where an entry of index.json leads to it, or a writer is receiving it
   */
  remove(digest: Digest): Promise<boolean>
  /** The blobs of which an earlier try has left some bytes, with the number of these; those, too, that are being received. */
  partials(): AsyncIterable<StoredBlob>
  /**
   * Throws away what an earlier try has left of a blob. Gives whether something was there.
   * @throws BoxError `ERR_BOX_STATE` where a writer is receiving it
   */
  discard(digest: Digest): Promise<boolean>
  /**
   * Reads a blob through and says whether it is what its name says.
   * @throws BoxError `ERR_BOX_BLOB_ABSENT`
   */
  verify(digest: Digest, options?: { readonly signal?: AbortSignal }): Promise<boolean>
  /**
   * Reads a blob through and removes it where it is not what its name says, also where an entry of index.json leads to it: who is given the image once
   * more receives it again. Gives whether it was removed.
   * @throws BoxError `ERR_BOX_BLOB_ABSENT`; `ERR_BOX_STATE` where a writer is receiving it
   */
  removeDamaged(digest: Digest): Promise<boolean>
}

/**
 * An image layout in that folder. The folder is made by the first call that writes; until then it may be absent, which reads as empty.
 * A path that is not absolute is taken from the working directory of now.
 */
export function layout(path: string, options: LayoutOptions = {}): ImageLayout {
  return new Layout(absolute(path), options)
}

class Layout implements ImageLayout {
  readonly path: string
  readonly #locks: Locks
  readonly #folder: LayoutFolder
  readonly #receive: Receiver | undefined

  constructor(path: string, { locks = socketLocks(), durability = 'full', receive }: LayoutOptions) {
    this.path = path
    this.#receive = receive
    this.#locks = locks
    this.#folder = new LayoutFolder(path, locks, durability)
  }

  async make(): Promise<void> {
    await systemCalls(() => this.#folder.make())
  }

  async stat(digest: Digest, options: { readonly signal?: AbortSignal } = {}): Promise<{ readonly size: number } | undefined> {
    options.signal?.throwIfAborted()
    return await systemCalls(async () => {
      const stats = await this.#folder.blobStats(await this.#folder.blobPath(digest))
      return stats === undefined ? undefined : { size: stats.size }
    })
  }

  async *read(
    digest: Digest,
    options: { readonly range?: ByteRange; readonly signal?: AbortSignal; readonly verify?: boolean } = {},
  ): AsyncGenerator<Uint8Array, void, void> {
    const { range, signal, verify = true } = options
    signal?.throwIfAborted()
    const handle = await systemCalls(() => this.#openBlob(digest))
    try {
      const { size } = await systemCalls(() => handle.stat())
      const { start, end } = checkRange(range, size)
      const digester = verify && start === 0 && end === size ? createDigester(splitDigest(digest).algorithm) : undefined
      for (let position = start; position < end;) {
        signal?.throwIfAborted()
        const from = position
        const block = Buffer.allocUnsafe(Math.min(blockSize, end - from))
        const { bytesRead } = await systemCalls(() => handle.read(block, 0, block.byteLength, from))
        if (bytesRead === 0) throw new BoxError('ERR_BOX_SIZE_MISMATCH', `${digest} became shorter while it was read`, { path: this.path })
        position += bytesRead
        const chunk = block.subarray(0, bytesRead)
        digester?.update(chunk)
        // The last bytes are given only once the whole is known to be right.
        if (position === end) verified(digest, digester?.digest())
        yield chunk
      }
      if (start === end) verified(digest, digester?.digest())
    } finally {
      await handle.close()
    }
  }

  async ingest(descriptor: Descriptor, options: { readonly signal?: AbortSignal } = {}): Promise<Ingest> {
    const { signal } = options
    signal?.throwIfAborted()
    const digest = parseDigest(descriptor.digest)
    const isPresent = async (): Promise<boolean> => (await this.stat(digest))?.size === descriptor.size
    if (await isPresent()) return { state: 'present' }
    await systemCalls(() => this.#folder.make())
    const lock = await this.#locks.acquire(this.#folder.staging, lockName(digest))
    if (lock.state === 'busy') {
      // Watching begins when somebody asks, and not for a caller that goes elsewhere.
      let released: Promise<void> | undefined
      return {
        state: 'busy',
        get released() {
          released ??= lock.released(signal)
          return released
        },
      }
    }
    if (await releasedOnError(lock, isPresent)) {
      await lock.release()
      return { state: 'present' }
    }
    const staged = await systemCalls(() => StagedFile.open(this.#folder, digest, lock))
    return await (this.#receive?.(descriptor, staged, signal) ?? beginWriting(descriptor, staged, signal))
  }

  async resolve(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<Descriptor | undefined> {
    options.signal?.throwIfAborted()
    const entry = findEntry(await this.index(), name)
    return entry === undefined ? undefined : withoutName(entry)
  }

  async tag(name: string, descriptor: Descriptor): Promise<void> {
    checkName(name)
    parseDigest(descriptor.digest)
    await this.#update(async (index) => {
      await assertComplete(this, descriptor)
      return withEntry(index, name, descriptor)
    })
  }

  async untag(name: string): Promise<boolean> {
    if (findEntry(await this.index(), name) === undefined) return false
    return await this.#update(async (index) => withoutEntry(index, name))
  }

  async index(): Promise<Index> {
    return await systemCalls(async () => {
      await this.#folder.check()
      return await readIndexFile(this.path)
    })
  }

  async list(): Promise<readonly NamedImage[]> {
    const { manifests } = await this.index()
    return manifests.flatMap((entry) => {
      const name = nameOf(entry)
      return name === undefined ? [] : [{ name, descriptor: withoutName(entry) }]
    })
  }

  async *blobs(): AsyncGenerator<StoredBlob, void, void> {
    for (const algorithm of ['sha256', 'sha512']) {
      const names = await systemCalls(() => namesIn(join(this.path, 'blobs', algorithm)))
      for (const name of names) {
        const digest = `${algorithm}:${name}`
        if (!isDigest(digest)) continue
        const found = await this.stat(digest)
        if (found !== undefined) yield { digest, size: found.size }
      }
    }
  }

  async remove(digest: Digest): Promise<boolean> {
    parseDigest(digest)
    if ((await this.stat(digest)) === undefined) return false
    await systemCalls(() => this.#folder.make())
    const lock = await this.#lockOf(digest)
    try {
      return await this.#underIndexLock(async () => {
        const { manifests } = await this.index()
        if (manifests.some((entry) => entry.digest === digest))
          throw new BoxError('ERR_BOX_STATE', `an entry of index.json leads to ${digest}: untag it first`)
        const path = await this.#folder.blobPath(digest)
        if ((await this.#folder.blobStats(path)) === undefined) return false
        await rm(path)
        await this.#folder.sync(dirname(path))
        return true
      })
    } finally {
      await lock.release()
    }
  }

  async *partials(): AsyncGenerator<StoredBlob, void, void> {
    for (const name of await systemCalls(() => namesIn(this.#folder.staging))) {
      const digest = name.replace('-', ':')
      if (!isDigest(digest)) continue
      const stats = await systemCalls(() => lstatOrAbsent(stagedPath(this.#folder, digest)))
      if (stats !== undefined) yield { digest, size: stats.size }
    }
  }

  async discard(digest: Digest): Promise<boolean> {
    const path = stagedPath(this.#folder, parseDigest(digest))
    return await systemCalls(async () => {
      if ((await lstatOrAbsent(path)) === undefined) return false
      const lock = await this.#lockOf(digest)
      try {
        if ((await lstatOrAbsent(path)) === undefined) return false
        await rm(path)
        return true
      } finally {
        await lock.release()
      }
    })
  }

  async verify(digest: Digest, options: { readonly signal?: AbortSignal } = {}): Promise<boolean> {
    try {
      for await (const chunk of this.read(digest, options)) void chunk
      return true
    } catch (error) {
      if (error instanceof BoxError && (error.code === 'ERR_BOX_DIGEST_MISMATCH' || error.code === 'ERR_BOX_SIZE_MISMATCH')) return false
      throw error
    }
  }

  async removeDamaged(digest: Digest): Promise<boolean> {
    return await systemCalls(async () => {
      const lock = await this.#lockOf(digest)
      try {
        if (await this.verify(digest)) return false
        const path = await this.#folder.blobPath(digest)
        await rm(path)
        await this.#folder.sync(dirname(path))
        return true
      } finally {
        await lock.release()
      }
    })
  }

  /** The lock of a blob that is to be removed. @throws BoxError `ERR_BOX_STATE` */
  async #lockOf(digest: Digest): Promise<HeldLock> {
    const lock = await this.#locks.acquire(this.#folder.staging, lockName(digest))
    if (lock.state === 'busy') throw new BoxError('ERR_BOX_STATE', `${digest} is being received`)
    return lock
  }

  async #openBlob(digest: Digest): Promise<FileHandle> {
    const path = await this.#folder.blobPath(digest)
    if ((await this.#folder.blobStats(path)) === undefined)
      throw new BoxError('ERR_BOX_BLOB_ABSENT', `${digest} is not in ${this.path}`, { path })
    return await open(path, readFlags)
  }

  /** Changes index.json under its lock. Gives whether an entry was added or removed. */
  async #update(change: (index: Index) => Promise<Index>): Promise<boolean> {
    await systemCalls(() => this.#folder.make())
    return await this.#underIndexLock(async () => {
      const before = await readIndexFile(this.path)
      const after = await change(before)
      await this.#folder.replace('index.json', `${JSON.stringify(after, undefined, 2)}\n`)
      return before.manifests.length !== after.manifests.length
    })
  }

  async #underIndexLock<Value>(work: () => Promise<Value>): Promise<Value> {
    const lock = await acquireLock(this.#locks, this.#folder.staging, 'index')
    try {
      return await systemCalls(work)
    } finally {
      await lock.release()
    }
  }
}

function lockName(digest: Digest): string {
  return digest.replace(':', '-')
}

function verified(digest: Digest, actual: Digest | undefined): void {
  if (actual === undefined || actual === digest) return
  throw new BoxError('ERR_BOX_DIGEST_MISMATCH', `the stored content has the digest ${actual}, not ${digest}`, {
    hint: 'remove the blob and fetch it again',
  })
}

async function releasedOnError<Value>(lock: HeldLock, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work()
  } catch (error) {
    await lock.release()
    throw error
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}
