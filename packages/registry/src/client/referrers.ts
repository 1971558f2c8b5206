import type { Descriptor, Digest } from '@box/core'
import { mediaTypes, parseIndex, splitDigest } from '@box/oci'
import { getManifest } from './manifests.ts'
import { pages } from './pages.ts'
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
  const all = offered ? found : await tagged(repository, digest, signal)
  return artifactType === undefined ? all : all.filter((referrer) => referrer.artifactType === artifactType)
}

async function tagged(repository: Repository, digest: Digest, signal: AbortSignal | undefined): Promise<readonly Descriptor[]> {
  const { algorithm, encoded } = splitDigest(digest)
  const manifest = await getManifest(repository, `${algorithm}-${encoded.slice(0, 64)}`, signal)
  if (manifest === undefined || manifest.descriptor.mediaType !== mediaTypes.index) return []
  return parseIndex(manifest.bytes, { expected: manifest.descriptor }).value.manifests
}
