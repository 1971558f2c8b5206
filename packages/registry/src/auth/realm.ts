import { isIP } from 'node:net'
import { unbracketed } from '../egress/addresses.ts'
import type { Home } from '../egress/home.ts'

/**
 * Token services that well-known registries have beside themselves, not above or below. Two names below one domain may be two strangers' (`a.github.io` and
 * `b.github.io`, `registry.co.uk` and `auth.co.uk`), and which domains are like that no list knows for all times: so a pair stands here or is named by the caller.
 */
const pairs: readonly (readonly [registry: RegExp, service: string])[] = [
  [/^registry-1\.docker\.io$/, 'auth.docker.io'],
  [/^registry\.digitalocean\.com$/, 'api.digitalocean.com'],
  [/^docker\.elastic\.co$/, 'docker-auth.elastic.co'],
  [/^registry\.([a-z0-9-]+)\.aliyuncs\.com$/, 'dockerauth.$1.aliyuncs.com'],
]

/**
 * Whether a registry's credentials may be given to the token service that it names. It may be on the registry's own host; below that name, or at a name above it, since
 * who has a domain decides what is below it; at the place that is known for that registry; or at one that the caller named.
 */
export function isOwnRealm(home: Home, realm: URL, named: readonly string[]): boolean {
  if (realm.origin === home.origin.origin) return true
  if (named.includes(realm.hostname) || named.includes(realm.host)) return true
  const registry = home.origin.hostname
  const service = realm.hostname
  if (service === registry) return true
  if (isIP(unbracketed(registry)) !== 0) return false
  if (isBelow(service, registry) || (isDomain(service) && isBelow(registry, service))) return true
  return realm.port === '' && pairs.some(([host, beside]) => host.test(registry) && service === registry.replace(host, beside))
}

function isBelow(name: string, domain: string): boolean {
  return name.endsWith(`.${domain}`)
}

/** A name of one label (`com`) is nobody's host. */
function isDomain(name: string): boolean {
  return /[^.]\.[^.]/.test(name)
}
