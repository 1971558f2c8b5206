import type { Descriptor, Digest } from '@box/core'
import type { Reply } from '../egress/reply.ts'
import { RegistryError } from '../errors.ts'
import { connectionFailure, failureOf } from '../http/failure.ts'
import type { Opened, OpenOptions } from '../transfer/origin.ts'
import type { Repository } from './repository.ts'

/** The size of a blob as far as the registry says it, or undefined where the repository does not have it. */
export async function statBlob(
  repository: Repository,
  digest: Digest,
  actions: 'pull' | 'pull,push',
  signal: AbortSignal | undefined,
): Promise<{ readonly size: number | undefined } | undefined> {
  const access = repository.access(actions)
  const reply = await repository.send({ method: 'HEAD', url: repository.url(`blobs/${digest}`), access, signal })
  if (reply.status !== 200 && reply.status !== 404) throw await failureOf(reply, `blob ${digest} of ${repository.name}`)
  await reply.discard()
  return reply.status === 200 ? { size: reply.length('content-length') } : undefined
}

/** Begins to read a blob, from the byte `start` on if the registry can; what comes says where it begins. A registry that has other content by now sends the whole. */
export async function openBlob(repository: Repository, descriptor: Descriptor, part: OpenOptions): Promise<Opened> {
  const { digest } = descriptor
  const { signal } = part
  const reply = await repository.send({
    method: 'GET',
    url: repository.url(`blobs/${digest}`),
    // Any encoding of the answer would be other bytes than those that the digest is of.
    headers: { 'accept-encoding': 'identity', ...rangeFrom(part) },
    access: repository.access('pull'),
    signal,
  })
  return await opened(repository, descriptor, part, reply)
}

/**
 * Begins to read a layer from the addresses that its descriptor names (image-spec, descriptor.md, "urls"), the first one that has it. No credentials
 * go there, and they lead only where the registry itself may lead.
 * @throws RegistryError `ERR_BOX_BLOB_ABSENT`, `ERR_BOX_EGRESS_DENIED`; as for `openBlob`.
 */
export async function openForeign(repository: Repository, descriptor: Descriptor, part: OpenOptions): Promise<Opened> {
  for (const address of (descriptor.urls ?? []).slice(0, foreignLimit)) {
    if (!URL.canParse(address)) continue
    const headers = { 'accept-encoding': 'identity', ...rangeFrom(part) }
    const reply = await repository.exchange.anonymously({ method: 'GET', url: new URL(address), headers, signal: part.signal })
    if (reply.status === 200 || reply.status === 206) return await opened(repository, descriptor, part, reply)
    reply.abandon()
  }
  throw absent(repository, descriptor.digest)
}

/** The most addresses of a layer that are asked. */
const foreignLimit = 8

async function opened(repository: Repository, { digest }: Descriptor, part: OpenOptions, reply: Reply): Promise<Opened> {
  if (reply.status === 404) {
    await reply.discard()
    throw absent(repository, digest)
  }
  if (reply.status !== 200 && reply.status !== 206) throw await failureOf(reply, `blob ${digest} of ${repository.name}`)
  const from = reply.status === 206 ? rangeStart(reply) : 0
  if ((reply.header('content-encoding') ?? 'identity') !== 'identity' || from === undefined || (from !== 0 && from !== part.start)) {
    reply.abandon()
    throw new RegistryError('ERR_BOX_REGISTRY', `blob ${digest} of ${repository.name}: the answer is not the part that was asked for`, {
      registry: repository.registry,
      status: reply.status,
    })
  }
  const etag = reply.header('etag')
  return {
    start: from,
    // A weak tag cannot stand in If-Range (RFC 9110, 13.1.5).
    validator: etag?.startsWith('"') === true ? etag : undefined,
    stream: chunksOf(repository, reply, part),
  }
}

function rangeFrom({ start, validator }: OpenOptions): Readonly<Record<string, string>> {
  return start === 0 ? {} : { range: `bytes=${start}-`, ...(validator === undefined ? {} : { 'if-range': validator }) }
}

function absent(repository: Repository, digest: Digest): RegistryError {
  return new RegistryError('ERR_BOX_BLOB_ABSENT', `${repository.name} does not have the blob ${digest}`, {
    registry: repository.registry,
    status: 404,
  })
}

function rangeStart(reply: Reply): number | undefined {
  const start = /^bytes (\d{1,16})-\d{1,16}\/(?:\d{1,16}|\*)$/.exec(reply.header('content-range') ?? '')?.[1]
  return start === undefined ? undefined : Number(start)
}

/** The body, with what breaks it told as this package tells it. */
async function* chunksOf(repository: Repository, reply: Reply, { signal, lent }: OpenOptions): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* reply.stream(lent)
  } catch (thrown) {
    throw connectionFailure(thrown, repository.registry, reply.url, signal)
  } finally {
    reply.abandon()
  }
}
