import type { Egress } from '../egress/egress.ts'
import { denied } from '../egress/rules.ts'
import type { Home } from '../egress/home.ts'
import type { Reply } from '../egress/reply.ts'
import { connectionFailure } from '../http/failure.ts'
import { abortable } from '@box/core'
import { parseChallenges, type Challenge } from './challenge.ts'
import { basic, type CredentialProvider, type Credentials } from './credentials.ts'
import { isOwnRealm } from './realm.ts'
import { requestToken, type Token, type TokenService } from './token.ts'

type Method = { readonly kind: 'none' } | { readonly kind: 'basic' } | { readonly kind: 'bearer'; readonly service: TokenService }

/** What a request wants to do: scopes of the token specification, `repository:library/alpine:pull`, and the repository that they are about. */
export interface Access {
  readonly repository: string | undefined
  readonly scopes: readonly string[]
}

/** Knows how one registry wants to be asked, and holds its tokens: one per set of scopes, asked for once however many wait for it. */
export class Authorizer {
  readonly #home: Home
  readonly #egress: Egress
  readonly #provider: CredentialProvider
  readonly #tokens = new Map<string, Promise<Token>>()
  readonly #credentials = new Map<string, Promise<Credentials | undefined>>()
  #method: Method = { kind: 'none' }

  constructor(home: Home, egress: Egress, provider: CredentialProvider) {
    this.#home = home
    this.#egress = egress
    this.#provider = provider
  }

  /** The header for a request, as far as the registry has said what it wants. */
  async authorization(access: Access, signal: AbortSignal | undefined): Promise<string | undefined> {
    const method = this.#method
    if (method.kind === 'none') return undefined
    return method.kind === 'basic' ? await this.#basic(access, signal) : await this.#bearer(method.service, access, signal)
  }

  /**
   * Learns from a 401. Gives true where the request is worth repeating.
   * @param used The header that the refused request was sent with.
   */
  async challenged(reply: Reply, used: string | undefined, access: Access, signal: AbortSignal | undefined): Promise<boolean> {
    const challenges = parseChallenges(reply.header('www-authenticate') ?? '')
    const method = this.#choose(challenges)
    if (method === undefined) return false
    this.#method = method
    if (method.kind === 'bearer') await this.#forget(access, used)
    const now = await this.authorization(access, signal)
    return now !== undefined && now !== used
  }

  #choose(challenges: readonly Challenge[]): Method | undefined {
    const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'))
    const realm = bearer?.parameters.get('realm')
    if (bearer !== undefined && realm !== undefined && URL.canParse(realm, this.#home.origin.href))
      return { kind: 'bearer', service: { realm: new URL(realm, this.#home.origin.href), service: bearer.parameters.get('service') } }
    return challenges.some(({ scheme }) => scheme === 'basic') ? { kind: 'basic' } : undefined
  }

  async #basic(access: Access, signal: AbortSignal | undefined): Promise<string | undefined> {
    const credentials = await abortable(this.#find(access), signal)
    if (credentials === undefined) return undefined
    if ('registryToken' in credentials) return `Bearer ${credentials.registryToken}`
    return 'password' in credentials ? basic(credentials.username, credentials.password) : undefined
  }

  async #bearer(service: TokenService, access: Access, signal: AbortSignal | undefined): Promise<string> {
    const key = access.scopes.join(' ')
    const known = this.#tokens.get(key)
    if (known !== undefined) {
      const token = await abortable(known, signal)
      if (token.expires > Date.now()) return token.authorization
      if (this.#tokens.get(key) === known) this.#tokens.delete(key)
    }
    const asked = this.#tokens.get(key) ?? this.#ask(key, service, access)
    return (await abortable(asked, signal)).authorization
  }

  /** Begins one request for a token. It has no caller's signal: others may be waiting for the same token. */
  #ask(key: string, service: TokenService, access: Access): Promise<Token> {
    const asked = this.#token(service, access)
    this.#tokens.set(key, asked)
    asked.catch(() => {
      if (this.#tokens.get(key) === asked) this.#tokens.delete(key)
    })
    return asked
  }

  async #token(service: TokenService, access: Access): Promise<Token> {
    const credentials = await this.#find(access)
    if (credentials !== undefined && 'registryToken' in credentials)
      return { authorization: `Bearer ${credentials.registryToken}`, expires: Number.POSITIVE_INFINITY }
    if (credentials !== undefined && !isOwnRealm(this.#home, service.realm, this.#egress.realms(this.#home)))
      throw denied(
        this.#home,
        service.realm,
        'it is no token service of its own, and would be given the credentials',
        `where it is to be trusted, name it in the option \`egress.realms\`: { '${this.#home.registry}': ['${service.realm.host}'] }`,
      )
    const send: Parameters<typeof requestToken>[4] = async (request) => {
      try {
        return await this.#egress.send(this.#home, request)
      } catch (thrown) {
        throw connectionFailure(thrown, this.#home.registry, request.url, undefined)
      }
    }
    return await requestToken(this.#home, service, access.scopes, credentials, send)
  }

  /** Drops the token that was refused, unless a newer one is there already. */
  async #forget(access: Access, used: string | undefined): Promise<void> {
    const key = access.scopes.join(' ')
    const held = this.#tokens.get(key)
    if (used === undefined || held === undefined) return
    const token = await held.catch(() => undefined)
    if (token?.authorization === used && this.#tokens.get(key) === held) this.#tokens.delete(key)
  }

  /** Looks for credentials, once for all who need the same. It has no caller's signal: others may be waiting for them. */
  #find(access: Access): Promise<Credentials | undefined> {
    const key = access.repository ?? ''
    const known = this.#credentials.get(key)
    if (known !== undefined) return known
    const found = this.#provider(this.#home.registry, { repository: access.repository })
    this.#credentials.set(key, found)
    found.catch(() => this.#credentials.delete(key))
    return found
  }
}
