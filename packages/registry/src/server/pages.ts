import { Refusal } from './refusal.ts'

const longestPage = 1000

/** One page of a sorted list, and the query that asks for the next. */
export interface Page {
  readonly items: readonly string[]
  readonly next: string | undefined
}

/**
 * The page that `n` and `last` ask for (distribution-spec, "Listing Tags"). A client gets no more than 1,000 names at a time, whatever it asks.
 * @throws Refusal `UNSUPPORTED` where `n` is not a number
 */
export function pageOf(sorted: readonly string[], query: URLSearchParams): Page {
  const n = query.get('n')
  if (n !== null && !/^\d+$/.test(n)) throw new Refusal(400, 'UNSUPPORTED', 'n must be a number')
  const count = Math.min(n === null ? longestPage : Number(n), longestPage)
  const last = query.get('last')
  const rest = last === null ? sorted : sorted.filter((item) => item > last)
  const items = rest.slice(0, count)
  const final = items.at(-1)
  const more = final !== undefined && rest.length > items.length
  return { items, next: more ? new URLSearchParams({ n: String(count), last: final }).toString() : undefined }
}

/** The header that leads to the next page (RFC 8288). */
export function linkTo(path: string, next: string | undefined): { readonly Link?: string } {
  return next === undefined ? {} : { Link: `<${path}?${next}>; rel="next"` }
}
