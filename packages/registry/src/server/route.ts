import type { Digest } from '@box/core'
import { isDigest, isRepository, isTag } from '@box/oci'
import { Refusal } from './refusal.ts'

/** What a request is about. All parts are checked: nothing but a valid repository, tag, digest or session id leaves this file. */
export type Route =
  | { readonly kind: 'base' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'tags'; readonly repository: string }
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: Reference }
  | { readonly kind: 'blob'; readonly repository: string; readonly digest: Digest }
  | { readonly kind: 'uploads'; readonly repository: string }
  | { readonly kind: 'upload'; readonly repository: string; readonly id: string }
  | { readonly kind: 'referrers'; readonly repository: string; readonly digest: Digest }

export type Reference = { readonly tag: string; readonly digest?: undefined } | { readonly digest: Digest; readonly tag?: undefined }

export interface Target {
  readonly route: Route
  readonly query: URLSearchParams
}

const sessionId = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Reads the target of a request line (distribution-spec, "Endpoints"). A repository may have parts named `blobs` or `manifests`, so the
 * path is read from its end.
 */
export function readTarget(url: string): Target {
  const question = url.indexOf('?')
  const path = decodePath(question < 0 ? url : url.slice(0, question))
  const query = new URLSearchParams(question < 0 ? '' : url.slice(question + 1))
  return { route: readPath(path), query }
}

function readPath(path: string): Route {
  if (path === '/v2' || path === '/v2/') return { kind: 'base' }
  if (path === '/v2/_catalog') return { kind: 'catalog' }
  if (!path.startsWith('/v2/')) throw notFound()
  const parts = path.slice('/v2/'.length).split('/')
  const last = parts.at(-1) ?? ''
  const name = (without: number): string => repositoryOf(parts.slice(0, -without).join('/'))
  if (parts.at(-3) === 'blobs' && parts.at(-2) === 'uploads')
    return last === '' ? { kind: 'uploads', repository: name(3) } : { kind: 'upload', repository: name(3), id: sessionOf(last) }
  switch (parts.at(-2)) {
    case 'manifests':
      return { kind: 'manifest', repository: name(2), reference: referenceOf(last) }
    case 'referrers':
      return { kind: 'referrers', repository: name(2), digest: digestOf(last) }
    case 'tags':
      if (last === 'list') return { kind: 'tags', repository: name(2) }
      break
    case 'blobs':
      return last === 'uploads' ? { kind: 'uploads', repository: name(2) } : { kind: 'blob', repository: name(2), digest: digestOf(last) }
  }
  throw notFound()
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw new Refusal(400, 'NAME_INVALID', 'the path is not percent-encoded UTF-8')
  }
}

/** @throws Refusal `NAME_INVALID` */
export function repositoryOf(text: string): string {
  if (isRepository(text)) return text
  throw new Refusal(
    400,
    'NAME_INVALID',
    'the repository must be parts of a-z, 0-9 and single separators, with / between, of at most 255 characters',
  )
}

/** @throws Refusal `DIGEST_INVALID` */
export function digestOf(text: string): Digest {
  if (isDigest(text)) return text
  throw new Refusal(400, 'DIGEST_INVALID', 'the digest must be sha256: and 64, or sha512: and 128 hexadecimal digits in lower case')
}

/** @throws Refusal `MANIFEST_INVALID` */
export function tagOf(text: string): string {
  if (isTag(text)) return text
  throw new Refusal(400, 'MANIFEST_INVALID', 'a tag must be 1 to 128 letters, digits, _, . and -, and not begin with . or -')
}

function referenceOf(text: string): Reference {
  return text.includes(':') ? { digest: digestOf(text) } : { tag: tagOf(text) }
}

function sessionOf(text: string): string {
  if (sessionId.test(text)) return text
  throw new Refusal(404, 'BLOB_UPLOAD_UNKNOWN', 'there is no such upload')
}

function notFound(): Refusal {
  return new Refusal(404, 'UNSUPPORTED', 'the distribution specification has no such endpoint')
}
