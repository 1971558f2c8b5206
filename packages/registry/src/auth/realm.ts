import { isIP } from 'node:net'
import { unbracketed } from '../egress/addresses.ts'
import type { Home } from '../egress/home.ts'

/**
 * Whether a registry's credentials may be given to the token service that it names: its own host, its own domain (the registry's host name
 * without the first label, and what is below that), or what the caller named. A registry on this machine or in a private network may
 * name its own address with another port.
 */
export function isOwnRealm(home: Home, realm: URL, named: readonly string[]): boolean {
  if (realm.origin === home.origin.origin) return true
  if (named.includes(realm.hostname) || named.includes(realm.host)) return true
  const host = home.origin.hostname
  if (realm.hostname === host) return true
  if (isIP(unbracketed(host)) !== 0) return false
  const parent = host.split('.').slice(1).join('.')
  return parent.includes('.') && (realm.hostname === parent || realm.hostname.endsWith(`.${parent}`))
}
