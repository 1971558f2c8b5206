import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { proxyFromEnvironment, Registry } from '../src/index.ts'
import { proxyFor } from '../src/egress/proxy.ts'
import { Memory } from './fixtures/memory.ts'
import { sha256, TestRegistry } from './fixtures/registry.ts'

const retry = { attempts: 2, delay: 1, maxDelay: 5 }
let server: TestRegistry
let registry: Registry

beforeEach(async () => {
  server = await TestRegistry.start()
})

afterEach(async () => {
  await registry.close()
  await server.close()
})

describe('mirrors', () => {
  let mirror: TestRegistry
  const upstream = 'registry.example'

  beforeEach(async () => {
    mirror = await TestRegistry.start()
  })

  afterEach(async () => {
    await mirror.close()
  })

  test('are asked first, with credentials of their own, and the image keeps the name that it was asked for by', async () => {
    const image = mirror.addImage('hub/team/app', 'v1', [randomBytes(1000)])
    const asked: string[] = []
    registry = new Registry({
      retry,
      mirrors: { [upstream]: [`${mirror.host}/hub`] },
      auth: (name) => {
        asked.push(name)
        return Promise.resolve({ username: 'me', password: 'word' })
      },
    })
    mirror.intercept = (request, response) => {
      if (request.headers.authorization !== undefined) return false
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      return true
    }
    const sink = new Memory()
    expect((await registry.pull(`${upstream}/team/app:v1`, sink)).digest).toBe(image.digest)
    expect([...sink.names.keys()]).toEqual([`${upstream}/team/app:v1`])
    expect(new Set(asked)).toEqual(new Set([mirror.host]))
  })

  test('what a mirror has not, or fails to give, is asked of the registry, and a silent mirror is asked once', async () => {
    const layers = [randomBytes(1000), randomBytes(2000)]
    server.addImage('app', 'v1', layers)
    mirror.addImage('app', 'v1', layers)
    mirror.blobs.delete(sha256(layers[0] ?? Buffer.alloc(0)))
    registry = new Registry({ retry, mirrors: { [server.host]: [mirror.host] } })
    const sink = new Memory()
    await registry.pull(server.reference('app:v1'), sink)
    expect(server.count('GET', /blobs/)).toBe(1)
    expect(server.count('GET', /manifests/)).toBe(0)
    expect(sink.blobs.size).toBe(4)

    mirror.intercept = (request) => {
      request.socket.destroy()
      return true
    }
    const before = mirror.seen.length
    await registry.pull(server.reference('app:v1'), new Memory())
    expect(mirror.seen.length - before).toBe(retry.attempts)
  })

  test('a mirror for digests only gives no tag', async () => {
    const image = server.addImage('app', 'v1', [randomBytes(1000)])
    mirror.addImage('app', 'v1', [randomBytes(10)])
    mirror.manifests.set(`app:${image.digest}`, server.manifests.get('app:v1') ?? { bytes: Buffer.alloc(0), mediaType: '' })
    registry = new Registry({ retry, mirrors: { [server.host]: [{ location: mirror.host, digestOnly: true }] } })
    expect((await registry.resolve(server.reference('app:v1'))).digest).toBe(image.digest)
    expect(mirror.seen).toHaveLength(0)
    const before = server.seen.length
    expect((await registry.resolve(server.reference(`app@${image.digest}`))).digest).toBe(image.digest)
    expect(server.seen.length).toBe(before)
  })
})

