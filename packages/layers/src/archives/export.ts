import { type BlobSource, BoxError, type Descriptor, type Digest } from '@box/core'
import { familiarReference, formatReference, isDigest, isTag, layerCompression, mediaTypes, parseReference, splitDigest } from '@box/oci'
import type { Image, ImageLayer } from '../image.ts'
import { withLayerFiles, writtenBytes } from '../images/layer-files.ts'
import { descriptorsBelow } from '../images/transfer.ts'
import { fullNameAnnotation } from './candidates.ts'
import { tarEnd, tarFile, tarFolder } from './tar-writer.ts'

type Bytes = AsyncGenerator<Uint8Array, void, void>

/** An image layout as one tar: what skopeo and podman call `oci-archive`. Documents come first, for who reads it as a stream. */
export async function* ociArchiveBytes(source: BlobSource, descriptor: Descriptor, name: string | undefined): Bytes {
  const blobs = await descriptorsBelow(source, descriptor)
  const { mediaType, digest, size } = descriptor
  const full = name === undefined ? undefined : fullName(name)
  const annotations = {
    ...(full === undefined ? {} : { [fullNameAnnotation]: full }),
    ...(name === undefined ? {} : { 'org.opencontainers.image.ref.name': name }),
  }
  const entry = { mediaType, digest, size, ...(name === undefined ? {} : { annotations }) }
  yield* document('oci-layout', { imageLayoutVersion: '1.0.0' })
  yield* document('index.json', { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [entry] })
  yield tarFolder('blobs')
  for (const algorithm of new Set(blobs.map((blob) => splitDigest(blob.digest).algorithm))) yield tarFolder(`blobs/${algorithm}`)
  for (const blob of blobs) {
    const { algorithm, encoded } = splitDigest(blob.digest)
    // Layers that are fetched from elsewhere may be missing, here as in a layout.
    if ((blob.urls?.length ?? 0) > 0 && (await source.stat(blob.digest)) === undefined) continue
    yield* tarFile(`blobs/${algorithm}/${encoded}`, blob.size, source.read(blob.digest))
  }
  yield tarEnd
}

/** What an archive of Docker's needs to know besides the image. */
export interface DockerArchiveContext {
  readonly source: BlobSource
  /** The layout folder with the blobs. */
  readonly path: string
  /** The size of a layer's plain tar, where it is known. */
  readonly plainSize: (diffID: Digest) => Promise<number | undefined>
}

/**
 * What `docker save` writes, and `docker load`, podman, skopeo and containerd read: layers are plain tars named by their diffIDs, the configuration by
 * the image id.
 * @throws BoxError `ERR_BOX_REFERENCE_INVALID` for a name that Docker does not take
 */
export async function* dockerArchiveBytes(context: DockerArchiveContext, image: Image, name: string | undefined): Bytes {
  const reference = name === undefined || isDigest(name) ? undefined : parseReference(name)
  const { digest, size } = image.manifest.config
  const layerName = ({ diffID }: ImageLayer): string => `${splitDigest(diffID).encoded}.tar`
  const config = `${splitDigest(digest).encoded}.json`
  const tags = reference === undefined ? null : [familiarReference(reference)]
  yield* tarFile(config, size, [image.configBytes])
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

async function* plainLayer({ source, path, plainSize }: DockerArchiveContext, layer: ImageLayer, name: string): Bytes {
  const { diffID, descriptor } = layer
  if (layerCompression(descriptor.mediaType) === 'none') {
    yield* tarFile(name, descriptor.size, source.read(descriptor.digest))
    return
  }
  const size = (await plainSize(diffID)) ?? (await countPlain(path, layer))
  yield* tarFile(name, size, plainBytes(path, layer))
}

/** @throws BoxError `ERR_BOX_DIGEST_MISMATCH` where the layer is not what the configuration says */
async function* plainBytes(path: string, layer: ImageLayer): Bytes {
  yield* writtenBytes(async (core, output) => {
    const result = await withLayerFiles(path, [layer], async ([file]) => {
      if (file === undefined) throw new BoxError('ERR_BOX_STATE', 'no layer was opened')
      return await core.transcodeLayer(file, output, { compression: 'none' })
    })
    if (result.diffId !== layer.diffID)
      throw new BoxError(
        'ERR_BOX_DIGEST_MISMATCH',
        `the layer ${layer.descriptor.digest} has the diffID ${result.diffId}, not ${layer.diffID}`,
      )
  })
}

async function countPlain(path: string, layer: ImageLayer): Promise<number> {
  let size = 0
  for await (const chunk of plainBytes(path, layer)) size += chunk.byteLength
  return size
}

/** The files of an image as one tar, without layers and whiteouts. */
export async function* flatTarBytes(path: string, image: Image): Bytes {
  yield* writtenBytes((core, output) =>
    withLayerFiles(path, image.layers, (files) => core.mergeLayers(files, false, output, { compression: 'none' })),
  )
}

async function* document(name: string, value: unknown): Bytes {
  const bytes = Buffer.from(JSON.stringify(value))
  yield* tarFile(name, bytes.byteLength, [bytes])
}

/** A word alone may be the name of a repository, or a tag. */
function fullName(name: string): string | undefined {
  if (isTag(name)) return undefined
  try {
    return formatReference(parseReference(name))
  } catch (error) {
    // A name of a store need not be a reference.
    if (error instanceof BoxError && error.code === 'ERR_BOX_REFERENCE_INVALID') return undefined
    throw error
  }
}
