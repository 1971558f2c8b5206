import { createServer, type IncomingMessage, type Server } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { homeOf } from '../../src/egress/home.ts'
import { isOwnRealm } from '../../src/auth/realm.ts'
import { Registry } from '../../src/index.ts'
import { Attack, failure } from '../fixtures/attack.ts'

let attack: Attack

beforeEach(async () => {
  attack = await Attack.start()
})

afterEach(async () => await attack.close())

describe('the credentials of a registry that names a token service', () => {
  let proxy: Server
  /** Where each name leads to. */
  let ports: Map<string, number>
  let registry: Registry

  beforeEach(async () => {
    ports = new Map()
    proxy = createServer().on('connect', tunnel)
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  })

  afterEach(async () => {
    await registry.close()
    proxy.closeAllConnections()
    await new Promise((resolve) => proxy.close(resolve))
  })

  function tunnel(request: IncomingMessage, client: Duplex): void {
    const target = connect({ host: '127.0.0.1', port: ports.get(request.url ?? '') ?? 0 }, () => client.write('HTTP/1.1 200 OK\r\n\r\n'))
    for (const socket of [client, target]) socket.on('error', () => socket.destroy())
    client.pipe(target).pipe(client)
  }

  /** Asks a registry of that name, which leads to a token service of that name. Gives the credentials that this one was given. */
  async function given(host: string, service: string, realms: readonly string[] = []): Promise<string | undefined> {
    ports = new Map([
      [`${host}:80`, attack.server.port],
      [`${service}:80`, attack.victim.port],
    ])
    attack.answer(/./, (_, response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${service}/token"` }).end()
    })
    const bound = proxy.address()
    if (bound === null || typeof bound === 'string') throw new Error('the proxy is not listening')
    registry = new Registry({
      proxy: `http://127.0.0.1:${bound.port}`,
      insecure: [host, service],
      auth: { [host]: { username: 'me', password: attack.password } },
      egress: { realms: { [host]: realms } },
      retry: { attempts: 1 },
    })
    const error = await failure(registry.resolve(`${host}/app:v1`))
    expect(JSON.stringify(error)).not.toContain(attack.password)
    return attack.victim.seen[0]?.headers.authorization
  }

  test.each([
    ['registry.co.uk', 'auth.co.uk'],
    ['foo.github.io', 'evil.github.io'],
    ['registry.example.com', 'auth.example.com'],
    ['a.b.example.com', 'c.b.example.com'],
    ['example.com', 'notexample.com'],
    ['registry.example.com', 'example.com.evil.org'],
  ])('a registry at %s gets none given to %s', async (host, service) => {
    expect(await given(host, service)).toBeUndefined()
    expect(attack.victim.seen).toHaveLength(0)
  })

  test.each([
    ['registry.example.com', 'auth.registry.example.com'],
    ['registry.gitlab.example.com', 'gitlab.example.com'],
    ['registry.digitalocean.com', 'api.digitalocean.com'],
  ])('a registry at %s has its own token service at %s', async (host, service) => {
    expect(await given(host, service)).toMatch(/^Basic /)
  })

  test('and one beside it is given them where the caller has named it', async () => {
    expect(await given('registry.example.com', 'auth.example.com', ['auth.example.com'])).toMatch(/^Basic /)
  })
})

test.each([
  ['docker.io', 'https://auth.docker.io/token', true],
  ['docker.io', 'https://auth.docker.io:8443/token', false],
  ['docker.io', 'https://hub.docker.io/token', false],
  ['registry.gitlab.com', 'https://gitlab.com/jwt/auth', true],
  ['docker.elastic.co', 'https://docker-auth.elastic.co/auth', true],
  ['registry.cn-hangzhou.aliyuncs.com', 'https://dockerauth.cn-hangzhou.aliyuncs.com/auth', true],
  ['registry.cn-hangzhou.aliyuncs.com', 'https://dockerauth.cn-beijing.aliyuncs.com/auth', false],
  ['registry.cn-hangzhou.aliyuncs.com.evil.org', 'https://dockerauth.cn-hangzhou.aliyuncs.com/auth', false],
  ['ghcr.io', 'https://ghcr.io:8443/token', true],
  ['registry.example', 'https://example/token', false],
  ['registry.com.', 'https://com./token', false],
  ['10.0.0.1', 'https://0.0.1/token', false],
  ['10.0.0.1', 'https://10.0.0.2/token', false],
])('of %s the token service %s is its own: %s', (registry, realm, own) => {
  const home = homeOf(registry, { isInsecure: () => false, withCertificates: [] })
  expect(isOwnRealm(home, new URL(realm), [])).toBe(own)
})
