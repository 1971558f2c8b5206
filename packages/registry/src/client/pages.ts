import type { Access } from '../auth/authorizer.ts'
import type { Reply } from '../egress/reply.ts'
import { RegistryError } from '../errors.ts'
import { failureOf } from '../http/failure.ts'
import type { Exchange } from '../http/exchange.ts'
import { parseLink } from './link.ts'

/** The most pages that one listing follows, and the most bytes that one page and all of them may have. */
const pageLimit = 10_000
const bodyLimit = 4 * 1024 * 1024
const listLimit = 64 * 1024 * 1024

export interface Page {
  readonly reply: Reply
  readonly body: Uint8Array
}

/**
 * The pages of a listing: each answer's `Link` leads to the next one, on the registry's own origin only, and never to one seen before.
 * Gives nothing where the registry answers 404.
 * @throws RegistryError `ERR_BOX_REGISTRY`; `ERR_BOX_LIMIT` where the list is longer than 64 MiB.
 */
export async function* pages(
  exchange: Exchange,
  first: URL,
  access: Access,
  signal: AbortSignal | undefined,
): AsyncGenerator<Page, void, void> {
  const seen = new Set<string>()
  let left = listLimit
  let url: URL | undefined = first
  while (url !== undefined) {
    if (url.origin !== exchange.home.origin.origin) throw broken(exchange, `${url.origin} as the next page`)
    if (seen.has(url.href) || seen.size >= pageLimit) throw broken(exchange, 'pages without an end')
    seen.add(url.href)
    const { reply, body } = await exchange.read({ method: 'GET', url, access, signal }, Math.min(bodyLimit, left))
    if (reply.status === 404) {
      await reply.discard()
      return
    }
    if (reply.status !== 200) throw await failureOf(reply, `list at ${first.pathname}`)
    left -= body.length
    yield { reply, body }
    const next = parseLink(reply.header('link') ?? '', 'next')
    url = next === undefined || !URL.canParse(next, reply.url.href) ? undefined : new URL(next, reply.url.href)
  }
}

function broken(exchange: Exchange, what: string): RegistryError {
  const { registry } = exchange.home
  return new RegistryError('ERR_BOX_REGISTRY', `${registry} gives ${what}`, { registry })
}
