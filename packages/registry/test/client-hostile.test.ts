import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Registry, RegistryError, type RegistryOptions } from '../src/index.ts'
import { Memory } from './fixtures/memory.ts'
import { sha256, TestRegistry } from './fixtures/registry.ts'

const retry = { attempts: 2, delay: 1, maxDelay: 5 }
const secret = 'hunter2-secret'
const manifestType = 'application/vnd.oci.image.manifest.v1+json'
let server: TestRegistry
/** Where an attacker would like requests to go. It is on this machine too, at another port. */
let victim: TestRegistry
const clients: Registry[] = []

beforeEach(async () => {
  server = await TestRegistry.start()
  victim = await TestRegistry.start()
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (registry) => await registry.close()))
  await Promise.all([server.close(), victim.close()])
})

function client(options: RegistryOptions = {}): Registry {
  const registry = new Registry({ retry, auth: { [server.host]: { username: 'me', password: secret } }, ...options })
  clients.push(registry)
  return registry
}

function answer(pattern: RegExp, respond: (request: IncomingMessage, response: ServerResponse) => void): void {
  server.intercept = (request, response) => {
    if (!pattern.test(request.url ?? '')) return false
    respond(request, response)
    return true
  }
}

async function failure(work: PromiseLike<unknown>): Promise<unknown> {
  try {
    await work
  } catch (thrown) {
    return thrown
  }
  throw new Error('it did not fail')
}

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
    answer(/./, (_, response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end()
    })
    expect(await failure(client({ auth: {} }).resolve(server.reference('app:v1')))).toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED' })
  })

  test.each(forbidden)('by a redirect to %s', async (location) => {
    answer(/./, (_, response) => {
      response.writeHead(307, { location }).end()
    })
    expect(await failure(client().resolve(server.reference('app:v1')))).toMatchObject({
      code: 'ERR_BOX_EGRESS_DENIED',
      registry: server.host,
    })
  })

  test.each(forbidden)('by the Location of an upload at %s', async (location) => {
    const sink = new Memory()
    server.addImage('app', 'v1', [randomBytes(100)])
    await client().pull(server.reference('app:v1'), sink, { name: 'mine' })
    server.blobs.clear()
    answer(/uploads\/$/, (_, response) => {
      response.writeHead(202, { location }).end()
    })
    const push = client().push(sink, server.reference('app:v2'), { name: 'mine' })
    expect(await failure(push)).toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED' })
  })

  test('by a name that stands for such an address: the address connected to counts, not the name', async () => {
    const url = `https://localhost:${victim.port}/`
    // The attack bites where it was allowed: the connection is made, and only TLS fails.
    answer(/./, (_, response) => {
      response.writeHead(307, { location: url }).end()
    })
    const open = await failure(client().resolve(server.reference('app:v1')))
    expect(open).toMatchObject({ code: 'ERR_BOX_REGISTRY_UNREACHABLE' })
    // The same from a registry that is elsewhere.
    const { Egress } = await import('../src/egress/egress.ts')
    const { connectionFailure } = await import('../src/http/failure.ts')
    const egress = new Egress({}, () => false, {})
    const home = egress.home('registry.example')
    home.zone = 'public'
    const target = new URL(url)
    const denied = await failure(
      egress.send(home, { method: 'GET', url: target, headers: {} }).catch((thrown: unknown) => {
        throw connectionFailure(thrown, 'registry.example', target, undefined)
      }),
    )
    await egress.close()
    expect(denied).toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED', message: expect.stringContaining('loopback') })
  })

  test('and one that was at a public address is not followed to a private one', async () => {
    const { addressRefusal } = await import('../src/egress/rules.ts')
    const { Allowance } = await import('../src/egress/allowance.ts')
    const { homeOf } = await import('../src/egress/home.ts')
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
    expect(await failure(client().resolve('169.254.169.254/app:v1'))).toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED' })
    const strict = client({ egress: { privateRegistries: false } })
    expect(await failure(strict.resolve(server.reference('app:v1')))).toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED' })
    expect(server.seen).toHaveLength(0)
  })

  test('an HTTPS registry does not lead to plain HTTP, and only this machine is spoken to over HTTP without being asked', async () => {
    const { checkUrl } = await import('../src/egress/rules.ts')
    const { Allowance } = await import('../src/egress/allowance.ts')
    const { homeOf } = await import('../src/egress/home.ts')
    const rules = { allow: new Allowance(), isInsecure: (host: string) => host === 'cdn.example', privateRegistries: true }
    const https = homeOf('registry.example', { isInsecure: () => false, withCertificates: [] })
    for (const url of ['http://registry.example/v2/', 'http://cdn.example/', 'http://localhost/'])
      expect(() => checkUrl(https, new URL(url), rules)).toThrow(expect.objectContaining({ code: 'ERR_BOX_EGRESS_DENIED' }))
    for (const name of ['localhost.evil.example', '127.0.0.1.evil.example', 'registry.local'])
      expect(homeOf(name, { isInsecure: () => false, withCertificates: [] }).origin.protocol).toBe('https:')
    const here = homeOf('localhost:5000', { isInsecure: () => false, withCertificates: [] })
    expect(here.origin.protocol).toBe('http:')
    expect(() => checkUrl(here, new URL('http://evil.example/'), rules)).toThrow(expect.objectContaining({ code: 'ERR_BOX_EGRESS_DENIED' }))
    expect(() => checkUrl(here, new URL('http://cdn.example/'), rules)).not.toThrow()
  })
})

