import dns from 'node:dns'
import { connect } from 'node:net'
import { connectorFor } from '../../src/egress/connector.ts'
import { Allowance } from '../../src/egress/allowance.ts'
import { ReceiveMemory } from '../../src/egress/receive-memory.ts'
import { homeOf } from '../../src/egress/home.ts'
import { Attack, failure, manifestType } from '../fixtures/attack.ts'
import { Memory } from '../fixtures/memory.ts'
import { sha256 } from '../fixtures/registry.ts'

let attack: Attack
/** What the attacker's name server says. */
const addresses = new Map<string, readonly string[]>()

beforeEach(async () => {
  attack = await Attack.start()
  addresses.clear()
  jest.spyOn(dns, 'lookup').mockImplementation((hostname: string, _: unknown, callback?: LookupAll) => {
    const found = addresses.get(hostname)
    if (found === undefined) callback?.(Object.assign(new Error(`no ${hostname}`), { code: 'ENOTFOUND' }), [])
    else
      callback?.(
        null,
        found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      )
  })
})

afterEach(async () => {
  jest.restoreAllMocks()
  await attack.close()
})

type LookupAll = (error: NodeJS.ErrnoException | null, addresses: dns.LookupAddress[]) => void

const metadata = 'metadata.evil.example'

/** Ways in which a registry leads to an address, each with what follows it. */
const ways: readonly (readonly [string, (url: string) => Promise<unknown>])[] = [
  [
    'by a token service',
    async (url) => {
      attack.answer(/./, (_, response) => void response.writeHead(401, { 'www-authenticate': `Bearer realm="${url}"` }).end())
      return await attack.client({ auth: {} }).resolve(attack.server.reference('app:v1'))
    },
  ],
  [
    'by a redirect',
    async (url) => {
      attack.answer(/./, (_, response) => void response.writeHead(307, { location: url }).end())
      return await attack.client().resolve(attack.server.reference('app:v1'))
    },
  ],
  [
    'by the Location of an upload',
    async (url) => {
      const sink = new Memory()
      attack.server.addImage('app', 'v1', [Buffer.from('layer')])
      await attack.client().pull(attack.server.reference('app:v1'), sink, { name: 'mine' })
      attack.server.blobs.clear()
      attack.answer(/uploads\/$/, (_, response) => void response.writeHead(202, { location: url }).end())
      return await attack.client().push(sink, attack.server.reference('app:v2'), { name: 'mine' })
    },
  ],
  [
    "by a layer's own address",
    async (url) => {
      const layers = [{ ...attack.server.addBlob(Buffer.from('layer')), urls: [url] }]
      const config = attack.server.addBlob(Buffer.from('{}'))
      attack.server.addManifest('app', 'v1', { schemaVersion: 2, mediaType: manifestType, config, layers }, manifestType)
      attack.server.blobs.delete(sha256(Buffer.from('layer')))
      return await attack.client().pull(attack.server.reference('app:v1'), new Memory(), { foreignLayers: true })
    },
  ],
]

