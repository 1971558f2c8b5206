import { randomBytes } from 'node:crypto'
import { Allowance } from '../../src/egress/allowance.ts'
import { homeOf } from '../../src/egress/home.ts'
import { addressRefusal, checkUrl } from '../../src/egress/rules.ts'
import { Attack, failure } from '../fixtures/attack.ts'
import { Memory } from '../fixtures/memory.ts'

let attack: Attack

beforeEach(async () => {
  attack = await Attack.start()
})

afterEach(async () => await attack.close())

const forbidden = [
  'http://169.254.169.254/latest/meta-data',
  'https://169.254.169.254/',
  'https://[::ffff:169.254.169.254]/',
  'https://[fe80::1]/',
  'https://10.0.0.1/',
  'https://192.168.0.1/',
  'https://[fd00::1]/',
  'https://0.0.0.0/',
  'https://[::]/',
  'http://2852039166/',
  'http://0x7f.1.example/',
  'ftp://127.0.0.1/',
  'file:///etc/passwd',
]

describe('a registry does not lead where it is not itself', () => {
  test.each(forbidden)('by a token service at %s', async (realm) => {
    attack.answer(/./, (_, response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end()
    })
    expect(await failure(attack.client({ auth: {} }).resolve(attack.server.reference('app:v1')))).toMatchObject({
      code: 'ERR_BOX_EGRESS_DENIED',
    })
  })

  test.each(forbidden)('by a redirect to %s', async (location) => {
    attack.answer(/./, (_, response) => {
      response.writeHead(307, { location }).end()
    })
    expect(await failure(attack.client().resolve(attack.server.reference('app:v1')))).toMatchObject({
      code: 'ERR_BOX_EGRESS_DENIED',
      registry: attack.server.host,
    })
  })

  test.each(forbidden)('by the Location of an upload at %s', async (location) => {
    const sink = new Memory()
    attack.server.addImage('app', 'v1', [randomBytes(100)])
    await attack.client().pull(attack.server.reference('app:v1'), sink, { name: 'mine' })
    attack.server.blobs.clear()
    attack.answer(/uploads\/$/, (_, response) => {
      response.writeHead(202, { location }).end()
    })
    const push = attack.client().push(sink, attack.server.reference('app:v2'), { name: 'mine' })
    expect(await failure(push)).toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED' })
  })

  test('and a registry that was at a public address is not followed to a private one', async () => {
    const home = homeOf('registry.example', { isInsecure: () => false, withCertificates: [] })
    const rules = { allow: new Allowance(), isInsecure: () => false, privateRegistries: true }
    expect(addressRefusal(home, home.origin, '10.0.0.1', rules)).toBeUndefined()
    home.zone = 'public'
    expect(addressRefusal(home, home.origin, '10.0.0.1', rules)).toContain('private')
    expect(addressRefusal(home, home.origin, '127.0.0.1', rules)).toContain('loopback')
    expect(addressRefusal(home, home.origin, '8.8.8.8', rules)).toBeUndefined()
    expect(addressRefusal(home, home.origin, '10.0.0.1', { ...rules, allow: new Allowance(['10.0.0.0/8']) })).toBeUndefined()
  })

  test('a registry on a link-local address is refused, and one on this machine where that was said', async () => {
    expect(await failure(attack.client().resolve('169.254.169.254/app:v1'))).toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED' })
    const strict = attack.client({ egress: { privateRegistries: false } })
    expect(await failure(strict.resolve(attack.server.reference('app:v1')))).toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED' })
    expect(attack.server.seen).toHaveLength(0)
  })

  test('an HTTPS registry does not lead to plain HTTP, and only this machine is spoken to over HTTP without being asked', async () => {
    const rules = { allow: new Allowance(), isInsecure: (host: string) => host === 'cdn.example', privateRegistries: true }
    const https = homeOf('registry.example', { isInsecure: () => false, withCertificates: [] })
    for (const url of ['http://registry.example/v2/', 'http://cdn.example/', 'http://localhost/'])
      expect(() => checkUrl(https, new URL(url), rules)).toThrow(expect.objectContaining({ code: 'ERR_BOX_EGRESS_DENIED' }))
    const here = homeOf('localhost:5000', { isInsecure: () => false, withCertificates: [] })
    expect(here.origin.protocol).toBe('http:')
    expect(() => checkUrl(here, new URL('http://evil.example/'), rules)).toThrow(expect.objectContaining({ code: 'ERR_BOX_EGRESS_DENIED' }))
    expect(() => checkUrl(here, new URL('http://cdn.example/'), rules)).not.toThrow()
  })
})
