import { type BlobSource, BoxError, type Digest } from '@box/core'
import { isDigest, mediaTypes } from '@box/oci'
import { constants } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import type { native } from '@box/native'
import { nativeCall } from '../native.ts'
import type { Written } from '../roots/written.ts'
import { copyBlob } from './transfer.ts'
import type { BlobSink } from '@box/core'
import type { ImageLayer } from '../image.ts'
import { withLayerFiles } from './layer-files.ts'
import type { NewLayer } from './build.ts'

type Binding = ReturnType<typeof native>
type PackOptions = NonNullable<Parameters<Binding['packDirectory']>[2]>

/** What becomes a layer. */
export type Packing =
  | { readonly kind: 'folder'; readonly path: string; readonly options: PackOptions }
  /** What was written to a root. */
  | { readonly kind: 'written'; readonly written: Written; readonly options: PackOptions }
  /** Layers that are in a layout folder already, as one. `onOthers`: they stand on others. */
  | {
      readonly kind: 'merge'
      readonly path: string
      readonly layers: readonly ImageLayer[]
      readonly onOthers: boolean
      readonly options: PackOptions
    }
  /** A layer that is in a layout folder already, with another compression. */
  | { readonly kind: 'transcode'; readonly path: string; readonly layer: ImageLayer; readonly options: PackOptions }

type Packed = Awaited<ReturnType<Binding['packDirectory']>>

const layerTypes = { gzip: mediaTypes.layerGzip, zstd: mediaTypes.layerZstd, none: mediaTypes.layer }

const blockSize = 256 * 1024

/**
 * Packs a layer and puts it into the store. Undefined where there is nothing to pack.
 * @param temporary A place for the bytes until their digest is known. It is removed.
 */
export async function packLayer(sink: BlobSink, packing: Packing, temporary: string, signal?: AbortSignal): Promise<NewLayer | undefined> {
  const output = await open(temporary, 'wx+', 0o600)
  try {
    const packed = await pack(packing, output.fd)
    signal?.throwIfAborted()
    if (packed.entries === 0 && (packing.kind === 'folder' || packing.kind === 'written')) return undefined
    const { digest, diffId, size } = packed
    if (!isDigest(digest) || !isDigest(diffId)) throw new BoxError('ERR_BOX_DIGEST_INVALID', `the native core gave ${digest} for a digest`)
    const descriptor = { mediaType: layerTypes[packing.options.compression ?? 'gzip'], digest, size }
    await copyBlob(fileSource(output), sink, descriptor, { signal })
    return { diffID: diffId, descriptor }
  } finally {
    await output.close()
    await rm(temporary, { force: true })
  }
}

async function pack(packing: Packing, output: number): Promise<Packed> {
  const { options } = packing
  if (packing.kind === 'merge')
    return await withLayerFiles(packing.path, packing.layers, (files) =>
      nativeCall((core) => core.mergeLayers(files, packing.onOthers, output, options)),
    )
  if (packing.kind === 'transcode')
    return await withLayerFiles(packing.path, [packing.layer], async ([file]) => {
      if (file === undefined) throw new BoxError('ERR_BOX_STATE', 'no layer was opened')
      return await nativeCall((core) => core.transcodeLayer(file, output, options))
    })
  if (packing.kind === 'written') return await packing.written.pack(output, options)
  const source = await openSource(packing.path)
  try {
    return await nativeCall((core) => core.packDirectory(source.fd, output, packing.options))
  } finally {
    await source.close()
  }
}

/** Opens what is to be packed, without waiting on what is no file. A link at the end of the caller's own path is followed, as by any program. */
async function openSource(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (cause) {
    throw new BoxError('ERR_BOX_NOT_FOUND', `${path} cannot be read`, { path, cause })
  }
}

/** One blob, at rest in a file. */
function fileSource(file: FileHandle): BlobSource {
  return {
    stat: async (_digest: Digest) => ({ size: (await file.stat()).size }),
    async *read(_digest, { range } = {}) {
      const block = Buffer.allocUnsafe(blockSize)
      let position = range?.start ?? 0
      while (true) {
        const { bytesRead } = await file.read(block, 0, blockSize, position)
        if (bytesRead === 0) return
        position += bytesRead
        yield block.subarray(0, bytesRead)
      }
    },
  }
}
