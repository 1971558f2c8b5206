import { type BlobSink, BoxError, type Descriptor, type Digest, type Platform } from '@box/core'
import { hostPlatform, type Manifest, mediaTypes } from '@box/oci'
import type { Image } from '../image.ts'
import type { ImageSettings } from '../options.ts'
import { newConfig } from './settings.ts'
import { putBytes } from './transfer.ts'

/** A layer that is in the store. */
export interface NewLayer {
  readonly diffID: Digest
  readonly descriptor: Descriptor
}

export interface NewImage {
  readonly base: Image | undefined
  readonly layers: readonly NewLayer[]
  readonly settings: ImageSettings
  readonly platform?: Platform | undefined
  readonly signal?: AbortSignal | undefined
}

/** Docker's media types, and those that mean the same in the image specification. */
const ociTypes = new Map<string, string>([
  [mediaTypes.dockerLayer, mediaTypes.layer],
  [mediaTypes.dockerLayerGzip, mediaTypes.layerGzip],
])

/** Writes configuration and manifest of an image whose layers are there. Gives the manifest's descriptor. */
export async function buildImage(sink: BlobSink, { base, layers, settings, platform, signal }: NewImage): Promise<Descriptor> {
  const config = newConfig(
    base?.config,
    settings,
    platform ?? base?.platform ?? hostPlatform(),
    layers.map(({ diffID }) => diffID),
  )
  const configDescriptor = await putBytes(sink, Buffer.from(JSON.stringify(config)), mediaTypes.config, signal)
  return await putManifest(sink, base?.manifest, configDescriptor, [...(base?.layers ?? []), ...layers], signal)
}

/** Writes a manifest. What this package does not know in the one that it is made from stays there. */
export async function putManifest(
  sink: BlobSink,
  base: Manifest | undefined,
  config: Descriptor,
  layers: readonly Pick<NewLayer, 'descriptor'>[],
  signal?: AbortSignal,
): Promise<Descriptor> {
  const manifest = {
    ...base,
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { ...config, mediaType: mediaTypes.config },
    layers: layers.map(({ descriptor }) => asOciLayer(descriptor)),
  }
  return await putBytes(sink, Buffer.from(JSON.stringify(manifest)), mediaTypes.manifest, signal)
}

function asOciLayer(descriptor: Descriptor): Descriptor {
  return { ...descriptor, mediaType: ociTypes.get(descriptor.mediaType) ?? descriptor.mediaType }
}

/** @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for a platform that differs from the base's */
export function checkPlatform(base: Image | undefined, platform: Platform | undefined): void {
  if (base === undefined || platform === undefined) return
  if (base.platform.os === platform.os && base.platform.architecture === platform.architecture) return
  throw new BoxError(
    'ERR_BOX_INVALID_ARGUMENT',
    `the image to start from is for ${base.platform.os}/${base.platform.architecture}, not ${platform.os}/${platform.architecture}`,
  )
}
