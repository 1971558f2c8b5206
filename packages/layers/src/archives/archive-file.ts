import { BoxError } from '@box/core'
import type { native } from '@box/native'
import { constants } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { posix } from 'node:path'
import { addAbortSignal, type Readable } from 'node:stream'
import { isAbsent } from '../absent.ts'
import { nativeCall } from '../native.ts'

type Entry = Awaited<ReturnType<ReturnType<typeof native>['indexArchive']>>[number]

/** Where in an archive a file's content is. */
export interface Part {
  readonly offset: number
  readonly size: number
}

/** How many entries an archive may have: a root file system has fewer, and an image far fewer. */
const mostEntries = 2_000_000

/** Links of an archive that are followed for one name: some programs put equal layers in once. */
const mostLinks = 8

const blockSize = 256 * 1024

/** What is compressed, and is not read. */
const foreign = [
  { name: 'xz', magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) },
  { name: 'bzip2', magic: Buffer.from('BZh') },
]

/** How a file begins that is compressed. */
const compressed = [
  { name: 'gzip', magic: Buffer.from([0x1f, 0x8b]) },
  { name: 'zstd', magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) },
] as const

/** How bytes that begin so are compressed. */
export function compressionOf(head: Uint8Array): 'gzip' | 'zstd' | 'none' {
  return compressed.find(({ magic }) => magic.equals(head.subarray(0, magic.byteLength)))?.name ?? 'none'
}

/**
 * A tar that is read by its names, without being extracted: no name of it becomes a path. A file is used where it is; what comes as a stream, or is
 * compressed, is kept in a file without a name until the archive is closed.
 */
export class ArchiveFile {
  /** The plain tar. */
  readonly file: FileHandle
  /** The archive as it was given, where it is compressed. */
  readonly original: FileHandle
  readonly #entries = new Map<string, Entry>()
  readonly #repeated = new Set<string>()

