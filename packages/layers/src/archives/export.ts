import { BoxError, type Descriptor, type Digest } from '@box/core'
import {
  archivePieces,
  familiarReference,
  type ImageLayout,
  isDigest,
  layerCompression,
  mediaTypes,
  namedEntry,
  parseReference,
  type Pieces,
  type Section,
  splitDigest,
  tarEnd,
  tarFile,
} from '@box/oci'
import { createReadStream } from 'node:fs'
import type { Image, ImageLayer } from '../image.ts'
import { type Binding, blobPath, withLayerFiles, writtenBytes } from '../images/layer-files.ts'
import { descriptorsBelow } from '../images/transfer.ts'
import { nativeCall } from '../native.ts'

const blockSize = 1024 * 1024

/** An image layout as one tar: what skopeo and podman call `oci-archive`. Documents come first, for who reads it as a stream. */
export async function* ociArchive(images: ImageLayout, descriptor: Descriptor, name: string | undefined): Pieces {
  const blobs = await descriptorsBelow(images, descriptor)
  const { mediaType, digest, size } = descriptor
  const entry = name === undefined ? { mediaType, digest, size } : namedEntry({ mediaType, digest, size }, name)
  const held: Descriptor[] = []
  // Layers that are fetched from elsewhere may be missing, here as in a layout.
  for (const blob of blobs) if ((blob.urls?.length ?? 0) === 0 || (await images.stat(blob.digest)) !== undefined) held.push(blob)
  yield* archivePieces({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [entry] }, held, (blob) => storedBlob(images, blob))
}

/** What an archive of Docker's needs to know besides the image. */
export interface DockerArchiveContext {
  readonly images: ImageLayout
  /** The size of a layer's plain tar, where it is known. */
  readonly plainSize: (diffID: Digest) => Promise<number | undefined>
}

/**
 * What `docker save` writes, and `docker load`, podman, skopeo and containerd read: layers are plain tars named by their diffIDs, the configuration by
 * the image id.
 * @throws BoxError `ERR_BOX_REFERENCE_INVALID` for a name that Docker does not take
 */
export async function* dockerArchive(context: DockerArchiveContext, image: Image, name: string | undefined): Pieces {
  const reference = name === undefined || isDigest(name) ? undefined : parseReference(name)
  const { digest, size } = image.manifest.config
  const layerName = ({ diffID }: ImageLayer): string => `${splitDigest(diffID).encoded}.tar`
  const config = `${splitDigest(digest).encoded}.json`
  const tags = reference === undefined ? null : [familiarReference(reference)]
  yield* tarFile(config, size, image.configBytes)
  const written = new Set<Digest>()
  for (const layer of image.layers) {
    if (written.has(layer.diffID)) continue
    written.add(layer.diffID)
    yield* plainLayer(context, layer, layerName(layer))
  }
  const top = image.layers.at(-1)
  if (reference?.tag !== undefined && top !== undefined) {
    const repository = familiarReference({ ...reference, tag: 'x' }).replace(/:x$/, '')
    yield* document('repositories', { [repository]: { [reference.tag]: splitDigest(top.diffID).encoded } })
  }
  yield* document('manifest.json', [{ Config: config, RepoTags: tags, Layers: image.layers.map(layerName) }])
  yield tarEnd
}

async function* plainLayer({ images, plainSize }: DockerArchiveContext, layer: ImageLayer, name: string): Pieces {
  const { diffID, descriptor } = layer
  if (layerCompression(descriptor.mediaType) === 'none') {
    yield* tarFile(name, descriptor.size, storedBlob(images, descriptor))
    return
  }
  const inflated = inflatedLayer(images.path, layer)
  yield* tarFile(name, (await plainSize(diffID)) ?? (await sizeOf(inflated)), inflated)
}

/** A blob as it is. Its digest was checked when it came, is by `verify`, and will be by whoever reads the archive. */
function storedBlob({ path }: ImageLayout, descriptor: Descriptor): Section {
  return {
    toFile: (fd) =>
      withLayerFiles(path, [{ descriptor }], async ([file]) => {
        if (file !== undefined) await nativeCall((core) => core.copyStored(file, fd))
      }),
    bytes: () => createReadStream(blobPath(path, descriptor.digest), { highWaterMark: blockSize }),
  }
}

/** A layer's plain tar. @throws BoxError `ERR_BOX_DIGEST_MISMATCH` where it is not what the configuration says */
function inflatedLayer(path: string, layer: ImageLayer): Section {
  const { diffID, descriptor } = layer
  const write = async (core: Binding, output: number): Promise<void> => {
    const { diffId } = await withLayerFiles(path, [layer], async ([file]) => {
      if (file === undefined) throw new BoxError('ERR_BOX_STATE', 'no layer was opened')
      return await core.transcodeLayer(file, output, { compression: 'none' })
    })
    if (diffId !== diffID)
      throw new BoxError('ERR_BOX_DIGEST_MISMATCH', `the layer ${descriptor.digest} has the diffID ${diffId}, not ${diffID}`)
  }
  return section(write)
}

async function sizeOf({ bytes }: Section): Promise<number> {
  let size = 0
  for await (const chunk of bytes()) size += chunk.byteLength
  return size
}

/** The files of an image as one tar, without layers and whiteouts. */
export function flatTar(path: string, image: Image): Section {
  return section((core, output) =>
    withLayerFiles(path, image.layers, (files) => core.mergeLayers(files, false, output, { compression: 'none' })),
  )
}

function section(write: (core: Binding, output: number) => Promise<unknown>): Section {
  return {
    toFile: async (fd) => {
      await nativeCall((core) => write(core, fd))
    },
    bytes: () => writtenBytes(write),
  }
}

function document(name: string, value: unknown): Iterable<Uint8Array | Section> {
  const bytes = Buffer.from(JSON.stringify(value))
  return tarFile(name, bytes.byteLength, bytes)
}
