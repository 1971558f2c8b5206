import { BoxError, type Descriptor } from '@box/core'
import type { RequestBody } from '../egress/egress.ts'
import type { Reply } from '../egress/reply.ts'
import { RegistryError } from '../errors.ts'
import { failureOf } from '../http/failure.ts'
import { locationOf } from '../http/exchange.ts'
import type { Repository } from './repository.ts'

/** A blob upload that is open in a registry (distribution-spec, "Pushing a blob in chunks"). */
export interface Session {
  /** Where the next request goes. The registry says so anew with every answer. */
  readonly location: URL
  /** How many bytes the registry has. */
  readonly offset: number
  /** The shortest chunk that the registry takes, the last one excepted. */
  readonly shortestChunk: number
}

/** Bytes of a blob from `start` up to and without `end`. Each call gives them anew. */
export type Slice = (start: number, end: number) => AsyncIterable<Uint8Array>

/** Opens an upload, or has the registry take the blob over from another repository: then there is no session. */
export async function beginUpload(
  repository: Repository,
  descriptor: Descriptor,
  mountFrom: Repository | undefined,
  signal: AbortSignal,
): Promise<Session | 'mounted'> {
  const url = repository.url('blobs/uploads/')
  if (mountFrom !== undefined) {
    url.searchParams.set('mount', descriptor.digest)
    url.searchParams.set('from', mountFrom.path)
  }
  const access = repository.access('pull,push', mountFrom)
  const reply = await repository.send({ method: 'POST', url, headers: { 'content-length': '0' }, access, signal })
  if (mountFrom !== undefined && reply.status === 201) {
    await reply.discard()
    return 'mounted'
  }
  if (reply.status !== 202) throw await failureOf(reply, `upload of ${descriptor.digest} to ${repository.name}`)
  return await sessionOf(repository, descriptor, reply, 0, undefined)
}

/** Sends the bytes from the session's offset up to `end`. @throws RegistryError where the registry does not take them. */
export async function sendChunk(
  repository: Repository,
  descriptor: Descriptor,
  session: Session,
  slice: Slice,
  end: number,
  signal: AbortSignal,
): Promise<Session> {
  const { offset } = session
  const reply = await repository.send({
    method: 'PATCH',
    url: session.location,
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(end - offset),
      'content-range': `${offset}-${end - 1}`,
    },
    body: () => slice(offset, end),
    access: repository.access('pull,push'),
    retry: false,
    signal,
  })
  if (reply.status !== 202 && reply.status !== 204) throw await failureOf(reply, `upload of ${descriptor.digest} to ${repository.name}`)
  const next = await sessionOf(repository, descriptor, reply, end, session)
  // A registry that took the chunk and says that it has nothing new (or `0-0`) is out in its count: the digest will tell.
  return next.offset > Math.max(offset, 1) ? next : { ...next, offset: end }
}

/** Asks the registry how far it got. Undefined where it has forgotten the session or does not tell. */
export async function uploadStatus(
  repository: Repository,
  descriptor: Descriptor,
  session: Session,
  signal: AbortSignal,
): Promise<Session | undefined> {
  const access = repository.access('pull,push')
  const reply = await repository.send({ method: 'GET', url: session.location, access, signal })
  if (reply.status !== 204 && reply.status !== 202) {
    await reply.discard()
    return undefined
  }
  const offset = rangeEnd(reply)
  // `0-0` is one byte, and also how some registries write "none": the session is then not worth keeping.
  if (offset === undefined || offset <= 1 || offset > descriptor.size) {
    await reply.discard()
    return undefined
  }
  return await sessionOf(repository, descriptor, reply, offset, session)
}

/** Ends the upload: the registry checks the digest. With `slice`, the whole blob is the request's body. */
export async function finishUpload(
  repository: Repository,
  descriptor: Descriptor,
  session: Session,
  slice: Slice | undefined,
  signal: AbortSignal,
): Promise<void> {
  const url = new URL(session.location)
  // Appended as text: a registry's own parameters stay exactly as it wrote them.
  url.search = `${url.search === '' ? '?' : `${url.search}&`}digest=${encodeURIComponent(descriptor.digest)}`
  const body: RequestBody | undefined = slice === undefined || descriptor.size === 0 ? undefined : () => slice(0, descriptor.size)
  const length = body === undefined ? 0 : descriptor.size
  const reply = await repository.send({
    method: 'PUT',
    url,
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(length) },
    body,
    access: repository.access('pull,push'),
    retry: false,
    signal,
  })
  if (reply.status !== 201 && reply.status !== 204) throw await failureOf(reply, `upload of ${descriptor.digest} to ${repository.name}`)
  await reply.discard()
}

/** @param before The session as it was, of which what the answer does not say still holds: the shortest chunk is said with the first one only. */
async function sessionOf(
  repository: Repository,
  descriptor: Descriptor,
  reply: Reply,
  offset: number,
  before: Session | undefined,
): Promise<Session> {
  const location = locationOf(reply) ?? before?.location
  const shortestChunk = reply.length('oci-chunk-min-length') ?? before?.shortestChunk ?? 1
  const accepted = offset === 0 ? 0 : (rangeEnd(reply) ?? offset)
  await reply.discard()
  if (location === undefined)
    throw new RegistryError('ERR_BOX_REGISTRY', `${repository.registry} opened an upload without saying where`, {
      registry: repository.registry,
      status: reply.status,
    })
  if (accepted > offset)
    throw new BoxError('ERR_BOX_SIZE_MISMATCH', `${repository.registry} says it has more of ${descriptor.digest} than it was sent`)
  return { location, offset: accepted, shortestChunk }
}

/** How many bytes the registry has by its `Range` header: `0-N`, with the last byte's number. */
function rangeEnd(reply: Reply): number | undefined {
  const last = /^(?:bytes=)?0-(\d{1,16})$/.exec(reply.header('range') ?? '')?.[1]
  return last === undefined ? undefined : Number(last) + 1
}
