import { BoxError } from '@box/core'
import { isIP } from 'node:net'
import { isLoopbackName, unbracketed } from './addresses.ts'
import { Allowance } from './allowance.ts'

/** The URL of an HTTP proxy, with user information where it wants some, or what gives it for an address (undefined: none). */
export type Proxy = string | ((url: URL) => string | undefined)

/**
 * The proxies of the environment, as they are when this is called: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` and their lower-case forms, which
 * come first. `NO_PROXY` lists host names (with all names below them), `host:port`, addresses and networks, separated by commas; `*` is all.
 */
export function proxyFromEnvironment(environment: NodeJS.ProcessEnv = process.env): (url: URL) => string | undefined {
  const read = (name: string): string => environment[name.toLowerCase()] || environment[name] || ''
  const proxies = new Map([
    ['https:', read('HTTPS_PROXY')],
    ['http:', read('HTTP_PROXY')],
  ])
  const excluded = read('NO_PROXY')
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
  return (url) => (excluded.some((entry) => covers(entry, url)) ? undefined : proxies.get(url.protocol) || undefined)
}

/**
 * The proxy for an address. Addresses of this machine are never asked of a proxy, for which they are another machine.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where the proxy is not the URL of one.
 */
export function proxyFor(proxy: Proxy | undefined, url: URL): string | undefined {
  const given = typeof proxy === 'function' ? proxy(url) : proxy
  if (given === undefined || isLoopbackName(url.hostname)) return undefined
  const text = given.includes('://') ? given : `http://${given}`
  if (URL.canParse(text)) {
    const { protocol, href } = new URL(text)
    if (protocol === 'http:' || protocol === 'https:') return href
  }
  // What was given may hold a password, so it is not shown.
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `the proxy for ${url.host} is not the URL of an HTTP proxy`)
}

function covers(entry: string, url: URL): boolean {
  const host = unbracketed(url.hostname)
  if (entry === '*' || entry === url.host || unbracketed(entry) === host) return true
  if (isIP(host) !== 0) return isNetwork(entry) && new Allowance([entry]).holds(host)
  const suffix = entry.replace(/^\*?\./, '')
  return suffix !== '' && (host === suffix || host.endsWith(`.${suffix}`))
}

function isNetwork(entry: string): boolean {
  const [address = '', bits = ''] = entry.split('/')
  return isIP(address) !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (isIP(address) === 6 ? 128 : 32)
}
