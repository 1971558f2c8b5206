import { BoxError, type ByteRange, type Descriptor, type Digest, type ImageSink, type Ingest } from '@box/core'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve as absolute } from 'node:path'
import { createDigester, isDigest, parseDigest, splitDigest } from '../digest.ts'
import type { Index } from '../generated/types.ts'
import { checkName, checkRange } from '../layout/arguments.ts'
import { lstatOrAbsent, syncFolder, systemCalls } from '../layout/file-system.ts'
import { type ImageLayout, layout } from '../layout/layout.ts'
import { acquireLock } from '../layout/locks.ts'
import { assertComplete, presentBelow } from '../layout/references.ts'
import { socketLocks } from '../layout/socket-locks.ts'
import { selectPlatform } from '../platform.ts'
import { namedEntry, namesOf, unnamed } from './names.ts'
import { archivePieces } from './pieces.ts'
import { type Contents, openArchive, readPart } from './tar-index.ts'
import type { Pieces } from './tar-writer.ts'

const blockSize = 256 * 1024

/** An OCI archive: an image layout in one tar, which skopeo and podman call `oci-archive`. */
export interface ImageArchive extends ImageSink {
  /** The absolute path of the file. */
  readonly path: string
  /** index.json of the archive: all entries, also those without a name. An archive that is not there has none. */
  index(): Promise<Index>
  /**
   * Removes the folder beside the file in which images were received, with what was received of images that were not named.
   * @throws BoxError `ERR_BOX_STATE` where a writer is receiving into it
   */
  close(): Promise<void>
}

/**
 * The OCI archive in that file. It is read where it is, by seeking in it, and no name of it becomes a path; it may be absent, which reads as empty. What it
 * receives goes to a folder beside it (`.NAME.box`), where a later try goes on; `tag` packs the images that have names into a new file, which then takes the
 * place of the old one at one stroke. Nothing is open between calls.
 *
 * Every function fails with `ERR_BOX_STORE_INVALID` where the file holds something else, `ERR_BOX_UNSUPPORTED` where it is compressed, and `ERR_BOX_LIMIT`
 * where it has more entries than an archive of images may have.
 */
export function archive(file: string): ImageArchive {
  return new Archive(absolute(file))
}

class Archive implements ImageArchive {
  readonly path: string
  readonly #folder: string
  readonly #received: ImageLayout
  #known: Contents | undefined

  constructor(path: string) {
    this.path = path
    this.#folder = join(dirname(path), `.${basename(path)}.box`)
    this.#received = layout(this.#folder)
  }