describe('credentials stay with the registry that they are for', () => {
  beforeEach(() => {
    server.addImage('app', 'v1', [randomBytes(1000)])
    for (const [digest, bytes] of server.blobs) victim.blobs.set(digest, bytes)
  })

  function basicAnd(respond: (request: IncomingMessage, response: ServerResponse) => boolean): void {
    server.intercept = (request, response) => {
      if (request.headers.authorization !== undefined) return respond(request, response)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      return true
    }
  }

  test('a redirect to another origin carries none, and a challenge from there is not answered', async () => {
    basicAnd((request, response) => {
      if (!(request.url ?? '').includes('/blobs/')) return false
      response.writeHead(307, { location: `http://${victim.host}${request.url ?? ''}` }).end()
      return true
    })
    await client().pull(server.reference('app:v1'), new Memory())
    expect(victim.seen.length).toBeGreaterThan(0)
    expect(victim.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true)
    victim.intercept = (_, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      return true
    }
    const error = await failure(client().pull(server.reference('app:v1'), new Memory()))
    expect(error).toMatchObject({ code: 'ERR_BOX_REGISTRY_UNAUTHORIZED' })
    expect(victim.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true)
  })

  test('a redirect that comes back from another origin carries none', async () => {
    basicAnd((request, response) => {
      if (!(request.url ?? '').includes('/blobs/')) return false
      response.writeHead(307, { location: `http://${victim.host}/back` }).end()
      return true
    })
    victim.intercept = (_, response) => {
      response.writeHead(307, { location: `http://${server.host}/v2/private/manifests/v1` }).end()
      return true
    }
    await failure(client().pull(server.reference('app:v1'), new Memory()))
    const returned = server.seen.filter(({ url }) => url.includes('private'))
    expect(returned.length).toBeGreaterThan(0)
    expect(returned.every(({ headers }) => headers.authorization === undefined)).toBe(true)
  })

  test('an upload that is to go to another origin carries none', async () => {
    const sink = new Memory()
    await client().pull(server.reference('app:v1'), sink, { name: 'mine' })
    server.blobs.clear()
    victim.uploads.set('stolen', { chunks: [], size: 0 })
    basicAnd((request, response) => {
      if (!(request.url ?? '').endsWith('/uploads/')) return false
      response.writeHead(202, { location: `http://${victim.host}/v2/x/blobs/uploads/stolen` }).end()
      return true
    })
    await failure(client().push(sink, server.reference('app:v2'), { name: 'mine' }))
    expect(victim.count('PUT', /stolen/)).toBeGreaterThan(0)
    expect(victim.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true)
  })

  test("a token service that is not the registry's own is not given them, unless it was named", async () => {
    const realm = `http://localhost:${victim.port}/token`
    answer(/./, (_, response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end()
    })
    const error = await failure(client().resolve(server.reference('app:v1')))
    expect(error).toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED', hint: expect.stringContaining('egress.realms') })
    expect(victim.seen).toHaveLength(0)
    await failure(client({ egress: { realms: { [server.host]: ['localhost'] } } }).resolve(server.reference('app:v1')))
    expect(victim.seen[0]?.headers.authorization).toMatch(/^Basic /)
  })

  test('a page of a list on another origin is not asked for, and pages without an end are given up', async () => {
    const links = [`<http://${victim.host}/v2/app/tags/list>; rel="next"`, '</v2/app/tags/list>; rel="next"']
    for (const link of links) {
      answer(/tags/, (_, response) => {
        response.writeHead(200, { link }).end('{"name":"app","tags":["a"]}')
      })
      const list = async (): Promise<void> => {
        for await (const tag of client().tags(server.reference('app'))) expect(tag).toBe('a')
      }
      expect(await failure(list())).toMatchObject({ code: 'ERR_BOX_REGISTRY' })
    }
    expect(victim.seen).toHaveLength(0)
  })

  test('a layer with addresses of its own is asked of the registry only', async () => {
    const layer = server.addBlob(randomBytes(10))
    const config = server.addBlob(Buffer.from('{}'))
    const foreign = { ...layer, urls: [`http://${victim.host}/layer`] }
    server.addManifest('app', 'v2', { schemaVersion: 2, mediaType: manifestType, config, layers: [foreign] }, manifestType)
    server.blobs.delete(layer.digest)
    expect(await failure(client().pull(server.reference('app:v2'), new Memory()))).toMatchObject({ code: 'ERR_BOX_BLOB_ABSENT' })
    expect(victim.seen).toHaveLength(0)
  })

  test('a layer with addresses of its own is received from there where that is asked for, without credentials and by the same rules', async () => {
    basicAnd(() => false)
    const bytes = randomBytes(1000)
    const config = server.addBlob(Buffer.from('{}'))
    const addImage = (tag: string, urls: readonly string[]): void => {
      const layers = [{ ...server.addBlob(bytes), urls }]
      server.addManifest('app', tag, { schemaVersion: 2, mediaType: manifestType, config, layers }, manifestType)
      server.blobs.delete(sha256(bytes))
    }
    const own = `http://${victim.host}/v2/app/blobs/${sha256(bytes)}`
    addImage('elsewhere', [`http://${victim.host}/absent`, own])
    victim.blobs.set(sha256(bytes), bytes)
    const sink = new Memory()
    await client().pull(server.reference('app:elsewhere'), sink, { foreignLayers: true })
    expect(sink.blobs.get(sha256(bytes))?.equals(bytes)).toBe(true)
    expect(victim.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined])
    addImage('metadata', ['http://169.254.169.254/layer'])
    const metadata = client().pull(server.reference('app:metadata'), new Memory(), { foreignLayers: true })
    expect(await failure(metadata)).toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED' })
    victim.blobs.set(sha256(bytes), Buffer.from(bytes.toReversed()))
    addImage('changed', [own])
    const changed = client().pull(server.reference('app:changed'), new Memory(), { foreignLayers: true })
    expect(await failure(changed)).toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
  })

  test('an error shows none, also where the registry sends them back', async () => {
    basicAnd((request, response) => {
      const message = `\u001b[31mno ${request.headers.authorization ?? ''}`
      response.writeHead(418).end(JSON.stringify({ errors: [{ code: 'DENIED', message }] }))
      return true
    })
    const error = await failure(client().resolve(server.reference('app:v1')))
    expect(error).toBeInstanceOf(RegistryError)
    expect(error).toMatchObject({ code: 'ERR_BOX_REGISTRY', status: 418, errors: [{ code: 'DENIED' }] })
    const shown = `${String(error)}${JSON.stringify(error)}${error instanceof RegistryError ? (error.stack ?? '') : ''}`
    expect(shown).not.toContain(secret)
    expect(shown).not.toContain(Buffer.from(`me:${secret}`).toString('base64'))
    expect(shown).not.toContain('\u001b')
  })
})

