import { BoxError, type ByteRange, type Digest } from '@box/core'
import { createDigester, splitDigest } from '@box/oci'
import { RegistryError } from '../errors.ts'
import type { RetryPolicy } from '../http/retry.ts'
import { RepositoryOrigin } from '../transfer/origins.ts'
import { readBlob } from '../transfer/read.ts'
import { statBlob } from './blobs.ts'
import type { Repository } from './repository.ts'

/** A blob's bytes, checked against the digest where all of them are asked for. */
export async function* readVerified(
  repository: Repository,
  digest: Digest,
  options: { readonly range?: ByteRange; readonly signal?: AbortSignal },
  retry: RetryPolicy,
): AsyncGenerator<Uint8Array, void, void> {
  const signal = options.signal ?? new AbortController().signal
  const found = await statBlob(repository, digest, 'pull', signal)
  if (found === undefined)
    throw new RegistryError('ERR_BOX_BLOB_ABSENT', `${repository.name} does not have the blob ${digest}`, {
      registry: repository.registry,
      status: 404,
    })
  const { size } = found
  if (size === undefined)
    throw new RegistryError('ERR_BOX_REGISTRY', `${repository.registry} does not say how long the blob ${digest} is`, {
      registry: repository.registry,
    })
  const { start = 0, end = size } = options.range ?? {}
  if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end < start)
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'a range is { start, end } in whole bytes, with start not after end')
  const digester = start === 0 && end >= size ? createDigester(splitDigest(digest).algorithm) : undefined
  const origin = new RepositoryOrigin(repository, undefined)
  let left = Math.min(end, size) - start
  for await (const chunk of readBlob(origin, { mediaType: 'application/octet-stream', digest, size: size }, { start, retry, signal })) {
    const part = chunk.length > left ? chunk.subarray(0, left) : chunk
    digester?.update(part)
    left -= part.length
    yield part
    if (left <= 0 && digester === undefined) return
  }
  const actual = digester?.digest() ?? digest
  if (actual !== digest) throw new BoxError('ERR_BOX_DIGEST_MISMATCH', `${repository.name}: promised ${digest}, received ${actual}`)
}
