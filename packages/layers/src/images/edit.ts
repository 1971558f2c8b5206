import { type BlobSink, BoxError, type Descriptor, type Digest } from '@box/core'
import { type ImageConfig, layerCompression, mediaTypes, readImageDocument } from '@box/oci'
import type { Image, ImageLayer } from '../image.ts'
import type { LayerSource, RecompressOptions, SquashOptions } from '../options.ts'
import { checkPlatform, type NewLayer, putManifest } from './build.ts'
import { withSource } from './import.ts'
import { packLayer, type Packing } from './pack.ts'
import { historyTellsLayers } from './settings.ts'
import { copyBlob, putBytes } from './transfer.ts'

/** What operations on images need of the store. */
export interface ImageWork {
  readonly sink: BlobSink
  /** The layout folder with the blobs. */
  readonly path: string
  readonly signal: AbortSignal | undefined
  /** A path that nobody uses. */
  readonly temporary: () => string
  readonly image: (given: Image | string) => Promise<Image>
  /** Keeps content from being pruned until an image with it has a name. */
  readonly hold: (digests: readonly Digest[]) => Promise<void>
}

/** A layer that is there already, to be put on top of others. */
export async function appendedLayer(work: ImageWork, source: LayerSource): Promise<NewLayer> {
  const { sink, signal, temporary } = work
  if ('image' in source) {
    const { layers } = await work.image(source.image)
    const layer = layers[source.layer]
    if (layer === undefined)
      throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `the image has ${layers.length} layers, and none of the number ${source.layer}`)
    await work.hold([layer.descriptor.digest])
    return layer
  }
  return await withSource(source.tar, { format: 'tar', signal }, temporary, async (found) => {
    if (found.kind !== 'layer') throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'a layer is to be a tar: give a folder by `add`')
    await copyBlob(found.source, sink, found.layer.descriptor, { signal })
    return found.layer
  })
}

/** Gives the descriptor of the new manifest. */
export async function squashImage(work: ImageWork, image: Image, options: SquashOptions): Promise<Descriptor> {
  const count = image.layers.length
  const { from = 0, to = count, created, compression } = options
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || from >= to || to > count)
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${from} up to ${to} is no range of the ${count} layers of the image`)
  await holdLayers(work, image)
  const merged = await written(work, {
    kind: 'merge',
    path: work.path,
    layers: image.layers.slice(from, to),
    onOthers: from > 0,
    options: {
      ...(compression === undefined ? {} : { compression }),
      ...(created === undefined ? {} : { sourceDateEpoch: Math.floor(created.getTime() / 1000) }),
    },
  })
  const layers = [...image.layers.slice(0, from), merged, ...image.layers.slice(to)]
  const config = {
    ...image.config,
    ...(created === undefined ? {} : { created: created.toISOString() }),
    rootfs: { ...image.config.rootfs, diff_ids: layers.map(({ diffID }) => diffID) },
    ...historyOf(historyTellsLayers(image.config) ? squashedHistory(image.config, from, to) : undefined),
  }
  return await putEdited(work, image, config, layers)
}

/** The entries of the merged layers become one, where the last of them stood. */
function squashedHistory({ history = [], created }: ImageConfig, from: number, to: number): ImageConfig['history'] {
  let layer = -1
  return (history ?? []).flatMap((entry) => {
    if (entry.empty_layer === true) return [entry]
    layer += 1
    if (layer < from || layer >= to) return [entry]
    return layer < to - 1 ? [] : [{ ...(created ? { created } : {}), created_by: 'box squash' }]
  })
}

/** Gives the descriptor of the new manifest. */
export async function rebaseImage(work: ImageWork, image: Image, from: Image, onto: Image): Promise<Descriptor> {
  checkPlatform(onto, image.platform)
  const base = from.layers.length
  if (from.layers.some(({ diffID }, index) => image.layers[index]?.diffID !== diffID))
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${image.digest} does not stand on ${from.digest}: its lowest layers are others`)
  await holdLayers(work, image)
  await holdLayers(work, onto)
  const layers = [...onto.layers, ...image.layers.slice(base)]
  const told = [image, from, onto].every(({ config }) => historyTellsLayers(config))
  const history = told
    ? [...(onto.config.history ?? []), ...(image.config.history ?? []).slice(from.config.history?.length ?? 0)]
    : undefined
  const config = {
    ...image.config,
    rootfs: { ...image.config.rootfs, diff_ids: layers.map(({ diffID }) => diffID) },
    ...historyOf(history),
  }
  return await putEdited(work, image, config, layers)
}

