import { BoxError, type Descriptor, type Digest } from '@box/core'
import {
  type ImageLayout,
  isImageDescriptor,
  isManifestMediaType,
  layerCompression,
  mediaTypes,
  parseImageDocument,
  readBlob,
} from '@box/oci'
import type { Image, NamedImage } from '../image.ts'
import { loadImage } from '../images/load.ts'
import { descriptorsBelow } from '../images/transfer.ts'
import { largestFirst, sideBySide } from '../side-by-side.ts'
import type { Durable } from '../unpacked/durable.ts'
import type { UnpackedLayers } from '../unpacked/layers.ts'
import { refuseLowerLinks } from './lowers.ts'
import type { UnpackedNames } from './unpacked-names.ts'

/** What names are given with. */
export interface NamesContext {
  readonly images: ImageLayout
  readonly layers: UnpackedLayers
  readonly unpacked: UnpackedNames
  readonly durable: Durable
  /** Keeps content from being pruned. */
  readonly hold: (digests: readonly Digest[]) => Promise<void>
}

/** The names of a store: of complete images in index.json, which others read, and of images with layers that are kept unpacked only. */
export class ImageNames {
  readonly #context: NamesContext

  constructor(context: NamesContext) {
    this.#context = context
  }

  async resolve(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<Descriptor | undefined> {
    return await findName(this.#context, name, options)
  }

  async list(): Promise<readonly NamedImage[]> {
    return await listNames(this.#context)
  }

  async remove(name: string): Promise<boolean> {
    const { images, unpacked } = this.#context
    const removed = await images.untag(name)
    return (await unpacked.remove(name)) || removed
  }

  /** Gives a name to what is there. Gives the digests of all that belongs to it, of unpacked layers, too. */
  async give(name: string, descriptor: Descriptor): Promise<readonly Digest[]> {
    const { images, layers, unpacked, durable, hold } = this.#context
    const below = await descriptorsBelow(images, descriptor)
    const digests = below.map((place) => place.digest)
    await hold(digests)
    const isComplete = await this.#check(below, descriptor)
    const diffIDs: Digest[] = []
    for (const place of below) diffIDs.push(...(await checkLayers(images, layers, place)))
    if (isComplete) {
      await images.tag(name, descriptor)
      await unpacked.remove(name)
    } else {
      // They cannot be had again from their blobs.
      await durable.settle()
      await unpacked.set(name, descriptor)
      await images.untag(name)
    }
    return [...digests, ...diffIDs]
  }

  /** Whether all blobs are there. @throws BoxError `ERR_BOX_BLOB_ABSENT` for one that is not, unless it is a layer that is there unpacked. */
  async #check(below: readonly Descriptor[], { digest }: Descriptor): Promise<boolean> {
    const { images, layers } = this.#context
    let isComplete = true
    for (const blob of below) {
      const found = await images.stat(blob.digest)
      if (found?.size === blob.size || (found === undefined && (blob.urls?.length ?? 0) > 0)) continue
      // Bytes of another size are not the ones that the image means.
      if (found !== undefined || layerCompression(blob.mediaType) === undefined || (await layers.unpackedFrom(blob.digest)) === undefined)
        throw new BoxError('ERR_BOX_BLOB_ABSENT', `${blob.digest} (${blob.mediaType}) is not there, and ${digest} needs it`)
      isComplete = false
    }
    return isComplete
  }
}

/** The name may move from the one place to the other in between: it has the new one before it loses the old one. */
export async function findName(
  { images, unpacked }: { readonly images: Pick<ImageLayout, 'resolve'>; readonly unpacked: Pick<UnpackedNames, 'find'> },
  name: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Descriptor | undefined> {
  return (await images.resolve(name, options)) ?? (await unpacked.find(name)) ?? (await images.resolve(name, options))
}

/** All names, also those that move in between. */
export async function listNames({
  images,
  unpacked,
}: {
  readonly images: Pick<ImageLayout, 'list'>
  readonly unpacked: Pick<UnpackedNames, 'list'>
}): Promise<readonly NamedImage[]> {
  const before = await unpacked.list()
  const complete = await images.list()
  const found = [...before, ...(await unpacked.list()), ...complete].map((one) => [one.name, one] as const)
  return [...new Map(found).values()].toSorted((left, right) => (left.name < right.name ? -1 : 1))
}

/** Unpacks what is not, and checks that each layer is what the configuration says. Gives the diffIDs. */
async function checkLayers(images: ImageLayout, layers: UnpackedLayers, descriptor: Descriptor): Promise<readonly Digest[]> {
  const image = isImageDescriptor(descriptor) ? await loadableImage(images, descriptor) : undefined
  const blobs = image?.layers.map(({ descriptor: blob }) => blob) ?? []
  await sideBySide(largestFirst(blobs), async (blob) => void (await layers.unpackStored(blob)))
  for (const { diffID, descriptor: blob } of image?.layers ?? []) {
    const found = await layers.unpackStored(blob)
    if (found !== diffID)
      throw new BoxError(
        'ERR_BOX_DIGEST_MISMATCH',
        `the layer ${blob.digest} has the diffID ${found}, not ${diffID} as the configuration says`,
      )
  }
  const [lowest] = image?.layers ?? []
  const unpacked = lowest === undefined ? undefined : await layers.find(lowest.diffID)
  if (lowest !== undefined && unpacked !== undefined) refuseLowerLinks(unpacked, lowest.descriptor)
  return image?.layers.map(({ diffID }) => diffID) ?? []
}

const configTypes = new Set<string>([mediaTypes.config, mediaTypes.dockerConfig])

/** The image of a manifest; undefined for an index, and for what holds no file trees (attestations, signatures, other artifacts). */
async function loadableImage(images: ImageLayout, descriptor: Descriptor): Promise<Image | undefined> {
  if (!isManifestMediaType(descriptor.mediaType)) return undefined
  const document = parseImageDocument(await readBlob(images, descriptor), { expected: descriptor })
  if (document.kind === 'index' || !configTypes.has(document.value.config.mediaType)) return undefined
  if (document.value.layers.some(({ mediaType }) => layerCompression(mediaType) === undefined)) return undefined
  return await loadImage(images, descriptor)
}
