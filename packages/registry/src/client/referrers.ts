import type { Descriptor, Digest } from '@box/core'
import { parseIndex } from '@box/oci'
import { pages } from './pages.ts'
import { taggedReferrers } from './referrers-tag.ts'
import type { Repository } from './repository.ts'

/**
 * The manifests that name this one as their subject (distribution-spec, "Listing Referrers"); where the registry has no such list, those of
 * the tag that clients keep in its place ("Referrers Tag Schema").
 */
export async function listReferrers(
  repository: Repository,
  digest: Digest,
  artifactType: string | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly Descriptor[]> {
  const url = repository.url(`referrers/${digest}`)
  if (artifactType !== undefined) url.searchParams.set('artifactType', artifactType)
  const found: Descriptor[] = []
  let offered = false
  for await (const { reply, body } of pages(repository.exchange, url, repository.access('pull'), signal)) {
    offered = true
    const mediaType = reply.header('content-type')?.split(';', 1)[0]?.trim()
    found.push(...parseIndex(body, mediaType === undefined ? {} : { mediaType }).value.manifests)
  }
  const all = offered ? found : await taggedReferrers(repository, digest, signal)
  return artifactType === undefined ? all : all.filter((referrer) => referrer.artifactType === artifactType)
}
