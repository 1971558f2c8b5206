import type { Digest } from '@box/core'
import type { Catalogue } from './catalogue.ts'
import type { Exchange } from './exchange.ts'
import { requestedRange } from './range.ts'
import { Refusal } from './refusal.ts'
import type { ServableStore } from './store.ts'

/** GET and HEAD /v2/<name>/blobs/<digest>, a part of it where one range is asked for (distribution-spec, "Pulling blobs"). */
export async function sendBlob(
  exchange: Exchange,
  catalogue: Catalogue,
  store: ServableStore,
  repository: string,
  digest: Digest,
): Promise<void> {
  const blob = await catalogue.blob(repository, digest)
  if (blob === undefined) throw new Refusal(404, 'BLOB_UNKNOWN', 'there is no such blob')
  const { size } = blob
  const tag = `"${digest}"`
  const condition = exchange.headers['if-range']
  const range = condition === undefined || condition === tag ? requestedRange(exchange.headers.range, size) : undefined
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Content-Length': range === undefined ? size : range.end - range.start,
    'Docker-Content-Digest': digest,
    'Accept-Ranges': 'bytes',
    ETag: tag,
  }
  if (range === undefined) await exchange.stream(200, headers, () => store.read(digest))
  else
    await exchange.stream(206, { ...headers, 'Content-Range': `bytes ${range.start}-${range.end - 1}/${size}` }, () =>
      store.read(digest, { range }),
    )
}

/** DELETE /v2/<name>/blobs/<digest> (distribution-spec, "Deleting Blobs"). */
export async function removeBlob(exchange: Exchange, catalogue: Catalogue, repository: string, digest: Digest): Promise<void> {
  if (!(await catalogue.removeBlob(repository, digest))) throw new Refusal(404, 'BLOB_UNKNOWN', 'there is no such blob')
  exchange.empty(202)
}