describe('a name leads no further than the address that it stands for', () => {
  test.each(ways)('when it leads there %s', async (_, follow) => {
    addresses.set(metadata, ['169.254.169.254'])
    expect(await failure(follow(`https://${metadata}/`))).toMatchObject({
      code: 'ERR_BOX_EGRESS_DENIED',
      message: expect.stringContaining('169.254.169.254 is a link-local address'),
    })
    // The same name bites where it stands for an address that is allowed: the victim is connected to, and only TLS fails.
    addresses.set(metadata, ['127.0.0.1'])
    expect(await failure(follow(`https://${metadata}:${attack.victim.port}/`))).toMatchObject({ code: 'ERR_BOX_REGISTRY_UNREACHABLE' })
  })

  test.each(['::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '64:ff9b::a9fe:a9fe', '0.0.0.0', '::', '10.0.0.1', 'fd00::1', 'fe80::1%eth0'])(
    'also where that is written as %s',
    async (address) => {
      addresses.set(metadata, [address])
      attack.answer(/./, (_, response) => void response.writeHead(307, { location: `https://${metadata}/` }).end())
      expect(await failure(attack.client().resolve(attack.server.reference('app:v1')))).toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED' })
    },
  )

  test('a name with refused and allowed addresses is reached at the allowed ones only', async () => {
    addresses.set('both.evil.example', ['169.254.169.254', '127.0.0.1'])
    const both = `both.evil.example:${attack.victim.port}`
    attack.victim.addImage('app', 'v1', [])
    attack.answer(/./, (request, response) => void response.writeHead(307, { location: `http://${both}${request.url ?? ''}` }).end())
    await attack.client({ insecure: [both] }).resolve(attack.server.reference('app:v1'))
    expect(attack.victim.seen).toHaveLength(1)
  })

  test('each redirect is looked up anew: a name that was good once may lead nowhere the next time', async () => {
    const rebinding = `rebinding.evil.example:${attack.server.port}`
    addresses.set('rebinding.evil.example', ['127.0.0.1'])
    attack.server.addImage('app', 'v1', [])
    const client = attack.client({ insecure: [rebinding] })
    await client.resolve(`${rebinding}/app:v1`)
    addresses.set('rebinding.evil.example', ['169.254.169.254'])
    attack.answer(/./, (_, response) => void response.writeHead(307, { location: 'https://rebinding.evil.example/' }).end())
    expect(await failure(client.resolve(`${rebinding}/app:v1`))).toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED' })
  })

  test('the address that was connected to is checked once more, whatever the name stood for', async () => {
    const home = homeOf('registry.example', { isInsecure: () => false, withCertificates: [] })
    home.zone = 'public'
    const rules = { allow: new Allowance(), isInsecure: () => false, privateRegistries: true }
    const sockets = [home.origin, new URL('https://cdn.example/')].map(async (url) => {
      // A connection that is elsewhere than the lookup said: it is there, and is ended before a byte is sent.
      const socket = connect(attack.victim.port, '127.0.0.1')
      await new Promise((resolve) => socket.once('connect', resolve))
      const connector = connectorFor(home, rules, undefined, 1000, new ReceiveMemory(), () => (_, callback) => callback(null, socket))
      const outcome = await new Promise((resolve) =>
        connector({ hostname: url.hostname, host: url.host, protocol: url.protocol, port: '443' }, (...[error]) => resolve(error)),
      )
      expect(outcome).toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED', message: expect.stringContaining('loopback') })
      expect(socket.destroyed).toBe(true)
    })
    await Promise.all(sockets)
  })
})

describe('a name that only looks like this machine is spoken to over TLS', () => {
  test.each(['localhost.evil.example', '127.0.0.1.evil.example', 'registry.local'])('such as %s', async (name) => {
    addresses.set(name, ['127.0.0.1'])
    attack.victim.addImage('app', 'v1', [])
    const reference = `${name}:${attack.victim.port}/app:v1`
    expect(await failure(attack.client().resolve(reference))).toMatchObject({ code: 'ERR_BOX_REGISTRY_UNREACHABLE' })
    expect(attack.victim.seen).toHaveLength(0)
    // Over plain HTTP it would have been answered.
    await attack.client({ insecure: [`${name}:${attack.victim.port}`] }).resolve(reference)
    expect(attack.victim.seen).toHaveLength(1)
  })

  test('and localhost must be this machine where it is spoken to over plain HTTP without being asked', async () => {
    addresses.set('localhost', ['10.0.0.1'])
    expect(await failure(attack.client().resolve(`localhost:${attack.server.port}/app:v1`))).toMatchObject({
      code: 'ERR_BOX_EGRESS_DENIED',
      message: expect.stringContaining('not on this machine'),
    })
  })
})
