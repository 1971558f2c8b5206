import { BoxError } from '@box/core'
import { isRepository, parseCatalog } from '@box/oci'
import type { Exchange } from '../http/exchange.ts'
import { pages } from './pages.ts'

/** The repositories of a registry, page by page (an extension of the distribution project's registry, `/v2/_catalog`). */
export async function* listRepositories(exchange: Exchange, signal: AbortSignal | undefined): AsyncGenerator<string, void, void> {
  const { registry } = exchange.home
  const access = { repository: undefined, scopes: ['registry:catalog:*'] }
  let found = false
  for await (const { body } of pages(exchange, exchange.url('_catalog'), access, signal)) {
    found = true
    const { repositories } = parseCatalog(body).value
    const wrong = repositories.find((name) => !isRepository(name))
    if (wrong !== undefined) throw new BoxError('ERR_BOX_DOCUMENT_INVALID', `${registry}: the answer is not a list of repositories`)
    yield* repositories
  }
  if (!found) throw new BoxError('ERR_BOX_NOT_FOUND', `${registry} does not list its repositories`)
}
