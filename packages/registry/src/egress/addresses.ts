import { BlockList, isIPv4, isIPv6 } from 'node:net'

/**
 * What kind of place an address is (IANA special-purpose address registries, RFC 6890). `reserved` is what no registry can be at:
 * unspecified, multicast, documentation and future use.
 */
export type Zone = 'public' | 'private' | 'loopback' | 'link-local' | 'reserved'

type Block = readonly [zone: Exclude<Zone, 'public'>, prefix: string, bits: number]

const blocks4: readonly Block[] = [
  ['reserved', '0.0.0.0', 8],
  ['private', '10.0.0.0', 8],
  ['private', '100.64.0.0', 10],
  ['loopback', '127.0.0.0', 8],
  ['link-local', '169.254.0.0', 16],
  ['private', '172.16.0.0', 12],
  ['reserved', '192.0.0.0', 24],
  ['reserved', '192.0.2.0', 24],
  ['private', '192.168.0.0', 16],
  ['private', '198.18.0.0', 15],
  ['reserved', '198.51.100.0', 24],
  ['reserved', '203.0.113.0', 24],
  ['reserved', '224.0.0.0', 4],
  ['reserved', '240.0.0.0', 4],
]

const blocks6: readonly Block[] = [
  ['loopback', '::1', 128],
  ['reserved', '::', 128],
  ['private', '64:ff9b:1::', 48],
  ['reserved', '100::', 64],
  ['reserved', '2001::', 32],
  ['reserved', '2001:db8::', 32],
  ['private', 'fc00::', 7],
  ['link-local', 'fe80::', 10],
  ['private', 'fec0::', 10],
  ['reserved', 'ff00::', 8],
]

/** Prefixes in whose addresses an IPv4 address is embedded, and the group of 16 bits at which it begins (RFC 4291, 6052, 3056). */
const embeddings: readonly (readonly [prefix: readonly number[], at: number])[] = [
  [[0, 0, 0, 0, 0, 0xffff], 6],
  [[0, 0, 0, 0, 0, 0], 6],
  [[0x64, 0xff9b, 0, 0, 0, 0], 6],
  [[0x2002], 1],
]

const lists4 = listsOf(blocks4, 'ipv4')
const lists6 = listsOf(blocks6, 'ipv6')

function listsOf(blocks: readonly Block[], family: 'ipv4' | 'ipv6'): readonly (readonly [Exclude<Zone, 'public'>, BlockList])[] {
  return blocks.map(([zone, prefix, bits]) => {
    const list = new BlockList()
    list.addSubnet(prefix, bits, family)
    return [zone, list]
  })
}

/** The zone of an IP address. What is not an IP address is `reserved`, and so reachable by nobody. */
export function zoneOf(address: string): Zone {
  const bare = address.split('%', 1)[0] ?? ''
  if (isIPv4(bare)) return lists4.find(([, list]) => list.check(bare, 'ipv4'))?.[0] ?? 'public'
  if (!isIPv6(bare)) return 'reserved'
  const own = lists6.find(([, list]) => list.check(bare, 'ipv6'))?.[0]
  if (own !== undefined) return own
  const embedded = embeddedIPv4(bare)
  return embedded === undefined ? 'public' : zoneOf(embedded)
}

function embeddedIPv4(address: string): string | undefined {
  const groups = groupsOf(address)
  const at = embeddings.find(([prefix]) => prefix.every((group, index) => groups[index] === group))?.[1]
  const high = at === undefined ? undefined : groups[at]
  const low = at === undefined ? undefined : groups[at + 1]
  if (high === undefined || low === undefined) return undefined
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** The eight groups of a valid IPv6 address. The URL parser gives its canonical text, with no dotted part. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const first = parseGroups(head)
  if (tail === undefined) return first
  const last = parseGroups(tail)
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last]
}

function parseGroups(part: string): number[] {
  return part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
}

/** Whether a host name can only mean this machine (RFC 6761, 6.3). Anchored: `localhost.example.com` does not. */
export function isLoopbackName(hostname: string): boolean {
  const name = hostname.toLowerCase()
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  return zoneOf(unbracketed(name)) === 'loopback'
}

/** A URL's hostname with the brackets of an IPv6 address removed. */
export function unbracketed(hostname: string): string {
  return hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname
}
