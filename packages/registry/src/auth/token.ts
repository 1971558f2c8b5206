import type { Egress } from '../egress/egress.ts'
import type { Home } from '../egress/home.ts'
import type { Reply } from '../egress/reply.ts'
import { RegistryError } from '../errors.ts'
import { failureOf } from '../http/failure.ts'
import { basic, type Credentials } from './credentials.ts'

/** Where tokens come from: what a Bearer challenge names (distribution, "Token Authentication Specification"). */
export interface TokenService {
  readonly realm: URL
  readonly service: string | undefined
}

export interface Token {
  /** The value of the `Authorization` header. */
  readonly authorization: string
  /** When it is to be replaced, in milliseconds since the epoch. */
  readonly expires: number
}

/** The most that is read of a token service's answer, in bytes. */
const bodyLimit = 1024 * 1024

/** What a token is good for at the least, and where the answer does not say, in seconds ("Requesting a Token": `expires_in`). */
const shortestLife = 60

type Send = (request: Parameters<Egress['send']>[1]) => Promise<Reply>

/**
 * Asks for a token: by GET, with Basic where there is a password; by POST (OAuth2) with a refresh token, or where the service knows no GET.
 * @throws RegistryError `ERR_BOX_REGISTRY_UNAUTHORIZED`, `ERR_BOX_REGISTRY`, `ERR_BOX_LIMIT`.
 */
export async function requestToken(
  home: Home,
  service: TokenService,
  scopes: readonly string[],
  credentials: Credentials | undefined,
  send: Send,
): Promise<Token> {
  const what = `token for ${scopes.join(' ') || home.registry}`
  const identity = credentials !== undefined && 'identityToken' in credentials
  let reply = identity ? await post(service, scopes, credentials, send) : await get(service, scopes, credentials, send)
  if (reply.status === 404 || reply.status === 405) {
    await reply.discard()
    if (identity) throw await failureOf(await get(service, scopes, undefined, send), what)
    if (credentials !== undefined) reply = await post(service, scopes, credentials, send)
  }
  if (reply.status !== 200) throw await failureOf(reply, what)
  return parseToken(home, await reply.bytes(bodyLimit))
}

function get(service: TokenService, scopes: readonly string[], credentials: Credentials | undefined, send: Send): Promise<Reply> {
  const url = new URL(service.realm)
  if (service.service !== undefined) url.searchParams.set('service', service.service)
  for (const scope of scopes) url.searchParams.append('scope', scope)
  const password = credentials !== undefined && 'password' in credentials
  const authorization = password ? { authorization: basic(credentials.username, credentials.password) } : {}
  return send({ method: 'GET', url, headers: { accept: 'application/json', ...authorization } })
}

function post(service: TokenService, scopes: readonly string[], credentials: Credentials, send: Send): Promise<Reply> {
  const form = new URLSearchParams({ client_id: 'box', access_type: 'online', scope: scopes.join(' ') })
  if (service.service !== undefined) form.set('service', service.service)
  if ('identityToken' in credentials) {
    form.set('grant_type', 'refresh_token')
    form.set('refresh_token', credentials.identityToken)
  } else if ('password' in credentials) {
    form.set('grant_type', 'password')
    form.set('username', credentials.username)
    form.set('password', credentials.password)
  }
  const headers = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' }
  return send({ method: 'POST', url: service.realm, headers, body: Buffer.from(form.toString(), 'utf8') })
}

function parseToken(home: Home, body: Uint8Array): Token {
  const fields = fieldsOf(body)
  const token = fields.get('token') ?? fields.get('access_token')
  // A token goes into a header: what is no visible ASCII would end the header or begin another one.
  if (typeof token !== 'string' || !/^[\x21-\x7e]{1,65536}$/.test(token))
    throw new RegistryError('ERR_BOX_REGISTRY', `the token service of ${home.registry} answered without a token`, {
      registry: home.registry,
    })
  const stated = fields.get('expires_in')
  const life = typeof stated === 'number' ? Math.min(Math.max(stated, shortestLife), 86_400) : shortestLife
  return { authorization: `Bearer ${token}`, expires: Date.now() + life * 900 }
}

function fieldsOf(body: Uint8Array): Map<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    return new Map(typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : [])
  } catch {
    return new Map()
  }
}
