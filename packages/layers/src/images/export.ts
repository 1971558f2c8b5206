import { BoxError, type Descriptor } from '@box/core'
import { type ImageLayout, isDigest, layout, type Pieces, type Section } from '@box/oci'
import type { Writable } from 'node:stream'
import { dockerArchive, flatTar, ociArchive } from '../archives/export.ts'
import { makeFolderWhole, writeTo } from '../archives/target.ts'
import type { Image } from '../image.ts'
import { nativeCall, nativeSync } from '../native.ts'
import type { ExportOptions } from '../options.ts'
import type { UnpackedLayers } from '../unpacked/layers.ts'
import { type UnpackOptions } from '../unpacked/staging.ts'
import { copyGraph } from './transfer.ts'

/** What an export needs of the store. */
export interface ExportContext {
  readonly images: ImageLayout
  readonly layers: UnpackedLayers
  readonly unpack: UnpackOptions
  /** The image itself: of several platforms, the one that was chosen. */
  readonly image: () => Promise<Image>
  /** All that is to be exported: the image, or the index that the name stands for. */
  readonly descriptor: Descriptor
  /** The name in the store by which it was asked for, if it was. */
  readonly name: string | undefined
}

/** Writes an image in one of the formats. */
export async function exportImage(context: ExportContext, target: string | Writable, options: ExportOptions): Promise<void> {
  if (typeof target === 'string' ? target === '' : typeof target !== 'object' || target === null || !('write' in target))
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'export: the target is neither a path nor a stream')
  const { format = typeof target === 'string' ? 'layout' : 'oci-archive', signal } = options
  const { images, descriptor, layers } = context
  const name = options.tag ?? context.name
  const { path } = images
  switch (format) {
    case 'layout': {
      const folder = layout(folderOf(target, format))
      await copyGraph(images, folder, descriptor, { signal })
      const { mediaType, digest, size } = descriptor
      await folder.tag(name ?? digest, { mediaType, digest, size })
      return
    }
    case 'oci-archive':
      await writeTo(target, ociArchive(images, descriptor, name), signal)
      return
    case 'docker-archive': {
      const plainSize = async (diffID: Image['digest']): Promise<number | undefined> => (await layers.find(diffID))?.record.size
      await writeTo(target, dockerArchive({ images, plainSize }, await context.image(), name), signal)
      return
    }
    case 'tar':
      await writeTo(target, one(flatTar(path, await context.image())), signal)
      return
    case 'folder': {
      const { bytes } = flatTar(path, await context.image())
      await makeFolderWhole(folderOf(target, format), (folder) => unpackTo(folder, bytes(), context.unpack, signal))
      return
    }
    default:
      throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${JSON.stringify(format)} is not a format to export to`)
  }
}

async function* one(section: Section): Pieces {
  yield section
}

/** The name by which an image was asked for; a digest is none. */
export function nameOf(given: Image | string): string | undefined {
  return typeof given === 'string' && !isDigest(given) ? given : undefined
}

function folderOf(target: string | Writable, format: string): string {
  if (typeof target === 'string') return target
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `a stream cannot take the format ${format}, which is a folder`)
}

async function unpackTo(
  directoryFd: number,
  tar: AsyncIterable<Uint8Array>,
  options: UnpackOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  const unpacker = nativeSync(({ LayerUnpacker }) => LayerUnpacker.start({ ...options, directoryFd, compression: 'none' }))
  try {
    for await (const chunk of tar) {
      signal?.throwIfAborted()
      await nativeCall(() => unpacker.write(chunk))
    }
    await nativeCall(() => unpacker.finish())
  } catch (error) {
    await nativeCall(() => unpacker.abort())
    throw error
  }
}
