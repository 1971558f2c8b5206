import { BoxError } from '@box/core'
import { isTag } from '@box/oci'
import { pages } from './pages.ts'
import type { Repository } from './repository.ts'

/** The tags of a repository in the registry's order, page by page (distribution-spec, "Listing Tags"). */
export async function* listTags(repository: Repository, signal: AbortSignal | undefined): AsyncGenerator<string, void, void> {
  let found = false
  for await (const { body } of pages(repository.exchange, repository.url('tags/list'), repository.access('pull'), signal)) {
    found = true
    yield* tagsOf(repository, body)
  }
  if (!found) throw new BoxError('ERR_BOX_NOT_FOUND', `${repository.registry} has no repository ${repository.path}`)
}

function tagsOf(repository: Repository, body: Uint8Array): string[] {
  const tags = fieldOf(body)
  // Some registries say null for none.
  if (tags === null || tags === undefined) return []
  if (Array.isArray(tags) && tags.every((tag): tag is string => typeof tag === 'string' && isTag(tag))) return tags
  throw new BoxError('ERR_BOX_DOCUMENT_INVALID', `${repository.name}: the answer is not a list of tags`)
}

function fieldOf(body: Uint8Array): unknown {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    return typeof parsed === 'object' && parsed !== null && 'tags' in parsed ? parsed.tags : 'absent'
  } catch {
    return 'not JSON'
  }
}
