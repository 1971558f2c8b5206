import { BoxError, type Descriptor, type Digest } from '@box/core'
import { digestOf, isDigest, mediaTypes, parseDigest, splitDigest } from '@box/oci'
import type { Reply } from '../egress/reply.ts'
import { RegistryError } from '../errors.ts'
import { failureOf } from '../http/failure.ts'
import type { Repository } from './repository.ts'

/** A manifest or index: its bytes as the registry has them, and what they are. */
export interface RawManifest {
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
}

/** The longest manifest that is read or written, in bytes (distribution-spec, "Pushing Manifests"). */
export const manifestLimit: number = 4 * 1024 * 1024

const accepted: string = [mediaTypes.index, mediaTypes.manifest, mediaTypes.dockerIndex, mediaTypes.dockerManifest].join(', ')

/** Media types that say nothing of what they carry. */
const vague = new Set(['', 'application/json', 'application/octet-stream', 'text/plain'])

/**
 * Gets a manifest by tag or digest, checked against its digest. Undefined where the registry has none.
 * @throws RegistryError `ERR_BOX_REGISTRY…`; `ERR_BOX_DIGEST_MISMATCH`; `ERR_BOX_LIMIT`; `ERR_BOX_UNSUPPORTED` for Docker's first schema.
 */
export async function getManifest(
  repository: Repository,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<RawManifest | undefined> {
  const { reply, body: bytes } = await repository.exchange.read(
    {
      method: 'GET',
      url: repository.url(`manifests/${reference}`),
      headers: { accept: accepted },
      access: repository.access('pull'),
      signal,
    },
    manifestLimit,
  )
  if (reply.status === 404) {
    await reply.discard()
    return undefined
  }
  if (reply.status !== 200) throw await failureOf(reply, `manifest of ${nameOf(repository, reference)}`)
  const digest = verified(repository, reference, reply, bytes)
  return { descriptor: { mediaType: mediaTypeOf(repository, reference, reply, bytes), digest, size: bytes.length }, bytes }
}

/** Asks whether a manifest is there, without its bytes. */
export async function hasManifest(repository: Repository, reference: string, signal: AbortSignal | undefined): Promise<boolean> {
  const reply = await repository.send({
    method: 'HEAD',
    url: repository.url(`manifests/${reference}`),
    headers: { accept: accepted },
    access: repository.access('pull,push'),
    signal,
  })
  if (reply.status !== 200 && reply.status !== 404) throw await failureOf(reply, `manifest of ${nameOf(repository, reference)}`)
  await reply.discard()
  return reply.status === 200
}

/**
 * Puts a manifest under a tag or its digest. The bytes are sent as they are. Gives the subject as far as the registry says that it
 * lists the manifest by it (`OCI-Subject`).
 */
export async function putManifest(
  repository: Repository,
  reference: string,
  manifest: RawManifest,
  signal: AbortSignal | undefined,
): Promise<{ readonly subject: string | undefined }> {
  const reply = await repository.send({
    method: 'PUT',
    url: repository.url(`manifests/${reference}`),
    headers: { 'content-type': manifest.descriptor.mediaType },
    body: manifest.bytes,
    access: repository.access('pull,push'),
    signal,
  })
  if (reply.status !== 201 && reply.status !== 200) throw await failureOf(reply, `push of ${nameOf(repository, reference)}`)
  await reply.discard()
  return { subject: reply.header('oci-subject') }
}

/** Deletes a manifest (by digest), or the name alone (by tag) where the registry can. */
export async function deleteManifest(repository: Repository, reference: string, signal: AbortSignal | undefined): Promise<void> {
  const reply = await repository.send({
    method: 'DELETE',
    url: repository.url(`manifests/${reference}`),
    access: repository.access('delete'),
    signal,
  })
  if (reply.status !== 202 && reply.status !== 200) throw await failureOf(reply, `removal of ${nameOf(repository, reference)}`)
  await reply.discard()
}

function nameOf(repository: Repository, reference: string): string {
  return `${repository.name}${isDigest(reference) ? '@' : ':'}${reference}`
}

/** The digest of what came: the one that was asked for, or else the one the registry states, and always that of the bytes. */
function verified(repository: Repository, reference: string, reply: Reply, bytes: Uint8Array): Digest {
  const stated = reply.header('docker-content-digest')
  const promised = isDigest(reference) ? reference : stated === undefined ? digestOf(bytes) : parseDigest(stated)
  const actual = digestOf(bytes, splitDigest(promised).algorithm)
  if (actual === promised) return promised
  throw new RegistryError(
    'ERR_BOX_DIGEST_MISMATCH',
    `manifest of ${nameOf(repository, reference)}: promised ${promised}, received ${actual}`,
    {
      registry: repository.registry,
    },
  )
}

function mediaTypeOf(repository: Repository, reference: string, reply: Reply, bytes: Uint8Array): string {
  const header = (reply.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  const { mediaType: embedded, schemaVersion, isIndex } = outline(bytes)
  if (schemaVersion === 1 || isFirstSchema(header)) throw firstSchema(nameOf(repository, reference))
  if (embedded === undefined && vague.has(header)) return isIndex ? mediaTypes.index : mediaTypes.manifest
  if (embedded === undefined || vague.has(header)) return embedded ?? header
  if (embedded === header) return header
  throw new BoxError(
    'ERR_BOX_DOCUMENT_INVALID',
    `manifest of ${nameOf(repository, reference)}: sent as ${JSON.stringify(header)}, but it says it is ${JSON.stringify(embedded.slice(0, 200))}`,
  )
}

/** Whether a media type is that of Docker's manifests before their second schema. */
export function isFirstSchema(mediaType: string): boolean {
  return /^application\/vnd\.docker\.distribution\.manifest\.v1\+(?:json|prettyjws)$/.test(mediaType)
}

export function firstSchema(name: string): BoxError {
  return new BoxError('ERR_BOX_UNSUPPORTED', `${name} is in Docker's first manifest schema (version 2, schema 1)`, {
    hint: 'that format has been withdrawn; push the image anew with a current tool',
  })
}

interface Outline {
  readonly mediaType?: string | undefined
  readonly schemaVersion?: unknown
  readonly isIndex: boolean
}

/** What the document says of itself; the whole of it is read, strictly, where its content counts. */
function outline(bytes: Uint8Array): Outline {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    if (typeof parsed !== 'object' || parsed === null) return { isIndex: false }
    return {
      mediaType: 'mediaType' in parsed && typeof parsed.mediaType === 'string' ? parsed.mediaType : undefined,
      schemaVersion: 'schemaVersion' in parsed ? parsed.schemaVersion : undefined,
      isIndex: 'manifests' in parsed,
    }
  } catch {
    return { isIndex: false }
  }
}