  private constructor(file: FileHandle, original: FileHandle, entries: readonly Entry[]) {
    this.file = file
    this.original = original
    for (const entry of entries) {
      const name = normalName(entry.path)
      if (name === undefined || entry.type === 'directory') continue
      if (this.#entries.has(name)) this.#repeated.add(name)
      this.#entries.set(name, entry)
    }
  }

  /**
   * Opens an archive. `temporary` gives a path for a file that is removed at once.
   * @throws BoxError `ERR_BOX_NOT_FOUND`, `ERR_BOX_LAYER_INVALID` for what is no tar, `ERR_BOX_LIMIT`, `ERR_BOX_UNSUPPORTED` for a compression
   */
  static async open(source: string | Readable, temporary: () => string, signal?: AbortSignal): Promise<ArchiveFile> {
    const original = typeof source === 'string' ? await openFile(source) : await spool(source, temporary(), signal)
    let file = original
    try {
      const head = await readAt(original, 0, 6)
      const refused = foreign.find(({ magic }) => magic.equals(head.subarray(0, magic.byteLength)))
      if (refused !== undefined)
        throw new BoxError('ERR_BOX_UNSUPPORTED', `the archive is compressed by ${refused.name}`, {
          hint: 'give it plain, or compressed by gzip or zstd',
        })
      if (compressionOf(head) !== 'none') file = await inflate(original, temporary())
      const { fd } = file
      return new ArchiveFile(file, original, await nativeCall((core) => core.indexArchive(fd, mostEntries)))
    } catch (error) {
      await closeAll(file, original)
      throw error
    }
  }

  has(name: string): boolean {
    return this.#entries.has(name)
  }

  /**
   * The file of that name, also by links of the archive. Undefined where it is not there.
   * @throws BoxError `ERR_BOX_DOCUMENT_INVALID` for a name that is there twice, or is no file
   */
  find(name: string): Part | undefined {
    let place = normalName(name)
    for (let links = 0; links <= mostLinks; links += 1) {
      const entry = place === undefined ? undefined : this.#entries.get(place)
      if (place === undefined || entry === undefined) return undefined
      if (this.#repeated.has(place)) throw invalid(`the archive holds ${JSON.stringify(place)} twice, which readers take differently`)
      if (entry.type === 'file') return { offset: entry.offset, size: entry.size }
      if (entry.type === 'hardlink') place = normalName(entry.target)
      else if (entry.type === 'symlink') place = normalName(posix.join(posix.dirname(place), entry.target))
      else break
    }
    throw invalid(`${JSON.stringify(name)} is no file in the archive`)
  }

  /** The bytes of a file that is held in memory. @throws BoxError `ERR_BOX_BLOB_ABSENT`, `ERR_BOX_LIMIT` */
  async bytes(name: string, maxBytes: number): Promise<Uint8Array> {
    const part = this.find(name)
    if (part === undefined) throw new BoxError('ERR_BOX_BLOB_ABSENT', `the archive has no ${JSON.stringify(name)}`)
    if (part.size > maxBytes)
      throw new BoxError(
        'ERR_BOX_LIMIT',
        `${JSON.stringify(name)} has ${part.size} bytes, more than the ${maxBytes} that are read into memory`,
      )
    return await readAt(this.file, part.offset, part.size)
  }

  /** The bytes of a file, from that one on. */
  read(part: Part, start = 0, end: number = part.size): AsyncGenerator<Uint8Array, void, void> {
    return readPart(this.file, part, start, end)
  }

  async close(): Promise<void> {
    await closeAll(this.file, this.original)
  }
}

/** Reads a part of a file piece by piece. */
export async function* readPart(file: FileHandle, part: Part, start: number, end: number): AsyncGenerator<Uint8Array, void, void> {
  for (let position = start; position < end;) {
    const piece = await readAt(file, part.offset + position, Math.min(blockSize, end - position))
    if (piece.byteLength === 0) throw new BoxError('ERR_BOX_SIZE_MISMATCH', 'the archive became shorter while it was read')
    position += piece.byteLength
    yield piece
  }
}

/** A name inside the archive, without what says nothing. Undefined for one that leads out of it. */
function normalName(name: string): string | undefined {
  const normal = posix.normalize(name).replace(/^\/+|\/+$/g, '')
  return normal === '..' || normal.startsWith('../') ? undefined : normal
}

async function openFile(path: string): Promise<FileHandle> {
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (cause) {
    if (isAbsent(cause)) throw new BoxError('ERR_BOX_NOT_FOUND', `there is nothing at ${path}`, { path, cause })
    throw cause
  }
  if ((await file.stat()).isFile()) return file
  await file.close()
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${path} is neither a folder nor a file`, { path, hint: 'give a pipe as a stream' })
}

/** A file that is there as long as it is open, whatever becomes of the process. */
export async function unnamedFile(path: string): Promise<FileHandle> {
  const file = await open(path, 'wx+', 0o600)
  try {
    await rm(path)
  } catch (error) {
    await file.close()
    throw error
  }
  return file
}

async function spool(source: Readable, temporary: string, signal: AbortSignal | undefined): Promise<FileHandle> {
  const file = await unnamedFile(temporary)
  try {
    if (signal !== undefined) addAbortSignal(signal, source)
    for await (const chunk of source) await file.appendFile(bytesOf(chunk))
    return file
  } catch (error) {
    await file.close()
    signal?.throwIfAborted()
    throw error
  }
}

function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'the stream gives something else than bytes')
}

async function inflate(original: FileHandle, temporary: string): Promise<FileHandle> {
  const file = await unnamedFile(temporary)
  try {
    const { size } = await original.stat()
    await nativeCall((core) => core.transcodeLayer({ fd: original.fd, size }, file.fd, { compression: 'none' }))
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

async function readAt(file: FileHandle, offset: number, size: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(size)
  const { bytesRead } = await file.read(buffer, 0, size, offset)
  return buffer.subarray(0, bytesRead)
}

async function closeAll(...files: readonly FileHandle[]): Promise<void> {
  await Promise.all([...new Set(files)].map((file) => file.close()))
}

export function invalid(message: string): BoxError {
  return new BoxError('ERR_BOX_DOCUMENT_INVALID', message)
}
