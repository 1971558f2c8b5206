import { BoxError, type ByteRange, type Descriptor, type Digest, type ImageSource } from '@box/core'
import { digestOf, mediaTypes } from '@box/oci'

/** What is attached to an image: a signature, a bill of materials, a note (image-spec, manifest.md, "Guidelines for Artifact Usage"). */
export interface Artifact {
  /** The media type that says what the whole is: `application/spdx+json`. */
  readonly artifactType: string
  readonly parts?: readonly ArtifactPart[]
  readonly annotations?: Readonly<Record<string, string>>
}

export interface ArtifactPart {
  readonly mediaType: string
  readonly content: Uint8Array
  readonly annotations?: Readonly<Record<string, string>>
}

/**
 * The artifact as something to push from: its manifest, which names `subject`, and its parts.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where a type is no media type.
 */
export function artifactSource(artifact: Artifact, subject: Descriptor): { readonly source: ImageSource; readonly descriptor: Descriptor } {
  const contents = new Map<Digest, Uint8Array>()
  const put = (mediaType: string, content: Uint8Array): Descriptor => {
    const digest = digestOf(content)
    contents.set(digest, content)
    return { mediaType, digest, size: content.length }
  }
  const empty = put(mediaTypes.empty, Buffer.from('{}'))
  const layers = (artifact.parts ?? []).map(({ mediaType, content, annotations }) => ({
    ...put(checked(mediaType), content),
    ...(annotations === undefined ? {} : { annotations }),
  }))
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: checked(artifact.artifactType),
    config: empty,
    layers: layers.length === 0 ? [empty] : layers,
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
    ...(artifact.annotations === undefined ? {} : { annotations: artifact.annotations }),
  }
  const descriptor = put(mediaTypes.manifest, Buffer.from(JSON.stringify(manifest)))
  return { source: sourceOf(contents, descriptor), descriptor }
}

function sourceOf(contents: ReadonlyMap<Digest, Uint8Array>, root: Descriptor): ImageSource {
  const find = (digest: Digest): Uint8Array => {
    const content = contents.get(digest)
    if (content === undefined) throw new BoxError('ERR_BOX_BLOB_ABSENT', `the artifact has no part ${digest}`)
    return content
  }
  return {
    stat: (digest) => Promise.resolve(contents.has(digest) ? { size: find(digest).length } : undefined),
    async *read(digest: Digest, { range }: { readonly range?: ByteRange } = {}) {
      yield find(digest).subarray(range?.start ?? 0, range?.end)
    },
    resolve: () => Promise.resolve(root),
  }
}

/** A media type's names as RFC 6838, 4.2 has them. */
function checked(mediaType: string): string {
  if (/^[A-Za-z0-9][\w!#$&^.+-]{0,126}\/[A-Za-z0-9][\w!#$&^.+-]{0,126}$/.test(mediaType)) return mediaType
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${JSON.stringify(mediaType)} is not a media type`)
}
