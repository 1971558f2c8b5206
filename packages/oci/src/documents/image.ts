import type { Descriptor } from '@box/core'
import { digestOf, splitDigest } from '../digest.ts'
import type { ImageConfig, ImageLayoutHeader, Index, Manifest } from '../generated/types.ts'
import { validateImageConfig, validateImageLayoutHeader, validateIndex, validateManifest } from '../generated/validators.ts'
import { isIndexMediaType, isManifestMediaType, mediaTypes } from '../media-types.ts'
import { DocumentError, valueAt } from './error.ts'
import { readJson } from './json.ts'
import { type BrokenRule, type Document, type Kind, type ParseOptions, parseDocument } from './parse.ts'

const manifestKind: Kind<Manifest> = {
  name: 'image manifest',
  validator: validateManifest,
  mediaType: mediaTypes.manifest,
  saysMediaType: true,
  check: (manifest) =>
    wrongData([
      ['/config', manifest.config],
      ...manifest.layers.map((layer, index) => [`/layers/${index}`, layer] as const),
      ...(manifest.subject === undefined ? [] : [['/subject', manifest.subject] as const]),
    ]),
}

const indexKind: Kind<Index> = {
  name: 'image index',
  validator: validateIndex,
  mediaType: mediaTypes.index,
  saysMediaType: true,
  check: (index) =>
    wrongData([
      ...index.manifests.map((entry, position) => [`/manifests/${position}`, entry] as const),
      ...(index.subject === undefined ? [] : [['/subject', index.subject] as const]),
    ]),
}

const configKind: Kind<ImageConfig> = { name: 'image configuration', validator: validateImageConfig, mediaType: mediaTypes.config }

const layoutKind: Kind<ImageLayoutHeader> = {
  name: 'image layout header',
  validator: validateImageLayoutHeader,
  mediaType: mediaTypes.layoutHeader,
}

/**
 * Reads an image manifest, OCI's or Docker's second schema (image-spec, manifest.md).
 * A document that could also be taken for an index is refused, as is one whose media type is said twice and differently.
 * @throws DocumentError `ERR_BOX_DOCUMENT_INVALID`; BoxError `ERR_BOX_SIZE_MISMATCH`, `ERR_BOX_DIGEST_MISMATCH` against `expected`
 */
export function parseManifest(bytes: Uint8Array, options?: ParseOptions): Document<Manifest> {
  return parseDocument(manifestKind, bytes, accepted(manifestKind, options, isManifestMediaType))
}

/** Reads an image index or Docker's manifest list (image-spec, image-index.md). Errors as for `parseManifest`. */
export function parseIndex(bytes: Uint8Array, options?: ParseOptions): Document<Index> {
  return parseDocument(indexKind, bytes, accepted(indexKind, options, isIndexMediaType))
}

/** An image's first document: a manifest, or an index of several. */
export type ImageDocument = ({ readonly kind: 'manifest' } & Document<Manifest>) | ({ readonly kind: 'index' } & Document<Index>)

/**
 * Reads what a name leads to: a manifest or an index. The media types that are known decide; where there is none, whether `manifests` is there.
 * Errors as for `parseManifest`.
 */
export function parseImageDocument(bytes: Uint8Array, options: ParseOptions = {}): ImageDocument {
  const mediaType = options.mediaType ?? options.expected?.mediaType
  if (mediaType === undefined ? hasManifests(bytes, options) : isIndexMediaType(mediaType))
    return { kind: 'index', ...parseIndex(bytes, options) }
  return { kind: 'manifest', ...parseManifest(bytes, options) }
}

/** Reads an image's configuration (image-spec, config.md). Errors as for `parseManifest`. */
export function parseImageConfig(bytes: Uint8Array, options?: ParseOptions): Document<ImageConfig> {
  return parseDocument(configKind, bytes, options)
}

/** Reads the file `oci-layout` (image-spec, image-layout.md). Errors as for `parseManifest`. */
export function parseLayout(bytes: Uint8Array, options?: ParseOptions): Document<ImageLayoutHeader> {
  return parseDocument(layoutKind, bytes, options)
}

function accepted(
  kind: { readonly name: string },
  options: ParseOptions | undefined,
  accepts: (mediaType: string) => boolean,
): ParseOptions | undefined {
  for (const mediaType of [options?.mediaType, options?.expected?.mediaType]) {
    if (mediaType !== undefined && !accepts(mediaType))
      throw new DocumentError(kind.name, '', `it came with the media type ${JSON.stringify(mediaType)}, which is another document's`)
  }
  return options
}

function hasManifests(bytes: Uint8Array, options: ParseOptions): boolean {
  const value = readJson('image manifest or index', bytes, { maxBytes: options.maxBytes ?? 4 * 1024 * 1024 })
  const mediaType = valueAt(value, '/mediaType')
  return typeof mediaType === 'string' ? isIndexMediaType(mediaType) : valueAt(value, '/manifests') !== undefined
}

/** Content embedded in a descriptor must be the content it describes (image-spec, descriptor.md, "Embedded Content"). */
function wrongData(descriptors: readonly (readonly [string, Descriptor])[]): BrokenRule | undefined {
  for (const [pointer, { data, digest, size }] of descriptors) {
    if (data === undefined) continue
    const content = Buffer.from(data, 'base64')
    if (content.byteLength !== size || digestOf(content, splitDigest(digest).algorithm) !== digest)
      return { pointer: `${pointer}/data`, rule: 'it must hold the content that digest and size describe' }
  }
  return undefined
}
