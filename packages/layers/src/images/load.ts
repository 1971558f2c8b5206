import { type BlobSource, BoxError, type Descriptor, type Platform } from '@box/core'
import { hostPlatform, layerCompression, parseImageConfig, readBlob, readImageDocument, selectPlatform } from '@box/oci'
import type { Image } from '../image.ts'

/**
 * Reads an image: manifest and configuration, which must agree. Of an index the manifest for the platform.
 * @throws BoxError `ERR_BOX_BLOB_ABSENT`, `ERR_BOX_NOT_FOUND` for a platform that is not there, `ERR_BOX_DOCUMENT_INVALID`
 */
export async function loadImage(source: BlobSource, descriptor: Descriptor, platform?: Platform): Promise<Image> {
  let place = descriptor
  // An index of indexes is allowed; a document cannot hold its own digest, so there is an end.
  while (true) {
    const document = await readImageDocument(source, place)
    if (document.kind === 'manifest') return await withConfig(source, document)
    const chosen = selectPlatform(document.value.manifests, platform)
    if (chosen === undefined) {
      const { os, architecture } = platform ?? hostPlatform()
      throw new BoxError('ERR_BOX_NOT_FOUND', `${descriptor.digest} is an index without an image for ${os}/${architecture}`)
    }
    place = chosen
  }
}

async function withConfig(
  source: BlobSource,
  { value: manifest, bytes, descriptor }: Extract<Awaited<ReturnType<typeof readImageDocument>>, { readonly kind: 'manifest' }>,
): Promise<Image> {
  const { value: config, bytes: configBytes } = parseImageConfig(await readBlob(source, manifest.config), { expected: manifest.config })
  const diffIDs = config.rootfs.diff_ids
  if (diffIDs.length !== manifest.layers.length)
    throw new BoxError(
      'ERR_BOX_DOCUMENT_INVALID',
      `${descriptor.digest} has ${manifest.layers.length} layers, and its configuration ${diffIDs.length} diffIDs`,
    )
  const layers = manifest.layers.map((layer, index) => {
    const diffID = diffIDs[index]
    if (diffID === undefined || layerCompression(layer.mediaType) === undefined)
      throw new BoxError(
        'ERR_BOX_DOCUMENT_INVALID',
        `${descriptor.digest} has a layer of the media type ${layer.mediaType}, which is none of a layer`,
      )
    return { diffID, descriptor: layer }
  })
  return Object.freeze({ ...descriptor, manifest, bytes, config, configBytes, platform: platformOf(config), layers: Object.freeze(layers) })
}

function platformOf(config: Image['config']): Platform {
  const { architecture, os, variant, 'os.version': version, 'os.features': features } = config
  return {
    architecture,
    os,
    ...(variant ? { variant } : {}),
    ...(version ? { 'os.version': version } : {}),
    ...(features ? { 'os.features': features } : {}),
  }
}