describe('proxies', () => {
  let proxy: Server
  const tunnels: string[] = []

  beforeEach(async () => {
    tunnels.length = 0
    proxy = createServer()
    proxy.on('connect', (request, client: Socket) => {
      tunnels.push(`${request.url ?? ''} ${request.headers['proxy-authorization'] ?? ''}`)
      const upstream = connect(server.port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n')
        upstream.pipe(client).pipe(upstream)
      })
      upstream.on('error', () => client.destroy())
      client.on('error', () => upstream.destroy())
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  })

  afterEach(async () => {
    proxy.closeAllConnections()
    await new Promise((resolve) => proxy.close(resolve))
  })

  function address(): string {
    const bound = proxy.address()
    return typeof bound === 'object' && bound !== null ? `http://us%65r:pa%73s@127.0.0.1:${bound.port}` : ''
  }

  test('a registry is reached through the proxy, which is given its own credentials', async () => {
    const image = server.addImage('app', 'v1', [randomBytes(100_000)])
    registry = new Registry({ retry, proxy: address(), insecure: ['registry.example'] })
    expect((await registry.pull('registry.example/app:v1', new Memory())).digest).toBe(image.digest)
    expect(tunnels[0]).toBe(`registry.example:80 Basic ${Buffer.from('user:pass').toString('base64')}`)
    expect(server.seen.every(({ headers }) => headers['proxy-authorization'] === undefined)).toBe(true)
  })

  test('addresses of this machine are not asked of a proxy, and written ones are checked before', async () => {
    server.addImage('app', 'v1', [])
    registry = new Registry({ retry, proxy: address(), insecure: ['registry.example', '10.0.0.1'] })
    await registry.resolve(server.reference('app:v1'))
    expect(tunnels).toEqual([])
    server.intercept = (_, response) => {
      response.writeHead(307, { location: 'http://10.0.0.1/' }).end()
      return true
    }
    await expect(registry.resolve('registry.example/app:v1')).rejects.toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED' })
    expect(tunnels).toHaveLength(1)
  })

  test('the environment says which, and for what none', () => {
    registry = new Registry()
    const choose = proxyFromEnvironment({
      HTTPS_PROXY: 'http://upper.example:3128',
      https_proxy: 'http://lower.example:3128',
      HTTP_PROXY: 'plain.example:3128',
      NO_PROXY: 'internal.example, .below.example,10.0.0.0/8, exact.example:8443',
    })
    const through = (url: string): string | undefined => proxyFor(choose, new URL(url))
    expect(through('https://registry.example/')).toBe('http://lower.example:3128/')
    expect(through('http://registry.example/')).toBe('http://plain.example:3128/')
    for (const url of ['https://internal.example/', 'https://a.internal.example/', 'https://x.below.example/', 'https://10.9.8.7/'])
      expect(through(url)).toBeUndefined()
    expect(through('https://exact.example:8443/')).toBeUndefined()
    expect(through('https://exact.example/')).toBeDefined()
    expect(through('https://notinternal.example/')).toBeDefined()
    expect(through('http://localhost:5000/')).toBeUndefined()
    expect(proxyFor(proxyFromEnvironment({ https_proxy: 'http://p.example', no_proxy: '*' }), new URL('https://r.example'))).toBeUndefined()
    expect(() => proxyFor('socks5://user:secret@p.example', new URL('https://r.example'))).toThrow(
      expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT', message: expect.not.stringContaining('secret') }),
    )
  })
})

test('a policy sees each image before anything of it is used, and refuses by throwing', async () => {
  const image = server.addImage('app', 'v1', [randomBytes(10)])
  const refusal = new Error('not this one')
  const seen: string[] = []
  registry = new Registry({
    retry,
    policy: ({ reference, descriptor }) => {
      seen.push(`${reference} ${descriptor.digest}`)
      throw refusal
    },
  })
  const sink = new Memory()
  await expect(registry.pull(server.reference('app:v1'), sink)).rejects.toBe(refusal)
  await expect(registry.resolve(server.reference('app:v1'))).rejects.toBe(refusal)
  expect(seen[0]).toBe(`${server.reference('app:v1')} ${image.digest}`)
  expect(sink.blobs.size).toBe(0)
  expect(server.count('GET', /blobs/)).toBe(0)
})

test('referrers are listed by the registry, or by the tag in its place', async () => {
  const subject = server.addImage('app', 'v1', [])
  const mediaType = 'application/vnd.oci.image.index.v1+json'
  const manifestType = 'application/vnd.oci.image.manifest.v1+json'
  const refer = (artifactType: string): object => ({
    mediaType: manifestType,
    digest: sha256(Buffer.from(artifactType)),
    size: 5,
    artifactType,
  })
  const index = { schemaVersion: 2, mediaType, manifests: [refer('text/signature'), refer('text/bill')] }
  registry = new Registry({ retry })
  expect(await registry.referrers(server.reference('app:v1'))).toEqual([])
  server.addManifest('app', subject.digest.replace(':', '-'), index, mediaType)
  const tagged = await registry.referrers(server.reference('app:v1'), { artifactType: 'text/bill' })
  expect(tagged.map(({ artifactType }) => artifactType)).toEqual(['text/bill'])
  server.intercept = (request, response) => {
    if (!(request.url ?? '').startsWith(`/v2/app/referrers/${subject.digest}`)) return false
    response.writeHead(200, { 'content-type': mediaType }).end(JSON.stringify({ ...index, manifests: [refer('text/signature')] }))
    return true
  }
  const listed = await registry.referrers(server.reference(`app@${subject.digest}`))
  expect(listed.map(({ artifactType }) => artifactType)).toEqual(['text/signature'])
})

test('a list of tags is followed page by page, and ends a repository that is not there with its error', async () => {
  registry = new Registry({ retry })
  server.intercept = (request, response) => {
    const url = new URL(request.url ?? '', 'http://registry')
    if (url.pathname !== '/v2/app/tags/list') return false
    const last = url.searchParams.get('last')
    if (last === null) response.setHeader('link', '</v2/app/tags/list?last=b>; rel="next"')
    response.end(JSON.stringify({ name: 'app', tags: last === null ? ['a', 'b'] : ['c'] }))
    return true
  }
  const tags: string[] = []
  for await (const tag of registry.tags(server.reference('app'))) tags.push(tag)
  expect(tags).toEqual(['a', 'b', 'c'])
  const none = async (): Promise<void> => {
    for await (const tag of registry.tags(server.reference('absent'))) tags.push(tag)
  }
  await expect(none()).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
})

test('a closed client is an error of state, also for what was on its way', async () => {
  server.addImage('app', 'v1', [])
  registry = new Registry({ retry })
  await registry.resolve(server.reference('app:v1'))
  await registry.close()
  await registry.close()
  await expect(registry.resolve(server.reference('app:v1'))).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
})

test.each([
  [{ retry: { attempts: 0 } }, 'attempts'],
  [{ egress: { allow: ['not a host/33'] } }, 'network'],
])('options that no client takes are refused: %j', (options, message) => {
  registry = new Registry()
  expect(() => new Registry(options)).toThrow(
    expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT', message: expect.stringContaining(message) }),
  )
})