  async index(): Promise<Index> {
    return (await this.#with(({ index }) => index)) ?? emptyIndex
  }

  async resolve(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<Descriptor | undefined> {
    options.signal?.throwIfAborted()
    const { manifests } = await this.index()
    const named = manifests.filter((entry) => namesOf(entry).includes(name) || entry.digest === name)
    const [only, ...others] = manifests
    // Many programs write an archive of one image without a name, which is then found by each.
    const nameless = only !== undefined && others.length === 0 && namesOf(only).length === 0 && !isDigest(name) ? only : undefined
    const entry = (named.length > 1 ? selectPlatform(named) : undefined) ?? named[0] ?? nameless
    return entry === undefined ? undefined : unnamed(entry)
  }

  async stat(digest: Digest, options: { readonly signal?: AbortSignal } = {}): Promise<{ readonly size: number } | undefined> {
    // In this order: what is packed is in the archive before it is taken out of the folder.
    const received = await this.#received.stat(digest, options)
    if (received !== undefined) return received
    const part = await this.#with((contents) => contents.blob(digest))
    return part === undefined ? undefined : { size: part.size }
  }

  async *read(
    digest: Digest,
    options: { readonly range?: ByteRange; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<Uint8Array, void, void> {
    let begun = false
    try {
      for await (const chunk of this.#received.read(digest, options)) {
        begun = true
        yield chunk
      }
      return
    } catch (error) {
      // It may have been packed since it was looked for.
      if (begun || !(error instanceof BoxError) || !(error.code === 'ERR_BOX_BLOB_ABSENT' || error.errno === 'ENOENT')) throw error
    }
    yield* this.#readPacked(digest, options)
  }

  async ingest(descriptor: Descriptor, options: { readonly signal?: AbortSignal } = {}): Promise<Ingest> {
    options.signal?.throwIfAborted()
    if ((await this.stat(descriptor.digest))?.size === descriptor.size) return { state: 'present' }
    return await this.#received.ingest(descriptor, options)
  }

  async tag(name: string, descriptor: Descriptor): Promise<void> {
    checkName(name)
    parseDigest(descriptor.digest)
    await this.#received.make()
    const lock = await acquireLock(socketLocks(), join(this.#folder, 'staging'), 'pack')
    try {
      await systemCalls(async () => {
        await assertComplete(this, descriptor)
        await this.#pack(name, descriptor)
      })
    } finally {
      await lock.release()
    }
  }

  async close(): Promise<void> {
    await systemCalls(async () => {
      const staging = join(this.#folder, 'staging')
      // A folder that is somebody else's has no such file.
      if ((await lstatOrAbsent(join(staging, 'locks'))) === undefined) return
      await socketLocks().sweep?.(staging)
      if ((await readdir(staging)).some((name) => name.endsWith('.claim')))
        throw new BoxError('ERR_BOX_STATE', `${this.path} is being written`, { path: this.path })
      await rm(this.#folder, { recursive: true, force: true })
    })
  }

  /** Puts all images that have names into a new file. The caller holds the lock `pack`. */
  async #pack(name: string, descriptor: Descriptor): Promise<void> {
    const before = await this.index()
    const named = namedEntry(descriptor, name)
    const names = new Set(namesOf(named))
    // `app:1` and `docker.io/library/app:1` name one image.
    const others = before.manifests.filter((entry) => !namesOf(entry).some((one) => names.has(one)))
    const index: Index = { ...before, manifests: [...others, named] }
    const blobs = await presentBelow(this, index.manifests)
    const packed = join(this.#folder, 'packed')
    await rm(packed, { force: true })
    try {
      await writePieces(
        packed,
        archivePieces(index, blobs, ({ digest }) => ({ bytes: () => this.read(digest) })),
      )
      await rename(packed, this.path)
    } catch (error) {
      await rm(packed, { force: true })
      throw error
    }
    await syncFolder(dirname(this.path))
    for (const { digest } of blobs) await this.#forget(digest)
  }

  /** Takes a blob that is packed out of the folder. */
  async #forget(digest: Digest): Promise<void> {
    try {
      await this.#received.remove(digest)
    } catch (error) {
      // Somebody looks whether it is there. It is of no harm.
      if (!(error instanceof BoxError) || error.code !== 'ERR_BOX_STATE') throw error
    }
  }

  async *#readPacked(
    digest: Digest,
    { range, signal }: { readonly range?: ByteRange; readonly signal?: AbortSignal },
  ): AsyncGenerator<Uint8Array, void, void> {
    const opened = await systemCalls(() => openArchive(this.path, this.#known))
    try {
      const part = opened?.contents.blob(digest)
      if (opened === undefined || part === undefined)
        throw new BoxError('ERR_BOX_BLOB_ABSENT', `${digest} is not in ${this.path}`, { path: this.path })
      this.#known = opened.contents
      const { start, end } = checkRange(range, part.size)
      const digester = start === 0 && end === part.size ? createDigester(splitDigest(digest).algorithm) : undefined
      for (let position = start; position < end;) {
        signal?.throwIfAborted()
        const size = Math.min(blockSize, end - position)
        const from = part.offset + position
        const chunk = await systemCalls(() => readPart(opened.file, { offset: from, size }))
        position += size
        digester?.update(chunk)
        // The last bytes are given only once the whole is known to be right.
        if (position === end) checkDigest(digest, digester?.digest())
        yield chunk
      }
      if (start === end) checkDigest(digest, digester?.digest())
    } finally {
      await opened?.file.close()
    }
  }

  /** Looks something up in the archive. Undefined where there is none. */
  async #with<Value>(look: (contents: Contents) => Value): Promise<Value | undefined> {
    return await systemCalls(async () => {
      const opened = await openArchive(this.path, this.#known)
      if (opened === undefined) return undefined
      try {
        this.#known = opened.contents
        return look(opened.contents)
      } finally {
        await opened.file.close()
      }
    })
  }
}

const emptyIndex: Index = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [] }

function checkDigest(digest: Digest, actual: Digest | undefined): void {
  if (actual === undefined || actual === digest) return
  throw new BoxError('ERR_BOX_DIGEST_MISMATCH', `the archive's content has the digest ${actual}, not ${digest}`)
}

/** Writes a file, and makes it durable. */
async function writePieces(path: string, pieces: Pieces): Promise<void> {
  const file = await open(path, 'wx', 0o644)
  try {
    for await (const piece of pieces)
      if (piece instanceof Uint8Array) await file.appendFile(piece)
      else for await (const chunk of piece.bytes()) await file.appendFile(chunk)
    await file.sync()
  } finally {
    await file.close()
  }
}
