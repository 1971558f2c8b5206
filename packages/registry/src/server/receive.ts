import type { Digest } from '@box/core'
import { splitDigest } from '@box/oci'
import type { Catalogue } from './catalogue.ts'
import type { Exchange } from './exchange.ts'
import type { Intake } from './intake.ts'
import { chunkRange } from './range.ts'
import { Refusal } from './refusal.ts'
import { digestOf } from './route.ts'
import type { Upload, Uploads } from './uploads.ts'

/** What the handlers of blob uploads work with. */
export interface Receiving {
  readonly intake: Intake
  readonly catalogue: Catalogue
  readonly uploads: Uploads
  readonly maxBytes: number
  /** Whether the client may take a blob from that repository. */
  readonly mayPull: (repository: string) => Promise<boolean>
}

/** POST /v2/<name>/blobs/uploads/ (distribution-spec, "Pushing blobs", "Mounting a blob from another repository"). */
export async function beginUpload(exchange: Exchange, receiving: Receiving, repository: string, query: URLSearchParams): Promise<void> {
  const mount = query.get('mount')
  if (mount !== null && (await mounted(receiving, repository, digestOf(mount), query.get('from')))) {
    stored(exchange, repository, digestOf(mount))
    return
  }
  const digest = query.get('digest')
  if (digest !== null && mount === null) {
    await receiveWhole(exchange, receiving, repository, digestOf(digest))
    return
  }
  const algorithm = query.get('digest-algorithm') ?? 'sha256'
  if (algorithm !== 'sha256' && algorithm !== 'sha512')
    throw new Refusal(400, 'UNSUPPORTED', 'the digest algorithms of this registry are sha256 and sha512')
  progress(exchange, 202, await receiving.uploads.begin(repository, algorithm))
}

/** GET /v2/<name>/blobs/uploads/<id>: how far it is. */
export async function reportUpload(exchange: Exchange, { uploads }: Receiving, repository: string, id: string): Promise<void> {
  const upload = uploads.find(repository, id)
  await upload.alone(async () => progress(exchange, 204, upload))
}

/** PATCH /v2/<name>/blobs/uploads/<id>: the next chunk, or the whole as a stream. */
export async function continueUpload(exchange: Exchange, receiving: Receiving, repository: string, id: string): Promise<void> {
  const upload = receiving.uploads.find(repository, id)
  await upload.alone(async () => {
    await append(exchange, receiving, upload)
    progress(exchange, 202, upload)
  })
}

/** PUT /v2/<name>/blobs/uploads/<id>?digest=: the last chunk, or all of it, or nothing more. */
export async function finishUpload(
  exchange: Exchange,
  receiving: Receiving,
  repository: string,
  id: string,
  query: URLSearchParams,
): Promise<void> {
  const { uploads } = receiving
  const upload = uploads.find(repository, id)
  const digest = digestOf(query.get('digest') ?? '')
  await upload.alone(async () => {
    const untouched = upload.size === 0 && exchange.headers['content-range'] === undefined
    if (untouched && exchange.bodyLength !== undefined) {
      try {
        await receiveWhole(exchange, receiving, repository, digest)
      } finally {
        await uploads.end(upload)
      }
      return
    }
    await append(exchange, receiving, upload)
    await keep(exchange, receiving, upload, digest)
  })
}

/** DELETE /v2/<name>/blobs/uploads/<id>. */
export async function cancelUpload(exchange: Exchange, { uploads }: Receiving, repository: string, id: string): Promise<void> {
  const upload = uploads.find(repository, id)
  await upload.alone(async () => await uploads.end(upload))
  exchange.empty(204)
}

async function mounted({ catalogue, mayPull }: Receiving, repository: string, digest: Digest, from: string | null): Promise<boolean> {
  const sources = from === null ? await catalogue.holders(digest) : [from]
  for (const source of sources) {
    if ((await catalogue.blob(source, digest)) === undefined || !(await mayPull(source))) continue
    catalogue.addBlob(repository, digest)
    return true
  }
  return false
}

async function append(exchange: Exchange, { maxBytes }: Receiving, upload: Upload): Promise<void> {
  const range = chunkRange(exchange.headers['content-range'])
  if (range !== undefined && range.start !== upload.size)
    throw new Refusal(416, 'BLOB_UPLOAD_INVALID', `the next byte of this upload is ${upload.size}, not ${range.start}`, {
      headers: place(upload),
    })
  if (range !== undefined && exchange.bodyLength !== undefined && exchange.bodyLength !== range.length)
    throw new Refusal(400, 'SIZE_INVALID', 'Content-Length and Content-Range do not agree')
  await upload.append(exchange.body(maxBytes - upload.size))
}

async function keep(exchange: Exchange, { intake, catalogue, uploads }: Receiving, upload: Upload, digest: Digest): Promise<void> {
  const { repository, size } = upload
  try {
    if ((await upload.digest(splitDigest(digest).algorithm)) !== digest) throw wrongDigest()
    await intake.put({ mediaType: 'application/octet-stream', digest, size }, upload.read())
  } finally {
    await uploads.end(upload)
  }
  catalogue.addBlob(repository, digest)
  stored(exchange, repository, digest)
}

/**
 * Receives a blob whose digest was said before. Where its length was said too, and nobody else is sending it, its bytes go straight to the store.
 */
async function receiveWhole(exchange: Exchange, receiving: Receiving, repository: string, digest: Digest): Promise<void> {
  const { intake, catalogue, uploads, maxBytes } = receiving
  const size = exchange.bodyLength
  if (size !== undefined) {
    if (size > maxBytes) throw new Refusal(413, 'SIZE_INVALID', `the blob is larger than ${maxBytes} bytes`)
    const received = await intake.receive({ mediaType: 'application/octet-stream', digest, size }, () => exchange.body(maxBytes))
    if (received !== undefined) {
      if (received !== digest) throw wrongDigest()
      catalogue.addBlob(repository, digest)
      stored(exchange, repository, digest)
      return
    }
  }
  const upload = await uploads.begin(repository, splitDigest(digest).algorithm)
  try {
    await upload.append(exchange.body(maxBytes))
  } catch (error) {
    await uploads.end(upload)
    throw error
  }
  await keep(exchange, receiving, upload, digest)
}

function wrongDigest(): Refusal {
  return new Refusal(400, 'DIGEST_INVALID', 'the content does not have that digest')
}

function stored(exchange: Exchange, repository: string, digest: Digest): void {
  exchange.empty(201, { Location: `/v2/${repository}/blobs/${digest}`, 'Docker-Content-Digest': digest })
}

function progress(exchange: Exchange, status: number, upload: Upload): void {
  exchange.empty(status, place(upload))
}

/** Where an upload is continued, and which bytes of it are there. Of an empty one the same is said as of one byte: there is no other way. */
function place({ id, repository, size }: Upload): { Location: string; Range: string; 'Docker-Upload-UUID': string } {
  return {
    Location: `/v2/${repository}/blobs/uploads/${id}`,
    Range: `0-${Math.max(0, size - 1)}`,
    'Docker-Upload-UUID': id,
  }
}