describe('what a registry sends is checked', () => {
  async function* lines(count: number): AsyncGenerator<Buffer, void, void> {
    for (let index = 0; index < count; index += 1) yield Buffer.alloc(64 * 1024, ' ')
  }

  async function flood(response: ServerResponse): Promise<void> {
    for await (const line of lines(200)) if (!response.destroyed) response.write(line)
    response.end()
  }

  test.each([
    ['with its length said', { 'content-length': String(12_800 * 1024), 'content-type': manifestType }],
    ['without', { 'content-type': manifestType }],
  ])('a manifest longer than 4 MiB is refused, %s', async (_, headers) => {
    answer(/manifests/, (_request, response) => {
      response.writeHead(200, headers)
      void flood(response)
    })
    expect(await failure(client().resolve(server.reference('app:v1')))).toMatchObject({ code: 'ERR_BOX_LIMIT' })
  })

  test('an answer of a token service longer than 1 MiB is refused, and so is a token that would break a header', async () => {
    for (const respond of [
      (response: ServerResponse): void => void flood(response.writeHead(200)),
      (response: ServerResponse): void => void response.end(JSON.stringify({ token: 'a\r\nx-evil: 1' })),
      (response: ServerResponse): void => void response.end('<html>'),
    ]) {
      answer(/./, (request, response) => {
        if (request.url?.startsWith('/token') === true) respond(response)
        else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${server.host}/token"` }).end()
      })
      const error = await failure(client().resolve(server.reference('app:v1')))
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_BOX_(?:LIMIT|REGISTRY)$/) })
    }
  })

  test('an error longer than 1 MiB is still the error of its status', async () => {
    answer(/manifests/, (_, response) => void flood(response.writeHead(400)))
    expect(await failure(client().resolve(server.reference('app:v1')))).toMatchObject({ code: 'ERR_BOX_REGISTRY', status: 400 })
  })

  test.each([
    ['longer than its descriptor says', (layer: Buffer) => Buffer.concat([layer, Buffer.from('more')]), 'ERR_BOX_SIZE_MISMATCH'],
    ['shorter', (layer: Buffer) => layer.subarray(1), 'ERR_BOX_SIZE_MISMATCH'],
    ['of other bytes', (layer: Buffer) => Buffer.alloc(layer.length), 'ERR_BOX_DIGEST_MISMATCH'],
  ])('a blob that is %s is not kept', async (_, spoil, code) => {
    const layer = randomBytes(200_000)
    server.addImage('app', 'v1', [layer])
    server.blobs.set(sha256(layer), spoil(layer))
    const sink = new Memory()
    expect(await failure(client().pull(server.reference('app:v1'), sink))).toMatchObject({ code })
    expect(sink.blobs.has(sha256(layer))).toBe(false)
    expect(sink.names.size).toBe(0)
  })

  test('a blob that is read by itself is checked to its last byte', async () => {
    const layer = randomBytes(200_000)
    server.addImage('app', 'v1', [layer])
    const read = async (): Promise<Buffer> => {
      const chunks: Uint8Array[] = []
      for await (const chunk of client().blob(server.reference('app:v1'), sha256(layer))) chunks.push(chunk)
      return Buffer.concat(chunks)
    }
    expect((await read()).equals(layer)).toBe(true)
    server.blobs.set(sha256(layer), randomBytes(200_000))
    expect(await failure(read())).toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
  })

  test('a part of a blob other than the one asked for, or in an encoding, is refused', async () => {
    const layer = randomBytes(1000)
    server.addImage('app', 'v1', [layer])
    const spoiled: readonly (readonly [number, Record<string, string>])[] = [
      [206, { 'content-range': 'bytes 7-999/1000' }],
      [206, {}],
      [200, { 'content-encoding': 'gzip' }],
    ]
    for (const [status, headers] of spoiled) {
      answer(new RegExp(sha256(layer)), (_, response) => {
        response.writeHead(status, headers).end(layer)
      })
      const sink = new Memory()
      sink.parts.set(sha256(layer), layer.subarray(0, 5))
      expect(await failure(client().pull(server.reference('app:v1'), sink))).toMatchObject({ code: 'ERR_BOX_REGISTRY' })
    }
  })

  test('a manifest must be the one that its digest promises, whether we named it or the registry did', async () => {
    const { digest } = server.addImage('app', 'v1', [])
    const found = server.manifests.get('app:v1')
    if (found === undefined) throw new Error('no image')
    server.manifests.set(`app:${digest}`, { ...found, bytes: Buffer.concat([found.bytes, Buffer.from(' ')]) })
    expect(await failure(client().resolve(server.reference(`app:v1@${digest}`)))).toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
    for (const stated of [sha256(Buffer.from('other')), 'sha256:../../etc', 'sha256:ABC', 'md5:abc']) {
      answer(/manifests/, (_, response) => {
        response.writeHead(200, { 'content-type': manifestType, 'docker-content-digest': stated }).end(found.bytes)
      })
      const error = await failure(client().resolve(server.reference('app:v1')))
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_BOX_DIGEST_/) })
    }
  })

  const descriptor = (digest: string, size: unknown): unknown => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size })
  const good = sha256(Buffer.from('{}'))
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: good, size: 2 }

  test.each([
    ['two kinds of document at once', JSON.stringify({ schemaVersion: 2, config, layers: [], manifests: [] })],
    [
      'another media type inside',
      JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', config, layers: [] }),
    ],
    ['a key twice', `{"schemaVersion":2,"config":${JSON.stringify(config)},"layers":[],"layers":[]}`],
    ['a digest that is a path', JSON.stringify({ schemaVersion: 2, config, layers: [descriptor('sha256:../../../etc/passwd', 1)] })],
    ['a digest that is too short', JSON.stringify({ schemaVersion: 2, config, layers: [descriptor('sha256:abc', 1)] })],
    ['a negative size', JSON.stringify({ schemaVersion: 2, config, layers: [descriptor(good, -1)] })],
    [
      'a size beyond 2^53',
      `{"schemaVersion":2,"config":${JSON.stringify(config)},"layers":[{"mediaType":"a/b","digest":"${good}","size":9007199254740993}]}`,
    ],
    ['no JSON', 'null'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ])('a manifest with %s is refused before anything it names is asked for', async (_, body) => {
    answer(/manifests/, (_request, response) => {
      response.writeHead(200, { 'content-type': manifestType }).end(body)
    })
    expect(await failure(client().pull(server.reference('app:v1'), new Memory()))).toMatchObject({ code: 'ERR_BOX_DOCUMENT_INVALID' })
    expect(server.count('GET', /blobs/)).toBe(0)
  })

  test('__proto__ in a document changes nothing', async () => {
    const body = `{"schemaVersion":2,"__proto__":{"polluted":true},"config":${JSON.stringify(config)},"layers":[]}`
    answer(/manifests/, (_, response) => {
      response.writeHead(200, { 'content-type': manifestType }).end(body)
    })
    server.blobs.set(good, Buffer.from('{}'))
    await client()
      .pull(server.reference('app:v1'), new Memory())
      .catch(() => undefined)
    expect('polluted' in {}).toBe(false)
  })

  test("Docker's first manifest schema is refused with the reason", async () => {
    for (const type of ['application/vnd.docker.distribution.manifest.v1+prettyjws', 'application/json']) {
      answer(/manifests/, (_, response) => {
        response.writeHead(200, { 'content-type': type }).end('{"schemaVersion":1,"name":"app","fsLayers":[]}')
      })
      expect(await failure(client().resolve(server.reference('app:v1')))).toMatchObject({
        code: 'ERR_BOX_UNSUPPORTED',
        hint: expect.stringContaining('push the image anew'),
      })
    }
  })

  test('a digest from a caller is checked before it is part of an address', async () => {
    const registry = client()
    for (const digest of ['sha256:../../x', `sha256:${'A'.repeat(64)}`, 'sha256:baddigeststring'] as const)
      expect(() => registry.blob(server.reference('app:v1'), digest)).toThrow(expect.objectContaining({ code: 'ERR_BOX_DIGEST_INVALID' }))
    expect(server.seen).toHaveLength(0)
  })

  test('redirects without an end are given up', async () => {
    answer(/./, (request, response) => {
      response.writeHead(302, { location: request.url ?? '' }).end()
    })
    expect(await failure(client().resolve(server.reference('app:v1')))).toMatchObject({ code: 'ERR_BOX_REGISTRY' })
    expect(server.seen.length).toBeLessThan(20)
  })

  test('indexes in indexes without an end are given up', async () => {
    const mediaType = 'application/vnd.oci.image.index.v1+json'
    let inner: object = { schemaVersion: 2, mediaType, manifests: [] }
    for (let depth = 0; depth < 12; depth += 1) {
      const { digest, size } = server.addManifest('app', 'deep', inner, mediaType)
      inner = { schemaVersion: 2, mediaType, manifests: [{ mediaType, digest, size }] }
    }
    expect(await failure(client().copy(server.reference('app:deep'), new Memory()))).toMatchObject({ code: 'ERR_BOX_LIMIT' })
  })
})

