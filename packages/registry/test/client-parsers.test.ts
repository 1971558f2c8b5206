import * as fc from 'fast-check'
import { parseChallenges } from '../src/auth/challenge.ts'
import { parseLink } from '../src/client/link.ts'
import { isLoopbackName, zoneOf } from '../src/egress/addresses.ts'
import { harmless } from '../src/http/failure.ts'
import { retryAfterOf } from '../src/http/retry.ts'

const token = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/)
const text = fc.stringMatching(/^[\t\x20-\x7e]{0,30}$/)

function quote(value: string): string {
  return `"${value.replaceAll(/(["\\])/g, String.raw`\$1`)}"`
}

function writeLink([uri, list]: readonly [string, (readonly [string, string])[]], relation: string): string {
  return `<${uri}>${list.map(([name, value]) => `; ${name}=${quote(value)}`).join('')}; rel="${relation}"`
}

describe('WWW-Authenticate', () => {
  test.each([
    ['Basic', [['basic', {}]]],
    ['Basic realm="a b"', [['basic', { realm: 'a b' }]]],
    [
      'Bearer realm="https://auth.example/token",service="registry",scope="repository:a/b:pull,push"',
      [['bearer', { realm: 'https://auth.example/token', service: 'registry', scope: 'repository:a/b:pull,push' }]],
    ],
    [
      'Negotiate a87421000492aa874209af8bc028==, Basic realm=x',
      [
        ['negotiate', {}],
        ['basic', { realm: 'x' }],
      ],
    ],
    [
      'Bearer realm="x", Basic realm="y"',
      [
        ['bearer', { realm: 'x' }],
        ['basic', { realm: 'y' }],
      ],
    ],
    [
      'Basic, Bearer REALM = "x"',
      [
        ['basic', {}],
        ['bearer', { realm: 'x' }],
      ],
    ],
    [',, Basic realm="x",,', [['basic', { realm: 'x' }]]],
    ['Bearer realm="one",realm="two"', [['bearer', { realm: 'one' }]]],
    ['Bearer realm="not closed', [['bearer', {}]]],
    ['', []],
    ['"', []],
  ])('%s is read as the grammar says', (header, expected) => {
    expect(parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])).toEqual(expected)
  })

  test('what was written is what is read', () => {
    const parameters = fc.uniqueArray(fc.tuple(token, text), { minLength: 1, maxLength: 4, selector: ([name]) => name.toLowerCase() })
    fc.assert(
      fc.property(fc.array(fc.tuple(token, parameters), { minLength: 1, maxLength: 3 }), (challenges) => {
        const header = challenges
          .map(([scheme, list]) => `${scheme} ${list.map(([name, value]) => `${name}=${quote(value)}`).join(', ')}`)
          .join(', ')
        const read = parseChallenges(header).map(({ scheme, parameters }) => [scheme, [...parameters]])
        expect(read).toEqual(
          challenges.map(([scheme, list]) => [scheme.toLowerCase(), list.map(([name, value]) => [name.toLowerCase(), value])]),
        )
      }),
    )
  })

  test('any text is read without an exception and in time', () => {
    fc.assert(fc.property(fc.string({ maxLength: 2000 }), (header) => Array.isArray(parseChallenges(header))))
    fc.assert(fc.property(fc.stringMatching(/^[a=", \\]{0,300}$/), (header) => Array.isArray(parseChallenges(header))))
    const start = process.cpuUsage()
    for (const piece of ['"\\', 'a=', ' ,', 'a ', '=', 'a="', 'a/']) parseChallenges(piece.repeat(100_000))
    // What this process took itself, however busy the machine is.
    expect(process.cpuUsage(start).user).toBeLessThan(1_000_000)
  })
})

describe('Link', () => {
  test.each([
    ['</v2/a/tags/list?n=2&last=b>; rel="next"', '/v2/a/tags/list?n=2&last=b'],
    ['<x>; rel=next', 'x'],
    ['<one>; rel=prev, <two>; title="a, \\"b\\""; rel="first next"', 'two'],
    ['<one>; rel="prev"', undefined],
    ['<one>; rel="prev"; rel="next"', undefined],
    ['<one', undefined],
    ['', undefined],
  ])('%s', (header, expected) => {
    expect(parseLink(header, 'next')).toBe(expected)
  })

  test('what was written is what is read', () => {
    const target = fc.stringMatching(/^[A-Za-z0-9/?&=._~%,;-]{0,30}$/)
    const attributes = fc.array(
      fc.tuple(
        token.filter((name) => name.toLowerCase() !== 'rel'),
        text,
      ),
      { maxLength: 3 },
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(target, attributes), { maxLength: 3 }), target, attributes, (others, wanted, own) => {
        const header = [...others.map((other) => writeLink(other, 'prev')), writeLink([wanted, own], 'next')].join(', ')
        expect(parseLink(header, 'next')).toBe(wanted)
      }),
    )
  })

  test('any text is read without an exception and in time', () => {
    fc.assert(fc.property(fc.string({ maxLength: 2000 }), (header) => ['string', 'undefined'].includes(typeof parseLink(header, 'next'))))
    const start = process.cpuUsage()
    for (const piece of ['<', '<>;a="', ';', '<>;', ' ,', '<>; a=\\"']) parseLink(piece.repeat(100_000), 'next')
    // What this process took itself, however busy the machine is.
    expect(process.cpuUsage(start).user).toBeLessThan(1_000_000)
  })
})

