import type { Descriptor, Digest } from '@box/core'
import { mediaTypes } from '@box/oci'
import type { Catalogue } from './catalogue.ts'
import type { Exchange } from './exchange.ts'
import { linkTo, pageOf } from './pages.ts'
import { Refusal } from './refusal.ts'

/** A page of referrers stays below the 4 MiB that a client is sure to read. */
const pageBytes = 3 * 1024 * 1024

/** GET /v2/_catalog, as the distribution project's registry has it. */
export async function listRepositories(exchange: Exchange, catalogue: Catalogue, query: URLSearchParams): Promise<void> {
  const { items, next } = pageOf(await catalogue.repositories(), query)
  exchange.json(200, { repositories: items }, linkTo('/v2/_catalog', next))
}

/** GET /v2/<name>/tags/list (distribution-spec, "Listing Tags"). */
export async function listTags(exchange: Exchange, catalogue: Catalogue, repository: string, query: URLSearchParams): Promise<void> {
  const tags = await catalogue.tags(repository)
  if (tags === undefined) throw new Refusal(404, 'NAME_UNKNOWN', 'there is no such repository')
  const { items, next } = pageOf(tags, query)
  exchange.json(200, { name: repository, tags: items }, linkTo(`/v2/${repository}/tags/list`, next))
}

/** GET /v2/<name>/referrers/<digest> (distribution-spec, "Listing Referrers"). A subject that nobody knows has an empty list. */
export async function listReferrers(
  exchange: Exchange,
  catalogue: Catalogue,
  repository: string,
  subject: Digest,
  query: URLSearchParams,
): Promise<void> {
  const artifactType = query.get('artifactType')
  const last = query.get('last')
  const all = await catalogue.referrers(repository, subject)
  const wanted = all.filter(
    (referrer) => (artifactType === null || referrer.artifactType === artifactType) && (last === null || referrer.digest > last),
  )
  const manifests = firstPage(wanted)
  const final = manifests.at(-1)
  const next = new URLSearchParams({ ...(artifactType === null ? {} : { artifactType }), last: final?.digest ?? '' }).toString()
  const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests })
  exchange.bytes(200, mediaTypes.index, body, {
    ...(artifactType === null ? {} : { 'OCI-Filters-Applied': 'artifactType' }),
    ...linkTo(`/v2/${repository}/referrers/${subject}`, manifests.length < wanted.length ? next : undefined),
  })
}

function firstPage(descriptors: readonly Descriptor[]): Descriptor[] {
  const page: Descriptor[] = []
  let bytes = 0
  for (const descriptor of descriptors) {
    bytes += Buffer.byteLength(JSON.stringify(descriptor))
    if (page.length > 0 && bytes > pageBytes) break
    page.push(descriptor)
  }
  return page
}
