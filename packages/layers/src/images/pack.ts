import { type BlobSource, BoxError, type Digest } from '@box/core'
import { isDigest, mediaTypes } from '@box/oci'
import { constants } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import type { native } from '@box/native'
import { nativeCall } from '../native.ts'
import type { OpaqueMark } from '../roots/overlay-root.ts'
import { copyBlob } from './transfer.ts'
import type { BlobSink } from '@box/core'
import type { NewLayer } from './build.ts'

type Binding = ReturnType<typeof native>
type PackOptions = NonNullable<Parameters<Binding['packDirectory']>[2]>

/** What becomes a layer. */
export type Packing =
  | { readonly kind: 'folder'; readonly path: string; readonly options: PackOptions }
  | { readonly kind: 'upper'; readonly fd: number; readonly marks: OpaqueMark; readonly options: PackOptions }

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
    if (packed.entries === 0) return undefined
    const { digest, diffId, size } = packed
    if (!isDigest(digest) || !isDigest(diffId)) throw new BoxError('ERR_BOX_DIGEST_INVALID', `the native core gave ${digest} for a digest`)
    const descriptor = { mediaType: mediaTypes.layerGzip, digest, size }
    await copyBlob(fileSource(output), sink, descriptor, { signal })
    return { diffID: diffId, descriptor }
  } finally {
    await output.close()
    await rm(temporary, { force: true })
  }
}

async function pack(packing: Packing, output: number): Promise<Awaited<ReturnType<Binding['packDirectory']>>> {
  if (packing.kind === 'upper') return await nativeCall((core) => core.packUpper(packing.fd, output, packing.marks, packing.options))
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
