import { BoxError, type Digest } from '@box/core'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { posix } from 'node:path'
import { splitDigest } from '../digest.ts'
import { parseIndex, parseLayout } from '../documents/image.ts'
import type { Index } from '../generated/types.ts'
import { errnoOf } from '../layout/file-system.ts'
import { broken, type TarEntry, tarEntries } from './tar-headers.ts'

/** Links of an archive that are followed for one name: some programs put equal blobs in once. */
const mostLinks = 8

const largestIndex = 64 * 1024 * 1024

/** Where in an archive a file's content is. */
export interface Part {
  readonly offset: number
  readonly size: number
}

/** An archive that is open: its index.json, and where its blobs are. */
export interface OpenArchive {
  readonly file: FileHandle
  readonly contents: Contents
}

/** What a whole archive holds. A file that is replaced is another one. */
export class Contents {
  readonly index: Index
  readonly #entries: ReadonlyMap<string, TarEntry>
  readonly #identity: string

  constructor(index: Index, entries: ReadonlyMap<string, TarEntry>, identity: string) {
    this.index = index
    this.#entries = entries
    this.#identity = identity
  }

  isOf(identity: string): boolean {
    return this.#identity === identity
  }

  /** Where the blob is. */
  blob(digest: Digest): Part | undefined {
    const { algorithm, encoded } = splitDigest(digest)
    return findFile(this.#entries, `blobs/${algorithm}/${encoded}`)
  }
}

/**
 * Opens an archive that is there; no bytes at all are one that is not. What is known of the same file is not read again.
 * @throws BoxError `ERR_BOX_STORE_INVALID`, `ERR_BOX_UNSUPPORTED`, `ERR_BOX_LIMIT`
 */
export async function openArchive(path: string, known: Contents | undefined): Promise<OpenArchive | undefined> {
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const stats = await file.stat({ bigint: true })
    if (!stats.isFile()) throw broken('it is no file')
    if (stats.size === 0n) {
      await file.close()
      return undefined
    }
    const identity = [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(' ')
    return { file, contents: known?.isOf(identity) === true ? known : await contentsOf(file, Number(stats.size), identity) }
  } catch (error) {
    await file.close()
    if (!(error instanceof BoxError) || error.path !== undefined) throw error
    throw new BoxError(error.code, `${path}: ${error.message}`, { path, cause: error })
  }
}

/** A place in the file, read whole. */
export async function readPart(file: FileHandle, { offset, size }: Part): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(size)
  const { bytesRead } = await file.read(buffer, 0, size, offset)
  if (bytesRead < size) throw new BoxError('ERR_BOX_SIZE_MISMATCH', 'the archive became shorter while it was read')
  return buffer
}

async function contentsOf(file: FileHandle, size: number, identity: string): Promise<Contents> {
  const entries = new Map<string, TarEntry>()
  for await (const entry of tarEntries(file, size)) {
    const name = nameInside(entry.name)
    if (entry.type === 'folder') continue
    if (entries.has(name)) throw broken(`it holds ${JSON.stringify(name)} twice, which readers take differently`)
    entries.set(name, entry)
  }
  const document = async (name: string, most: number): Promise<Uint8Array> => {
    const part = findFile(entries, name)
    if (part === undefined) throw broken(`it has no ${name}`)
    if (part.size > most) throw new BoxError('ERR_BOX_LIMIT', `${name} has ${part.size} bytes, more than the ${most} that are read`)
    return await readPart(file, part)
  }
  try {
    parseLayout(await document('oci-layout', 64 * 1024), { maxBytes: 64 * 1024 })
    return new Contents(parseIndex(await document('index.json', largestIndex), { maxBytes: largestIndex }).value, entries, identity)
  } catch (cause) {
    if (!(cause instanceof BoxError) || cause.code !== 'ERR_BOX_DOCUMENT_INVALID') throw cause
    throw broken(cause.message)
  }
}

/** The file of that name, also by links of the archive. @throws BoxError `ERR_BOX_STORE_INVALID` for links that lead nowhere */
function findFile(entries: ReadonlyMap<string, TarEntry>, name: string): Part | undefined {
  let place = name
  for (let links = 0; links <= mostLinks; links += 1) {
    const entry = entries.get(place)
    if (entry === undefined) {
      if (links === 0) return undefined
      throw broken(`the link ${JSON.stringify(name)} leads to nothing in it`)
    }
    if (entry.type === 'file') return { offset: entry.offset, size: entry.size }
    place = nameInside(entry.type === 'hardlink' ? entry.target : posix.join(posix.dirname(place), absoluteRefused(entry.target)))
  }
  throw broken(`${JSON.stringify(name)} is a link to a link, and so on`)
}

/** A name without what says nothing. It never becomes a path. */
function nameInside(name: string): string {
  const normal = posix.normalize(absoluteRefused(name)).replace(/\/+$/, '')
  if (normal === '..' || normal.startsWith('../')) throw leadsOut(name)
  return normal
}

function absoluteRefused(name: string): string {
  if (name.startsWith('/')) throw leadsOut(name)
  return name
}

function leadsOut(name: string): BoxError {
  return broken(`the name ${JSON.stringify(name.slice(0, 100))} leads out of it`)
}
