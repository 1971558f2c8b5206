import { BoxError, type Descriptor } from '@box/core'
import { digestOf, mediaTypes, splitDigest, type ImageDocument } from '@box/oci'
import type { RawManifest } from '../client/manifests.ts'

/** The format of manifests: the image specification's, or Docker's second schema (distribution, "Image Manifest Version 2, Schema 2"). */
export type ManifestFormat = 'oci' | 'docker'

/** What of one format is what in the other. Docker's has no layers in zstd. */
const pairs: readonly (readonly [oci: string, docker: string])[] = [
  [mediaTypes.index, mediaTypes.dockerIndex],
  [mediaTypes.manifest, mediaTypes.dockerManifest],
  [mediaTypes.config, mediaTypes.dockerConfig],
  [mediaTypes.layer, mediaTypes.dockerLayer],
  [mediaTypes.layerGzip, mediaTypes.dockerLayerGzip],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar', 'application/vnd.docker.image.rootfs.foreign.diff.tar'],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', mediaTypes.dockerForeignLayerGzip],
]

const toDocker = new Map(pairs)
const toOci = new Map(pairs.map(([oci, docker]) => [docker, oci]))

/**
 * Writes a manifest or an index in a format. What is in it already keeps its bytes. Configuration and layers keep theirs, and their digests, in any case;
 * annotations, which Docker's format does not have, are left out of it.
 * @param moved What the entries of an index have become, by their digest.
 * @throws BoxError `ERR_BOX_UNSUPPORTED` for what the format has no word for: layers in zstd, artifacts, subjects.
 */
export function convertDocument(
  descriptor: Descriptor,
  document: ImageDocument,
  format: ManifestFormat,
  moved: ReadonlyMap<string, Descriptor>,
): RawManifest {
  const mediaType = typeIn(descriptor.mediaType, format, descriptor)
  if (document.kind === 'manifest') {
    const { config, layers, subject, artifactType, annotations } = document.value
    if (mediaType === descriptor.mediaType) return { descriptor, bytes: document.bytes }
    if (format === 'docker' && (subject !== undefined || artifactType !== undefined)) throw noWord(descriptor, 'an artifact')
    const parts = { config: convertPart(config, format), layers: layers.map((layer) => convertPart(layer, format)) }
    return written(descriptor, {
      schemaVersion: 2,
      mediaType,
      ...parts,
      ...(format === 'oci' && annotations !== undefined ? { annotations } : {}),
    })
  }
  const { manifests, annotations, subject } = document.value
  const entries = manifests.map((entry) => moved.get(entry.digest) ?? entry)
  if (mediaType === descriptor.mediaType && entries.every(({ digest }, index) => digest === manifests[index]?.digest))
    return { descriptor, bytes: document.bytes }
  if (format === 'docker' && subject !== undefined) throw noWord(descriptor, 'an artifact')
  const listed = manifests.map((entry) => convertEntry(entry, moved.get(entry.digest), format))
  return written(descriptor, {
    schemaVersion: 2,
    mediaType,
    manifests: listed,
    ...(format === 'oci' ? { ...(subject === undefined ? {} : { subject }), ...(annotations === undefined ? {} : { annotations }) } : {}),
  })
}

/** A descriptor of a blob, which keeps its digest. */
function convertPart(part: Descriptor, format: ManifestFormat): Descriptor {
  const { digest, size, urls, annotations } = part
  const mediaType = typeIn(part.mediaType, format, part)
  return {
    mediaType,
    digest,
    size,
    ...(urls === undefined ? {} : { urls }),
    ...(format === 'oci' && annotations !== undefined ? { annotations } : {}),
  }
}

function convertEntry(entry: Descriptor, moved: Descriptor | undefined, format: ManifestFormat): Descriptor {
  const { platform, annotations, artifactType } = entry
  if (format === 'docker' && platform === undefined) throw noWord(entry, 'an entry of an index without a platform')
  const { mediaType, digest, size } = moved ?? entry
  return {
    mediaType: typeIn(mediaType, format, entry),
    digest,
    size,
    ...(platform === undefined ? {} : { platform }),
    ...(format === 'oci' && annotations !== undefined ? { annotations } : {}),
    ...(format === 'oci' && artifactType !== undefined ? { artifactType } : {}),
  }
}

function typeIn(mediaType: string, format: ManifestFormat, descriptor: Descriptor): string {
  const [own, other] = format === 'oci' ? [toDocker, toOci] : [toOci, toDocker]
  if (own.has(mediaType)) return mediaType
  const found = other.get(mediaType)
  if (found !== undefined) return found
  // The image specification allows parts of any type.
  if (format === 'oci' && !mediaType.startsWith('application/vnd.docker.')) return mediaType
  throw noWord(descriptor, `the media type ${JSON.stringify(mediaType)}`)
}

function written(descriptor: Descriptor, value: Readonly<Record<string, unknown>> & { readonly mediaType: string }): RawManifest {
  const bytes = Buffer.from(JSON.stringify(value), 'utf8')
  const digest = digestOf(bytes, splitDigest(descriptor.digest).algorithm)
  const { platform } = descriptor
  return { descriptor: { mediaType: value.mediaType, digest, size: bytes.length, ...(platform === undefined ? {} : { platform }) }, bytes }
}

function noWord({ digest }: Descriptor, what: string): BoxError {
  return new BoxError('ERR_BOX_UNSUPPORTED', `${digest}: the format asked for has no word for ${what}`, {
    hint: 'leave out the option `format` to copy it as it is',
  })
}