/** What describes the bytes of a layer as they were compressed: parts to be fetched one by one. */
const ofBytes = ['containerd.io/snapshot/stargz/', 'io.github.containers.zstd-chunked.', 'io.containers.estargz.']

/** Gives the descriptor of the new manifest. */
export async function recompressImage(work: ImageWork, image: Image, options: RecompressOptions): Promise<Descriptor> {
  const { compression, level } = options
  await holdLayers(work, image)
  const layers: ImageLayer[] = []
  for (const layer of image.layers) {
    if (layerCompression(layer.descriptor.mediaType) === compression && level === undefined) {
      layers.push(layer)
      continue
    }
    const { diffID, descriptor } = await written(work, {
      kind: 'transcode',
      path: work.path,
      layer,
      options: { compression, ...(level === undefined ? {} : { level }) },
    })
    if (diffID !== layer.diffID)
      throw new BoxError('ERR_BOX_DIGEST_MISMATCH', `the layer ${layer.descriptor.digest} has the diffID ${diffID}, not ${layer.diffID}`)
    const { annotations, urls: _, data: __, ...rest } = layer.descriptor
    const kept = Object.entries(annotations ?? {}).filter(([key]) => !ofBytes.some((prefix) => key.startsWith(prefix)))
    layers.push({ diffID, descriptor: { ...rest, ...descriptor, ...(kept.length === 0 ? {} : { annotations: Object.fromEntries(kept) }) } })
  }
  return await putManifest(work.sink, image.manifest, image.manifest.config, layers, work.signal)
}

/** Writes an index of images. Gives its descriptor. */
export async function putIndex(
  { sink, hold, signal }: ImageWork,
  images: readonly Image[],
  annotations: Readonly<Record<string, string>> | undefined,
): Promise<Descriptor> {
  const platforms = images.map(({ platform }) =>
    [platform.os, platform.architecture, platform.variant ?? '', platform['os.version'] ?? ''].join('/'),
  )
  const twice = platforms.find((platform, index) => platforms.indexOf(platform) !== index)
  if (twice !== undefined) throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `two of the images are for ${twice.replace(/\/+$/, '')}`)
  await hold(images.map(({ digest }) => digest))
  const manifests = images.map(({ mediaType, digest, size, platform }) => ({ mediaType, digest, size, platform }))
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests, ...(annotations === undefined ? {} : { annotations }) }
  const descriptor = await putBytes(sink, Buffer.from(JSON.stringify(index)), mediaTypes.index, signal)
  // What was written is what will be read: annotations may be no texts.
  await readImageDocument(sink, descriptor, signal)
  return descriptor
}

async function holdLayers({ hold }: ImageWork, image: Image): Promise<void> {
  await hold([image.manifest.config.digest, ...image.layers.map(({ descriptor }) => descriptor.digest)])
}

async function written({ sink, temporary, signal }: ImageWork, packing: Packing): Promise<NewLayer> {
  const layer = await packLayer(sink, packing, temporary(), signal)
  if (layer === undefined) throw new BoxError('ERR_BOX_STATE', 'nothing was written')
  return layer
}

async function putEdited(work: ImageWork, image: Image, config: object, layers: readonly NewLayer[]): Promise<Descriptor> {
  const descriptor = await putBytes(work.sink, Buffer.from(JSON.stringify(config)), mediaTypes.config, work.signal)
  return await putManifest(work.sink, image.manifest, { ...image.manifest.config, ...descriptor }, layers, work.signal)
}

/** A configuration without history keeps none: nobody would know what it leaves out. */
function historyOf(history: ImageConfig['history']): { readonly history?: ImageConfig['history'] } {
  return history === undefined || history === null || history.length === 0 ? { history: undefined } : { history }
}
