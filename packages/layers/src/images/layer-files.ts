import { BoxError, type Digest } from '@box/core'
import type { native } from '@box/native'
import { layerCompression, splitDigest } from '@box/oci'
import { closeSync, constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { isAbsent } from '../absent.ts'
import type { ImageLayer } from '../image.ts'
import { nativeCall, nativeSync } from '../native.ts'

export type Binding = ReturnType<typeof native>

/** A layer as the native core reads it. */
export type LayerFile = Parameters<Binding['readImageFiles']>[0][number]

/** Opens the blobs of layers in a layout folder for the length of `use`. With `verify` their digests are checked as they are read. */
export async function withLayerFiles<Value>(
  path: string,
  layers: readonly Pick<ImageLayer, 'descriptor'>[],
  use: (files: LayerFile[]) => Promise<Value>,
  verify = false,
): Promise<Value> {
  const handles: FileHandle[] = []
  try {
    const files: LayerFile[] = []
    for (const { descriptor } of layers) {
      const { mediaType, digest, size } = descriptor
      const handle = await openBlob(path, digest)
      handles.push(handle)
      const compression = layerCompression(mediaType)
      files.push({ fd: handle.fd, size, ...(compression === undefined ? {} : { compression }), ...(verify ? { digest } : {}) })
    }
    return await use(files)
  } finally {
    await Promise.all(handles.map((handle) => handle.close()))
  }
}

/** What to do where the bytes of a layer are needed and were not kept. */
export const pullAgain = "pull the image again into a store that is opened with keep: 'all'"

async function openBlob(path: string, digest: Digest): Promise<FileHandle> {
  try {
    return await open(blobPath(path, digest), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    if (!isAbsent(cause)) throw cause
    throw new BoxError('ERR_BOX_BLOB_ABSENT', `the layer ${digest} is not in ${path}`, { path, cause, hint: pullAgain })
  }
}

/** Where a layout folder keeps a blob (image-spec, image-layout.md). */
export function blobPath(path: string, digest: Digest): string {
  const { algorithm, encoded } = splitDigest(digest)
  return join(path, 'blobs', algorithm, encoded)
}

/** The bytes that the native core writes, as they come, through a pipe: no more is in memory than the pipe holds. */
export async function* writtenBytes(write: (core: Binding, output: number) => Promise<unknown>): AsyncGenerator<Uint8Array, void, void> {
  const pipe = nativeSync((core) => core.makePipe())
  const input = new Socket({ fd: pipe.read, readable: true, writable: false })
  // Once nobody has this end any more, the other one ends.
  const written = nativeCall((core) => write(core, pipe.write)).finally(() => closeSync(pipe.write))
  // Seen below, when all was read.
  written.catch(() => undefined)
  try {
    for await (const chunk of input) yield chunk
    await written
  } finally {
    input.destroy()
    await written.catch(() => undefined)
  }
}
