import type { IncomingHttpHeaders } from 'node:http'

/** What a request is about to do. A mount also asks for `pull` on the repository that it takes the blob from. */
export interface AccessRequest {
  readonly action: 'ping' | 'catalog' | 'pull' | 'push' | 'delete'
  /** Undefined for `ping` and `catalog`. */
  readonly repository: string | undefined
  readonly method: string
  readonly headers: IncomingHttpHeaders
  /** What the header `Authorization: Basic …` says (RFC 7617). */
  readonly credentials: BasicCredentials | undefined
  readonly remoteAddress: string | undefined
}

export interface BasicCredentials {
  readonly username: string
  readonly password: string
}

/** `challenge` asks for (other) credentials, 401; `deny` is final, 403. */
export type Verdict = 'allow' | 'deny' | 'challenge'

/** Decides about every request before anything of it is looked at. It may throw: the answer is then 500. */
export type Authorize = (request: AccessRequest) => Verdict | Promise<Verdict>

/**
 * An `Authorize` for which a user's name and password open everything. Serve with TLS: Basic credentials are as good as plain text.
 * @param check Says whether the password is that user's; compare with crypto.timingSafeEqual or a password hash.
 */
export function basicAuth(check: (username: string, password: string) => boolean | Promise<boolean>): Authorize {
  return async ({ credentials }) => {
    if (credentials === undefined) return 'challenge'
    return (await check(credentials.username, credentials.password)) ? 'allow' : 'challenge'
  }
}

/** Reads an `Authorization` header (RFC 7617). Undefined where it holds no Basic credentials. */
export function basicCredentials(header: string | undefined): BasicCredentials | undefined {
  const encoded = /^basic[ ]+([A-Za-z0-9+/]+={0,2})[ ]*$/i.exec(header ?? '')?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) }
}