describe('addresses', () => {
  test.each([
    ['8.8.8.8', 'public'],
    ['2606:4700::1111', 'public'],
    ['10.1.2.3', 'private'],
    ['172.31.0.1', 'private'],
    ['172.32.0.1', 'public'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fd00::1', 'private'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['::1', 'loopback'],
    ['169.254.169.254', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['0.0.0.0', 'reserved'],
    ['::', 'reserved'],
    ['224.0.0.1', 'reserved'],
    ['255.255.255.255', 'reserved'],
    ['::ffff:169.254.169.254', 'link-local'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:8.8.8.8', 'public'],
    ['::127.0.0.1', 'loopback'],
    ['64:ff9b::a9fe:a9fe', 'link-local'],
    ['64:ff9b::10.0.0.1', 'private'],
    ['2002:7f00:1::1', 'loopback'],
    ['example.org', 'reserved'],
    ['', 'reserved'],
  ])('%s is %s', (address, zone) => {
    expect(zoneOf(address)).toBe(zone)
  })

  test('an IPv4 address is in the same zone however it is written inside IPv6', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const zone = zoneOf(address)
        expect(zoneOf(`::ffff:${address}`)).toBe(zone)
        expect(zoneOf(`64:ff9b::${address}`)).toBe(zone)
      }),
    )
  })

  test('any IPv6 address has a zone', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => expect(['public', 'private', 'loopback', 'link-local', 'reserved']).toContain(zoneOf(address))),
    )
  })

  test.each([
    ['localhost', true],
    ['LOCALHOST', true],
    ['registry.localhost', true],
    ['127.0.0.1', true],
    ['[::1]', true],
    ['localhost.example.com', false],
    ['127.0.0.1.example.com', false],
    ['notlocalhost', false],
    ['registry.local', false],
  ])('%s means this machine: %s', (name, expected) => {
    expect(isLoopbackName(name)).toBe(expected)
  })
})

test.each([
  ['0', 0],
  ['120', 120_000],
  ['Wed, 21 Oct 2026 07:28:10 GMT', 10_000],
  ['Wed, 21 Oct 2026 07:27:00 GMT', 0],
  ['-1', undefined],
  ['soon', undefined],
  [undefined, undefined],
])('Retry-After %s is %s milliseconds', (value, expected) => {
  expect(retryAfterOf(value, Date.parse('2026-10-21T07:28:00Z'))).toBe(expected)
})

test('text of a registry is shown without control characters and credentials', () => {
  const jwt = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl'
  const shown = harmless(`bad\r\n\u001b[31m Bearer abc.def Basic dXNlcjpwYXNz and ${jwt}\u202e`)
  expect(shown).not.toMatch(/abc\.def|dXNlcjpwYXNz|eyJ|[\p{Cc}\p{Cf}]/u)
})
