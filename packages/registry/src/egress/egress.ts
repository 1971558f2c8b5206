import { BoxError } from '@box/core'
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { Allowance } from './allowance.ts'
import { connectorFor, tlsOptions, type Certificates } from './connector.ts'
import { dispatch } from './dispatch.ts'
import { homeOf, type Home } from './home.ts'
import { proxyFor, type Proxy } from './proxy.ts'
import { Reply } from './reply.ts'
import { ReceiveMemory } from './receive-memory.ts'
import { checkUrl, denied, literalRefusal, type EgressRules } from './rules.ts'

export interface EgressOptions {
  /**
   * Hosts (`name`, `name:port`), addresses and networks (`10.0.0.0/8`) that a registry may lead to though they are loopback, private or
   * link-local. Default: none; a registry on such an address may lead to addresses of the same kind, link-local ones excepted.
   */
  readonly allow?: readonly string[]
  /** Whether a registry itself may be on a loopback or private address. Default `true`; a service that pulls what strangers name sets `false`. */
  readonly privateRegistries?: boolean
  /**
   * By registry, the hosts of token services that its credentials may be given to. The registry's own host, names below and above it, and the service that is
   * known for it (`auth.docker.io` for `docker.io`) are allowed without being named.
   */
  readonly realms?: Readonly<Record<string, readonly string[]>>
  /** The time allowed for connecting, in milliseconds. Default 10,000. */
  readonly connectTimeout?: number
  /** The time without any byte after which an answer is given up, in milliseconds. Default 60,000. */
  readonly idleTimeout?: number
}

/** How long connecting may take, in milliseconds. */
const defaultConnectTimeout = 10_000

/** How long storing an upload may take before the registry answers, in milliseconds. */
const longestStoring = 300_000

/** A request body that can be made anew, so that a request can be repeated. */
export type RequestBody = Uint8Array | (() => AsyncIterable<Uint8Array>)

export interface EgressRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: RequestBody | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * The one way out: every request that this package makes goes through `send`, which follows nothing by itself. Connections are kept per
 * registry, so that one opened because a caller named a host never serves another registry that leads there.
 */
export class Egress {
  readonly #options: EgressOptions
  readonly #rules: EgressRules
  readonly #certificates: Readonly<Record<string, Certificates>>
  readonly #homes = new Map<string, Home>()
  readonly #dispatchers = new Map<string, Promise<Dispatcher>>()
  readonly #proxy: Proxy | undefined
  readonly #idleTimeout: number
  readonly #memory = new ReceiveMemory()
  #closed = false

  constructor(
    options: EgressOptions,
    isInsecure: (host: string) => boolean,
    certificates: Readonly<Record<string, Certificates>>,
    proxy?: Proxy,
  ) {
    this.#options = options
    this.#proxy = proxy
    this.#certificates = certificates
    this.#idleTimeout = options.idleTimeout ?? 60_000
    this.#rules = { allow: new Allowance(options.allow), isInsecure, privateRegistries: options.privateRegistries ?? true }
  }

  /** @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where the name is not a host with an optional port. */
  home(registry: string): Home {
    const known = this.#homes.get(registry)
    if (known !== undefined) return known
    const home = homeOf(registry, { isInsecure: this.#rules.isInsecure, withCertificates: Object.keys(this.#certificates) })
    this.#homes.set(registry, home)
    return home
  }

  /** Hosts that the registry's credentials may be given to beside its own. */
  realms(home: Home): readonly string[] {
    return this.#options.realms?.[home.registry] ?? []
  }

  /**
   * Sends one request and gives the answer's head, whatever its status; the caller reads or discards the body.
   * @throws RegistryError `ERR_BOX_EGRESS_DENIED`. What the connection failed of is thrown as it is.
   */
  async send(home: Home, request: EgressRequest): Promise<Reply> {
    if (this.#closed) throw new BoxError('ERR_BOX_STATE', 'the registry client is closed')
    checkUrl(home, request.url, this.#rules)
    request.signal?.throwIfAborted()
    const { url, method, headers, body, signal } = request
    const agent = await this.#dispatcher(home, url)
    const answer = await dispatch(
      agent,
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers,
        body: typeof body === 'function' ? Readable.from(body(), { objectMode: false }) : (body ?? null),
        // A registry answers an upload when it has stored it, which for a large blob takes its time.
        headersTimeout: method === 'GET' || method === 'HEAD' ? this.#idleTimeout : Math.max(this.#idleTimeout, longestStoring),
        bodyTimeout: this.#idleTimeout,
      },
      this.#memory,
      signal,
    )
    return new Reply(home.registry, url, answer)
  }

  #dispatcher(home: Home, url: URL): Promise<Dispatcher> {
    const proxy = proxyFor(this.#proxy, url)
    const own = url.origin === home.origin.origin
    const key = `${home.registry} ${proxy === undefined ? '' : `${proxy} ${own}`}`
    const known = this.#dispatchers.get(key)
    // A proxy connects in our place: what can be checked is an address that is written as such.
    const refusal = proxy === undefined ? undefined : literalRefusal(home, url, this.#rules)
    if (refusal !== undefined) throw denied(home, url, refusal)
    if (known !== undefined) return known
    const made = proxy === undefined ? this.#direct(home) : this.#proxied(home, proxy, own)
    this.#dispatchers.set(key, made)
    return made
  }

  async #direct(home: Home): Promise<Dispatcher> {
    const { Agent, buildConnector } = await import('undici')
    const timeout = this.#options.connectTimeout ?? defaultConnectTimeout
    return new Agent({ connect: connectorFor(home, this.#rules, this.#certificates[home.registry], timeout, this.#memory, buildConnector) })
  }

  async #proxied(home: Home, proxy: string, own: boolean): Promise<Dispatcher> {
    const { ProxyAgent } = await import('undici')
    const timeout = this.#options.connectTimeout ?? defaultConnectTimeout
    const requestTls = { ...(own ? tlsOptions(this.#certificates[home.registry]) : {}), timeout }
    return new ProxyAgent({ uri: proxy, requestTls, proxyTls: { timeout } })
  }

  /** Ends every connection at once. */
  async close(): Promise<void> {
    this.#closed = true
    const dispatchers = [...this.#dispatchers.values()]
    this.#dispatchers.clear()
    await Promise.all(dispatchers.map(async (dispatcher) => await (await dispatcher).destroy()))
  }
}
