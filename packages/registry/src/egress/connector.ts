import { lookup } from 'node:dns'
import type { LookupFunction, Socket } from 'node:net'
import type { buildConnector } from 'undici'
import { zoneOf } from './addresses.ts'
import type { Home } from './home.ts'
import type { ReceiveMemory } from './receive-memory.ts'
import { addressRefusal, denied, literalRefusal, type EgressRules } from './rules.ts'

type Connector = buildConnector.connector
type BuildConnector = (options?: buildConnector.BuildOptions) => Connector

/** Certificates for one registry. PEM text or bytes, as node:tls takes them. */
export interface Certificates {
  /** Authorities that are trusted for this registry, in place of the built-in ones. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[]
  /** The client's certificate. It is shown to this registry's own origin only. */
  readonly cert?: string | Buffer
  readonly key?: string | Buffer
}

/**
 * Connects for one registry. The addresses that a name stands for are checked when they are looked up, and the address that was connected
 * to once more, so that neither a literal address nor a name that changes its meaning leads where it may not.
 */
export function connectorFor(
  home: Home,
  rules: EgressRules,
  certificates: Certificates | undefined,
  timeout: number,
  memory: ReceiveMemory,
  build: BuildConnector,
): Connector {
  const byOrigin = new Map<string, Connector>()
  // It keeps the sessions of TLS, which a further connection goes on with.
  const secureConnector = (url: URL): Connector => {
    const known = byOrigin.get(url.origin)
    if (known !== undefined) return known
    const own = url.origin === home.origin.origin ? tlsOptions(certificates) : {}
    const made = build({ ...own, timeout, lookup: checkedLookup(home, url, rules) })
    byOrigin.set(url.origin, made)
    return made
  }
  return (options, callback) => {
    const url = new URL(`${options.protocol}//${options.host ?? options.hostname}`)
    const refusal = literalRefusal(home, url, rules)
    if (refusal !== undefined) {
      callback(denied(home, url, refusal), null)
      return
    }
    const inlet = url.protocol === 'http:' ? memory.inlet() : undefined
    const connect =
      inlet === undefined ? secureConnector(url) : build({ timeout, lookup: checkedLookup(home, url, rules), onread: inlet.onread })
    connect(options, (...[error, socket]) => {
      if (error !== null) {
        callback(error, null)
        return
      }
      if (inlet !== undefined) inlet.socket = socket
      admit(home, url, rules, socket, callback)
    })
  }
}

function admit(home: Home, url: URL, rules: EgressRules, socket: Socket, callback: buildConnector.Callback): void {
  const address = socket.remoteAddress ?? ''
  const refusal = addressRefusal(home, url, address, rules)
  if (refusal !== undefined) {
    socket.destroy()
    callback(denied(home, url, refusal), null)
    return
  }
  if (url.origin === home.origin.origin) home.zone ??= zoneOf(address)
  callback(null, socket)
}

/** The certificates as node:tls takes them. */
export function tlsOptions(certificates: Certificates | undefined): {
  ca?: (string | Buffer)[]
  cert?: string | Buffer
  key?: string | Buffer
} {
  if (certificates === undefined) return {}
  const { ca, cert, key } = certificates
  return {
    ...(ca === undefined ? {} : { ca: typeof ca === 'string' || Buffer.isBuffer(ca) ? [ca] : [...ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}

/** A name with allowed and refused addresses is reached at the allowed ones; one with none of them is refused. */
function checkedLookup(home: Home, url: URL, rules: EgressRules): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, '')
        return
      }
      const allowed = addresses.filter(({ address }) => addressRefusal(home, url, address, rules) === undefined)
      const [first] = allowed
      if (first === undefined) {
        const reason = addresses.map(({ address }) => addressRefusal(home, url, address, rules)).find((text) => text !== undefined)
        const cause = denied(home, url, reason ?? 'its name stands for no address')
        callback(new Error(cause.message, { cause }), '')
      } else if (options.all === true) callback(null, allowed)
      else callback(null, first.address, first.family)
    })
  }
}
