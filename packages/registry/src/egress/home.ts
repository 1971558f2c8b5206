import { BoxError } from '@box/core'
import { isLoopbackName, type Zone } from './addresses.ts'

/** Where a registry is: the origin that its references lead to, and what was learned of the place by connecting to it. */
export interface Home {
  /** The registry as references name it: `docker.io`, `localhost:5000`. */
  readonly registry: string
  /** Scheme, host and port of its API. */
  readonly origin: URL
  /** Plain HTTP was not asked for but taken because the name means this machine: then nothing but loopback may answer. */
  readonly mustBeLoopback: boolean
  /** The zone of the address that it first answered from. */
  zone: Zone | undefined
}

export interface HomeOptions {
  /** Whether a registry (`host` or `host:port`) is spoken to over plain HTTP. */
  readonly isInsecure: (host: string) => boolean
  /** Registries that have certificates of their own, and so are spoken to over TLS even on this machine. */
  readonly withCertificates: readonly string[]
}

/** The API of Docker Hub is on another host than its references name (distribution/reference, "docker.io"). */
const apiHosts: ReadonlyMap<string, string> = new Map([
  ['docker.io', 'registry-1.docker.io'],
  ['index.docker.io', 'registry-1.docker.io'],
])

/**
 * The home of a registry: HTTPS, unless plain HTTP was asked for or its name means this machine.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where the name is not a host with an optional port.
 */
export function homeOf(registry: string, options: HomeOptions): Home {
  const host = apiHosts.get(registry) ?? registry
  const probe = parse(`https://${host}/`, registry)
  const loopback = isLoopbackName(probe.hostname) && !options.withCertificates.includes(registry)
  const insecure = options.isInsecure(registry)
  const origin = parse(`${insecure || loopback ? 'http' : 'https'}://${host}/`, registry)
  return { registry, origin, mustBeLoopback: loopback && !insecure, zone: undefined }
}

function parse(text: string, registry: string): URL {
  if (/^[\w.:[\]-]+$/.test(registry) && URL.canParse(text)) {
    const url = new URL(text)
    if (url.pathname === '/' && url.username === '' && url.password === '') return url
  }
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${JSON.stringify(registry)} is not a registry's host name`)
}
