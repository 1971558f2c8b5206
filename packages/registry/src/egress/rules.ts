import { isIP } from 'node:net'
import { RegistryError } from '../errors.ts'
import { isLoopbackName, unbracketed, zoneOf } from './addresses.ts'
import type { Allowance } from './allowance.ts'
import type { Home } from './home.ts'

export interface EgressRules {
  readonly allow: Allowance
  /** Whether a host (`name`, `name:port`) may be spoken to over plain HTTP. */
  readonly isInsecure: (host: string) => boolean
  /** Whether a registry itself may be on a loopback or private address. */
  readonly privateRegistries: boolean
}

/**
 * Checks a URL before anything is sent: only http(s), no user information, never from https to http, plain HTTP to another origin only
 * where that is this machine as well or was asked for.
 * @throws RegistryError `ERR_BOX_EGRESS_DENIED`.
 */
export function checkUrl(home: Home, url: URL, rules: EgressRules): void {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw denied(home, url, `the scheme ${url.protocol} is not HTTP`)
  if (url.username !== '' || url.password !== '') throw denied(home, url, 'the address carries credentials')
  if (url.protocol === 'https:' || url.origin === home.origin.origin) return
  if (home.origin.protocol === 'https:') throw denied(home, url, 'an HTTPS registry may not lead to plain HTTP')
  const asked = rules.isInsecure(url.host) || rules.isInsecure(url.hostname)
  const bothHere = isLoopbackName(home.origin.hostname) && isLoopbackName(url.hostname)
  if (!asked && !bothHere) throw denied(home, url, 'plain HTTP', 'name the host in the option `insecure` to allow it')
}

/**
 * Whether the address that a request is about to connect to, or is connected to, may serve the URL for this registry.
 * Gives the reason for a refusal.
 */
export function addressRefusal(home: Home, url: URL, address: string, rules: EgressRules): string | undefined {
  const zone = zoneOf(address)
  if (url.origin === home.origin.origin) return homeRefusal(home, address, rules)
  if (zone === 'public' || rules.allow.names(url) || rules.allow.holds(address)) return undefined
  const sharesZone = home.zone === zone && (zone === 'loopback' || zone === 'private')
  return sharesZone ? undefined : `${address} is a ${zone} address`
}

/** The refusal of an address that the URL itself is written with. A name is checked when it is looked up. */
export function literalRefusal(home: Home, url: URL, rules: EgressRules): string | undefined {
  const literal = unbracketed(url.hostname)
  return isIP(literal) === 0 ? undefined : addressRefusal(home, url, literal, rules)
}

function homeRefusal(home: Home, address: string, rules: EgressRules): string | undefined {
  const zone = zoneOf(address)
  if (home.mustBeLoopback && zone !== 'loopback') return `${address} is not on this machine, and plain HTTP was not asked for`
  if (rules.allow.names(home.origin) || rules.allow.holds(address)) return undefined
  if (zone === 'link-local' || zone === 'reserved') return `${address} is a ${zone} address`
  if (zone !== 'public' && !rules.privateRegistries) return `${address} is a ${zone} address`
  if (home.zone === 'public' && zone !== 'public') return `the registry was at a public address before, and ${address} is a ${zone} one`
  return undefined
}

export function denied(home: Home, url: URL, reason: string, hint?: string): RegistryError {
  return new RegistryError('ERR_BOX_EGRESS_DENIED', `${home.registry} leads to ${url.origin}, which is refused: ${reason}`, {
    registry: home.registry,
    hint: hint ?? 'the option `egress.allow` names hosts and networks that are allowed',
  })
}
