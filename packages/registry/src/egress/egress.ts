import { BoxError } from '@box/core'
import { Readable } from 'node:stream'
import type { Agent } from 'undici'
import { Allowance } from './allowance.ts'
import { connectorFor, type Certificates } from './connector.ts'
import { homeOf, type Home } from './home.ts'
import { Reply } from './reply.ts'
import { checkUrl, type EgressRules } from './rules.ts'

export interface EgressOptions {
  /**
   * Hosts (`name`, `name:port`), addresses and networks (`10.0.0.0/8`) that a registry may lead to though they are loopback, private or
   * link-local. Default: none; a registry on such an address may lead to addresses of the same kind, link-local ones excepted.
   */
  readonly allow?: readonly string[]
  /** Whether a registry itself may be on a loopback or private address. Default `true`; a service that pulls what strangers name sets `false`. */
  readonly privateRegistries?: boolean
  /**
   * By registry, the hosts of token services that its credentials may be given to. Those of the registry's own host and of the domain that
   * it belongs to (`auth.docker.io` for `registry-1.docker.io`) are allowed without being named.
   */
  readonly realms?: Readonly<Record<string, readonly string[]>>
  /** The time allowed for connecting, in milliseconds. Default 10,000. */
  readonly connectTimeout?: number
  /** The time without any byte after which an answer is given up, in milliseconds. Default 60,000. */
  readonly idleTimeout?: number
}

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
  readonly #agents = new Map<string, Promise<Agent>>()
  readonly #idleTimeout: number
  #closed = false

  constructor(options: EgressOptions, insecure: readonly string[], certificates: Readonly<Record<string, Certificates>>) {
    this.#options = options
    this.#certificates = certificates
    this.#idleTimeout = options.idleTimeout ?? 60_000
    this.#rules = { allow: new Allowance(options.allow), insecure, privateRegistries: options.privateRegistries ?? true }
  }

  /** @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where the name is not a host with an optional port. */
  home(registry: string): Home {
    const known = this.#homes.get(registry)
    if (known !== undefined) return known
    const home = homeOf(registry, { insecure: this.#rules.insecure, withCertificates: Object.keys(this.#certificates) })
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
    const agent = await this.#agent(home)
    const { url, method, headers, body, signal } = request
    const answer = await agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers,
      body: typeof body === 'function' ? Readable.from(body(), { objectMode: false }) : (body ?? null),
      signal: signal ?? null,
      // A registry answers an upload when it has stored it, which for a large blob takes its time.
      headersTimeout: method === 'GET' || method === 'HEAD' ? this.#idleTimeout : Math.max(this.#idleTimeout, longestStoring),
      bodyTimeout: this.#idleTimeout,
    })
    return new Reply(home.registry, url, answer.statusCode, answer.headers, answer.body)
  }

  #agent(home: Home): Promise<Agent> {
    const known = this.#agents.get(home.registry)
    if (known !== undefined) return known
    const made = this.#connect(home)
    this.#agents.set(home.registry, made)
    return made
  }

  async #connect(home: Home): Promise<Agent> {
    const { Agent, buildConnector } = await import('undici')
    const timeout = this.#options.connectTimeout ?? 10_000
    return new Agent({ connect: connectorFor(home, this.#rules, this.#certificates[home.registry], timeout, buildConnector) })
  }

  /** Ends every connection at once. */
  async close(): Promise<void> {
    this.#closed = true
    const agents = [...this.#agents.values()]
    this.#agents.clear()
    await Promise.all(agents.map(async (agent) => await (await agent).destroy()))
  }
}
