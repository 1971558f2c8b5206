import type { Access, Authorizer } from '../auth/authorizer.ts'
import type { Egress, EgressRequest } from '../egress/egress.ts'
import type { Home } from '../egress/home.ts'
import type { Reply } from '../egress/reply.ts'
import { RegistryError } from '../errors.ts'
import { connectionFailure } from './failure.ts'
import { isTransient, retryAfterOf, type RetryPolicy } from './retry.ts'

export interface ExchangeRequest extends Omit<EgressRequest, 'headers'> {
  readonly headers?: Readonly<Record<string, string>>
  readonly access: Access
  /** Whether a transient failure is worth the same request again. Default `true`. A caller that recovers in another way says `false`. */
  readonly retry?: boolean
}

/** An answer, and its body where that was read. */
export interface Received {
  readonly reply: Reply
  readonly body: Uint8Array
}

const nothing = new Uint8Array()

/** The most redirects that are followed for one request. */
const redirectLimit = 6

/** Speaks to one registry: authorises, follows redirects and repeats what failed for the moment. */
export class Exchange {
  readonly home: Home
  readonly #egress: Egress
  readonly #authorizer: Authorizer
  readonly #retry: RetryPolicy
  /** By the clock of `performance.now()`. */
  #quietUntil = 0

  constructor(home: Home, egress: Egress, authorizer: Authorizer, retry: RetryPolicy) {
    this.home = home
    this.#egress = egress
    this.#authorizer = authorizer
    this.#retry = retry
  }

  /** How often and after what wait something is tried again. */
  get retry(): RetryPolicy {
    return this.#retry
  }

  /** An address of the registry's API. `path` begins after `/v2/`. */
  url(path: string): URL {
    return new URL(`/v2/${path}`, this.home.origin)
  }

  /**
   * Sends the request and gives the answer, whatever its status.
   * @throws RegistryError `ERR_BOX_EGRESS_DENIED`, `ERR_BOX_REGISTRY_UNREACHABLE`; the reason of an aborted signal.
   */
  async send(request: ExchangeRequest): Promise<Reply> {
    return (await this.#repeated(request, undefined)).reply
  }

  /**
   * As `send`, and gives the whole body where the status is 200, of at most `limit` bytes. One that breaks off is asked for again.
   * @throws RegistryError `ERR_BOX_LIMIT`; as for `send`.
   */
  async read(request: ExchangeRequest, limit: number): Promise<Received> {
    return await this.#repeated(request, limit)
  }

  async #repeated(request: ExchangeRequest, limit: number | undefined): Promise<Received> {
    const { signal, retry = true } = request
    for (let attempt = 1; ; attempt += 1) {
      await this.#quiet(signal)
      const outcome = await this.#try(request, limit)
      if ('failure' in outcome) {
        const { failure } = outcome
        const again = retry && isPassing(failure) && (await this.#retry.wait(attempt, failure.retryAfter, signal))
        if (!again) throw failure
      } else {
        const { reply } = outcome
        const retryAfter = retryAfterOf(reply.header('retry-after'))
        if (reply.status === 429) this.#keepQuiet(retryAfter)
        if (!retry || !isTransient(reply.status)) return outcome
        if (!(await this.#retry.wait(attempt, retryAfter, signal))) return outcome
        await reply.discard()
      }
    }
  }

  /** A registry that was asked too often is asked nothing until it has said: by nobody, not only by who was told. */
  #keepQuiet(retryAfter: number | undefined): void {
    if (retryAfter !== undefined && this.#retry.bears(retryAfter))
      this.#quietUntil = Math.max(this.#quietUntil, performance.now() + retryAfter)
  }

  async #quiet(signal: AbortSignal | undefined): Promise<void> {
    for (let left = this.#quietUntil - performance.now(); left > 0; left = this.#quietUntil - performance.now())
      await this.#retry.sleep(left, signal)
  }

  async #try(request: ExchangeRequest, limit: number | undefined): Promise<Received | { readonly failure: unknown }> {
    try {
      const reply = await this.#authorized(request)
      return { reply, body: limit !== undefined && reply.status === 200 ? await reply.bytes(limit) : nothing }
    } catch (thrown) {
      return { failure: connectionFailure(thrown, this.home.registry, request.url, request.signal) }
    }
  }

  /** A 401 is answered twice at most: once to learn what the registry wants, once where a token ended before its time. */
  async #authorized(request: ExchangeRequest): Promise<Reply> {
    for (let challenges = 0; ; challenges += 1) {
      const authorization = await this.#authorizer.authorization(request.access, request.signal)
      const reply = await this.#redirected(request, authorization)
      if (reply.status !== 401 || reply.url.origin !== this.home.origin.origin || challenges === 2) return reply
      if (!(await this.#authorizer.challenged(reply, authorization, request.access, request.signal))) return reply
      await reply.discard()
    }
  }

  /** Sends a request to an address that a document names, without credentials, and follows its redirects. It is not repeated. */
  async anonymously(request: Omit<ExchangeRequest, 'access'>): Promise<Reply> {
    try {
      return await this.#redirected(request, undefined)
    } catch (thrown) {
      throw connectionFailure(thrown, this.home.registry, request.url, request.signal)
    }
  }

  async #redirected(request: Omit<ExchangeRequest, 'access'>, authorization: string | undefined): Promise<Reply> {
    let { url } = request
    // Credentials are for the registry's own origin, and for addresses that it named itself: a redirect that comes back from elsewhere gets none.
    let own = true
    for (let redirects = 0; redirects <= redirectLimit; redirects += 1) {
      own &&= url.origin === this.home.origin.origin
      const credentials = own && authorization !== undefined ? { authorization } : {}
      const { method, body, signal } = request
      const reply = await this.#egress.send(this.home, { method, url, body, signal, headers: { ...request.headers, ...credentials } })
      const next = redirectOf(reply, method)
      if (next === undefined) return reply
      await reply.discard()
      url = next
    }
    throw new RegistryError('ERR_BOX_REGISTRY', `${this.home.registry} redirects more than ${redirectLimit} times`, {
      registry: this.home.registry,
    })
  }
}

/** Where an answer redirects to. A request with a body is repeated elsewhere only where the status says so (RFC 9110, 15.4). */
function redirectOf(reply: Reply, method: EgressRequest['method']): URL | undefined {
  const kept = reply.status === 307 || reply.status === 308
  const moved = reply.status === 301 || reply.status === 302 || reply.status === 303
  if (!kept && !(moved && (method === 'GET' || method === 'HEAD'))) return undefined
  return locationOf(reply)
}

/** The `Location` of an answer, resolved against where the answer came from. */
export function locationOf(reply: Reply): URL | undefined {
  const location = reply.header('location')
  return location !== undefined && URL.canParse(location, reply.url.href) ? new URL(location, reply.url.href) : undefined
}

function isPassing(failure: unknown): failure is RegistryError {
  if (!(failure instanceof RegistryError)) return false
  return failure.code === 'ERR_BOX_REGISTRY_UNREACHABLE' || (failure.status !== undefined && isTransient(failure.status))
}
