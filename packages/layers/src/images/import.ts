import { type BlobSource, BoxError, type Descriptor, type Digest } from '@box/core'
import { createDigester, layout, mediaTypes, namesOf } from '@box/oci'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { isAbsent } from '../absent.ts'
import { ArchiveFile, compressionOf, readPart } from '../archives/archive-file.ts'
import { choose } from '../archives/candidates.ts'
import { dockerArchive, formatOf, ociArchive } from '../archives/image-archive.ts'
import type { ImportOptions } from '../options.ts'
import type { NewLayer } from './build.ts'

/** What there is to import. */
export type ImportSource =
  | { readonly kind: 'image'; readonly source: BlobSource; readonly descriptor: Descriptor; readonly names: readonly string[] }
  /** A folder that is a root file system. */
  | { readonly kind: 'folder'; readonly path: string }
  /** The tar of a root file system: one layer. */
  | { readonly kind: 'layer'; readonly source: BlobSource; readonly layer: NewLayer }

/** Looks what is at the path or in the stream, and gives it to `use`. `temporary` gives paths for files that are removed at once. */
export async function withSource<Value>(
  from: string | Readable,
  options: ImportOptions,
  temporary: () => string,
  use: (source: ImportSource) => Promise<Value>,
): Promise<Value> {
  if (!isPathOrStream(from)) throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'what is to be read is neither a path nor a stream')
  if (typeof from === 'string' && (await isFolder(from))) {
    if (!(await isFile(join(from, 'oci-layout')))) return await use({ kind: 'folder', path: from })
    const images = layout(from)
    const entries = (await images.index()).manifests.map((entry) => ({ names: namesOf(entry), value: entry }))
    const { names, value } = choose(from, entries, options.tag)
    const { annotations: _, ...descriptor } = value
    return await use({ kind: 'image', source: images, descriptor, names: names.slice(0, 1) })
  }
  const archive = await ArchiveFile.open(from, temporary, options.signal)
  try {
    const format = options.format ?? formatOf(archive)
    if (format === 'tar') return await use(await rootLayer(archive))
    const { descriptor, names, source } = await (format === 'oci-archive' ? ociArchive : dockerArchive)(archive, options.tag)
    return await use({ kind: 'image', source, descriptor, names: format === 'oci-archive' ? names.slice(0, 1) : names })
  } finally {
    await archive.close()
  }
}

function isPathOrStream(from: string | Readable): boolean {
  return typeof from === 'string' ? from !== '' : typeof from === 'object' && from !== null && Symbol.asyncIterator in from
}

/** A root's tar as it is, compressed or not, as a layer. */
async function rootLayer({ file, original }: ArchiveFile): Promise<ImportSource> {
  const { size } = await original.stat()
  const whole = { offset: 0, size }
  const digestOfFile = async (handle: typeof file, end: number): Promise<Digest> => {
    const digester = createDigester('sha256')
    for await (const chunk of readPart(handle, { offset: 0, size: end }, 0, end)) digester.update(chunk)
    return digester.digest()
  }
  const digest = await digestOfFile(original, size)
  const diffID = file === original ? digest : await digestOfFile(file, (await file.stat()).size)
  const head = Buffer.alloc(4)
  await original.read(head, 0, 4, 0)
  const types = { none: mediaTypes.layer, gzip: mediaTypes.layerGzip, zstd: mediaTypes.layerZstd }
  const source: BlobSource = {
    stat: async () => ({ size }),
    read: (_digest, { range } = {}) => readPart(original, whole, range?.start ?? 0, range?.end ?? size),
  }
  return { kind: 'layer', source, layer: { diffID, descriptor: { mediaType: types[compressionOf(head)], digest, size } } }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory()
  } catch (cause) {
    if (isAbsent(cause)) throw new BoxError('ERR_BOX_NOT_FOUND', `there is nothing at ${path}`, { path, cause })
    throw cause
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile()
  } catch (error) {
    if (isAbsent(error)) return false
    throw error
  }
}