describe('what fails for the moment', () => {
  test('is tried again, after the time that the registry asks for', async () => {
    server.addImage('app', 'v1', [])
    const times: number[] = []
    server.intercept = (_, response) => {
      times.push(performance.now())
      if (times.length > 2) return false
      response.writeHead(times.length === 1 ? 503 : 429, { 'retry-after': '1' }).end()
      return true
    }
    await client({ retry: { attempts: 3, delay: 1, maxDelay: 2000 } }).resolve(server.reference('app:v1'))
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(950)
  })

  test('is an error where the registry asks for more patience than there is, and where it never passes', async () => {
    answer(/./, (_, response) => {
      response.writeHead(429, { 'retry-after': '3600' }).end()
    })
    expect(await failure(client().resolve(server.reference('app:v1')))).toMatchObject({ code: 'ERR_BOX_REGISTRY_BUSY', status: 429 })
    expect(server.seen).toHaveLength(1)
    answer(/./, (request) => void request.socket.destroy())
    expect(await failure(client().resolve(server.reference('app:v1')))).toMatchObject({ code: 'ERR_BOX_REGISTRY_UNREACHABLE' })
    expect(server.seen).toHaveLength(3)
  })

  test('is given up at once when the signal is aborted while waiting', async () => {
    answer(/./, (_, response) => {
      response.writeHead(503, { 'retry-after': '20' }).end()
    })
    const controller = new AbortController()
    const reason = new Error('enough')
    setTimeout(() => controller.abort(reason), 50)
    const resolving = client({ retry: { attempts: 5, maxDelay: 60_000 } }).resolve(server.reference('app:v1'), {
      signal: controller.signal,
    })
    expect(await failure(resolving)).toBe(reason)
  })
})
