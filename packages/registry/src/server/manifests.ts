import type { Descriptor } from '@box/core'
import { BoxError } from '@box/core'
import { digestOf, type ImageDocument, parseImageDocument, splitDigest } from '@box/oci'
import type { Catalogue } from './catalogue.ts'
import type { Exchange } from './exchange.ts'
import { readWhole } from './facts.ts'
import { Refusal } from './refusal.ts'
import { type Reference, tagOf } from './route.ts'
import type { ServableStore } from './store.ts'

/** The most tags that one request gives. */
const mostTags = 100

/** GET and HEAD /v2/<name>/manifests/<reference> (distribution-spec, "Pulling manifests"). The bytes are those that were pushed. */
export async function sendManifest(
  exchange: Exchange,
  catalogue: Catalogue,
  store: ServableStore,
  repository: string,
  reference: Reference,
): Promise<void> {
  const descriptor = await catalogue.manifest(repository, reference)
  if (descriptor === undefined) throw new Refusal(404, 'MANIFEST_UNKNOWN', 'there is no such manifest')
  const { digest, mediaType, size } = descriptor
  const headers = { 'Content-Type': mediaType, 'Docker-Content-Digest': digest, ETag: `"${digest}"`, 'Content-Length': size }
  if (exchange.method === 'HEAD') exchange.empty(200, headers)
  else exchange.bytes(200, mediaType, await readWhole(store, digest), headers)
}

/** PUT /v2/<name>/manifests/<reference> (distribution-spec, "Pushing Manifests"). */
export async function receiveManifest(
  exchange: Exchange,
  catalogue: Catalogue,
  repository: string,
  reference: Reference,
  query: URLSearchParams,
  maxBytes: number,
): Promise<void> {
  const asked = query.getAll('tag').map(tagOf)
  if (asked.length > mostTags) throw new Refusal(414, 'UNSUPPORTED', `one request gives at most ${mostTags} tags`)
  const chunks: Uint8Array[] = []
  for await (const chunk of exchange.body(maxBytes, manifestTooLarge)) chunks.push(chunk)
  const document = readManifest(Buffer.concat(chunks), exchange.headers['content-type'], reference, maxBytes)
  const tags = reference.tag === undefined ? asked : [reference.tag, ...asked]
  await catalogue.putManifest(repository, document, tags)
  const { digest } = document.descriptor
  exchange.empty(201, {
    Location: `/v2/${repository}/manifests/${digest}`,
    'Docker-Content-Digest': digest,
    ...(document.value.subject === undefined ? {} : { 'OCI-Subject': document.value.subject.digest }),
    ...(asked.length === 0 ? {} : { 'OCI-Tag': asked }),
  })
}

/** DELETE /v2/<name>/manifests/<reference> (distribution-spec, "Deleting tags", "Deleting Manifests"). */
export async function removeManifest(exchange: Exchange, catalogue: Catalogue, repository: string, reference: Reference): Promise<void> {
  const found =
    reference.tag === undefined
      ? await catalogue.removeManifest(repository, reference.digest)
      : await catalogue.removeTag(repository, reference.tag)
  if (!found) throw new Refusal(404, 'MANIFEST_UNKNOWN', 'there is no such manifest')
  exchange.empty(202)
}

function readManifest(bytes: Buffer, contentType: string | undefined, reference: Reference, maxBytes: number): ImageDocument {
  const mediaType = contentType?.split(';')[0]?.trim()
  const expected = reference.digest === undefined ? undefined : expectedOf(bytes, reference.digest)
  try {
    const document = parseImageDocument(bytes, { mediaType, maxBytes })
    return expected === undefined ? document : { ...document, descriptor: { ...document.descriptor, ...expected } }
  } catch (error) {
    if (!(error instanceof BoxError)) throw error
    throw new Refusal(400, 'MANIFEST_INVALID', error.message)
  }
}

function expectedOf(bytes: Buffer, digest: Descriptor['digest']): Pick<Descriptor, 'digest' | 'size'> {
  const actual = digestOf(bytes, splitDigest(digest).algorithm)
  if (actual === digest) return { digest, size: bytes.byteLength }
  throw new Refusal(400, 'DIGEST_INVALID', 'the manifest does not have the digest that it was sent by', {
    detail: { expected: digest, actual },
  })
}

function manifestTooLarge(limit: number): Refusal {
  return new Refusal(413, 'MANIFEST_INVALID', `the manifest is larger than ${limit} bytes`)
}
