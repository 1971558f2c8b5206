import { BoxError } from '@box/core'
import { BlockList, isIP } from 'node:net'
import { unbracketed } from './addresses.ts'

/** What a caller allows beyond the rules: addresses, networks (`10.0.0.0/8`), host names, or hosts with their port. */
export class Allowance {
  readonly #networks = new BlockList()
  readonly #hosts = new Set<string>()

  /** @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for an entry that is neither a network nor a host. */
  constructor(entries: readonly string[] = []) {
    for (const entry of entries) this.#add(entry)
  }

  #add(entry: string): void {
    const [address = '', bits, ...more] = entry.split('/')
    const version = isIP(address)
    if (version === 0 && bits === undefined && /^[\w.[\]:-]+$/.test(entry)) {
      this.#hosts.add(entry.toLowerCase())
      return
    }
    const family = version === 6 ? 'ipv6' : 'ipv4'
    const length = bits === undefined ? (version === 6 ? 128 : 32) : /^\d{1,3}$/.test(bits) ? Number(bits) : -1
    if (version === 0 || more.length > 0 || length < 0 || length > (version === 6 ? 128 : 32))
      throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${JSON.stringify(entry)} is neither a network nor a host`)
    this.#networks.addSubnet(address, length, family)
  }

  /** Whether the URL's host is allowed by its name, wherever it is. */
  names(url: URL): boolean {
    return this.#hosts.has(url.hostname) || this.#hosts.has(url.host) || this.#hosts.has(unbracketed(url.hostname))
  }

  holds(address: string): boolean {
    const version = isIP(address)
    return version !== 0 && this.#networks.check(address, version === 6 ? 'ipv6' : 'ipv4')
  }
}
