import type { Access } from '../auth/authorizer.ts'
import type { Reply } from '../egress/reply.ts'
import type { Exchange, ExchangeRequest } from '../http/exchange.ts'

/** One repository of one registry: what every request about it begins with. */
export class Repository {
  readonly exchange: Exchange
  /** The path inside the registry: `library/alpine`. It has passed the reference grammar, so it is safe as a part of a URL. */
  readonly path: string

  constructor(exchange: Exchange, path: string) {
    this.exchange = exchange
    this.path = path
  }

  get registry(): string {
    return this.exchange.home.registry
  }

  /** The name for messages: `docker.io/library/alpine`. */
  get name(): string {
    return `${this.registry}/${this.path}`
  }

  /** Whether the other one is in the same registry, so that blobs can be mounted from it. */
  isBeside(other: Repository): boolean {
    return this.exchange.home.origin.origin === other.exchange.home.origin.origin && this.path !== other.path
  }

  /** `path` begins after the repository: `manifests/latest`. */
  url(path: string): URL {
    return this.exchange.url(`${this.path}/${path}`)
  }

  access(actions: 'pull' | 'pull,push' | 'delete', from?: Repository): Access {
    const scopes = [`repository:${this.path}:${actions}`, ...(from === undefined ? [] : [`repository:${from.path}:pull`])]
    return { repository: this.path, scopes }
  }

  send(request: ExchangeRequest): Promise<Reply> {
    return this.exchange.send(request)
  }
}
