import { randomBytes } from 'node:crypto'
import { copy, Registry, type TransferEvent } from '../src/index.ts'
import { Memory } from './fixtures/memory.ts'
import { sha256, TestRegistry } from './fixtures/registry.ts'

const retry = { attempts: 4, delay: 1, maxDelay: 5 }
let server: TestRegistry
let registry: Registry

beforeEach(async () => {
  server = await TestRegistry.start()
  registry = new Registry({ retry })
})

afterEach(async () => {
  await registry.close()
  await server.close()
})

test('a pull brings every blob and names the image', async () => {
  const layers = [randomBytes(300_000), randomBytes(10), Buffer.alloc(0)]
  const image = server.addImage('app', 'v1', layers)
  const sink = new Memory()
  const task = registry.pull(server.reference('app:v1'), sink)
  const events: TransferEvent[] = []
  for await (const event of task) events.push(event)
  expect((await task).digest).toBe(image.digest)
  for (const layer of layers) expect(sink.blobs.get(sha256(layer))?.equals(layer)).toBe(true)
  expect(sink.names.get(`${server.host}/app:v1`)?.digest).toBe(image.digest)
  expect(events.filter(({ type }) => type === 'copied').map(({ done, total }) => done === total)).toEqual([true, true, true, true, true])
})

test('an image that is there costs one request, and a shared layer is asked for once', async () => {
  const shared = randomBytes(100_000)
  server.addImage('app', 'v1', [shared, randomBytes(50)])
  server.addImage('app', 'v2', [shared, randomBytes(60)])
  const sink = new Memory()
  await registry.pull(server.reference('app:v1'), sink)
  await registry.pull(server.reference('app:v2'), sink)
  expect(server.count('GET', new RegExp(sha256(shared)))).toBe(1)
  const before = server.seen.length
  await registry.pull(server.reference('app:v2'), sink)
  expect(server.seen.length - before).toBe(1)
})

test('a manifest that is removed while it is looked at is asked for once more', async () => {
  const image = server.addImage('app', 'v1', [randomBytes(50)])
  const sink = new Memory()
  await registry.pull(server.reference('app:v1'), sink)
  const stat = sink.stat.bind(sink)
  sink.stat = async (digest) => {
    const found = await stat(digest)
    if (digest === image.digest) sink.blobs.delete(digest)
    return found
  }
  await registry.pull(server.reference('app:v1'), sink)
  expect(sink.blobs.has(image.digest)).toBe(true)
})

test('a pull whose connection is cut again and again goes on where it broke, and asks for no byte twice', async () => {
  const layer = randomBytes(1_000_000)
  server.addImage('app', 'v1', [layer])
  // The configuration comes first, and whole.
  const cuts = [100_000, 333_333, 70_001, 1, 65_536]
  server.cutsDown.push(layer.length, ...cuts)
  const sink = new Memory()
  await registry.pull(server.reference('app:v1'), sink, { concurrency: 1 })
  const starts = server.seen
    .filter(({ method, url }) => method === 'GET' && url.endsWith(sha256(layer)))
    .map(({ headers }) => headers.range)
  const sums = cuts.map((_, index) => cuts.slice(0, index + 1).reduce((sum, cut) => sum + cut, 0))
  expect(starts).toEqual([undefined, ...sums.map((sum) => `bytes=${sum}-`)])
  expect(sink.blobs.get(sha256(layer))?.equals(layer)).toBe(true)
  expect(sink.restarts).toBe(0)
})

test('a pull goes on from what an earlier process left, and begins again where the registry sends the whole', async () => {
  const layer = randomBytes(400_000)
  server.addImage('app', 'v1', [layer])
  const sink = new Memory()
  sink.parts.set(sha256(layer), layer.subarray(0, 123_456))
  await registry.pull(server.reference('app:v1'), sink)
  expect(server.seen.find(({ url, method }) => method === 'GET' && url.includes(sha256(layer)))?.headers.range).toBe('bytes=123456-')
  expect(sink.restarts).toBe(0)

  server.ranges = false
  const second = new Memory()
  second.parts.set(sha256(layer), layer.subarray(0, 123_456))
  await registry.pull(server.reference('app:v1'), second)
  expect(second.restarts).toBe(1)
  expect(second.blobs.get(sha256(layer))?.equals(layer)).toBe(true)
})

test('a part of an earlier try that turns out wrong is fetched anew, once', async () => {
  const layer = randomBytes(400_000)
  server.addImage('app', 'v1', [layer])
  const sink = new Memory()
  sink.parts.set(sha256(layer), randomBytes(1000))
  await registry.pull(server.reference('app:v1'), sink)
  expect(sink.blobs.get(sha256(layer))?.equals(layer)).toBe(true)
})

test('a push sends what is missing and nothing else', async () => {
  const layers = [randomBytes(300_000), randomBytes(7)]
  const image = server.addImage('app', 'v1', layers)
  const sink = new Memory()
  await registry.pull(server.reference('app:v1'), sink, { name: 'mine' })
  server.blobs.delete(sha256(layers[0] ?? Buffer.alloc(0)))
  const task = registry.push(sink, server.reference('other:v9'), { name: 'mine' })
  const types: string[] = []
  for await (const event of task) if (event.type !== 'progress') types.push(event.type)
  expect(types.toSorted()).toEqual(['copied', 'copied', 'present', 'present', 'started'])
  expect(server.blobs.has(sha256(layers[0] ?? Buffer.alloc(0)))).toBe(true)
  expect(server.manifests.get('other:v9')?.bytes.equals(server.manifests.get('app:v1')?.bytes ?? Buffer.alloc(0))).toBe(true)
  expect((await task).digest).toBe(image.digest)
  expect(server.count('PATCH', /./)).toBe(1)
})

test.each([
  ['the registry tells how far it got', true, Number.POSITIVE_INFINITY],
  ['the registry does not tell', false, Number.POSITIVE_INFINITY],
  ['the upload is in chunks', true, 90_000],
])('a push whose connection is cut recovers where %s', async (_, status, chunkSize) => {
  const layer = randomBytes(700_000)
  const sink = new Memory()
  server.addImage('app', 'v1', [layer])
  await registry.pull(server.reference('app:v1'), sink, { name: 'mine' })
  server.blobs.clear()
  server.uploadStatus = status
  server.cutsUp.push(1, 60_000)
  await registry.push(sink, server.reference('app:v2'), { name: 'mine', chunkSize, concurrency: 1 })
  expect(server.blobs.get(sha256(layer))?.equals(layer)).toBe(true)
  if (chunkSize === 90_000) expect(server.count('PATCH', /./)).toBeGreaterThan(7)
})

test('a registry whose count stands still is not sent the same bytes for ever', async () => {
  const layer = randomBytes(400_000)
  const sink = new Memory()
  server.addImage('app', 'v1', [layer])
  await registry.pull(server.reference('app:v1'), sink, { name: 'mine' })
  server.blobs.delete(sha256(layer))
  server.countStandsStill = true
  await registry.push(sink, server.reference('app:v2'), { name: 'mine', chunkSize: 150_000 })
  expect(server.count('PATCH', /uploads/)).toBe(3)
  expect(server.blobs.get(sha256(layer))?.equals(layer)).toBe(true)
})

test('a small blob goes in one request after the one that opens the upload, and is tried anew where that breaks', async () => {
  const layer = randomBytes(1000)
  const sink = new Memory()
  server.addImage('app', 'v1', [layer])
  await registry.pull(server.reference('app:v1'), sink, { name: 'mine' })
  server.blobs.delete(sha256(layer))
  await registry.push(sink, server.reference('app:v2'), { name: 'mine' })
  expect([server.count('POST', /uploads/), server.count('PATCH', /uploads/), server.count('PUT', /uploads/)]).toEqual([1, 0, 1])
  server.blobs.delete(sha256(layer))
  let cuts = 1
  server.intercept = (request) => {
    if (request.method !== 'PUT' || !(request.url ?? '').includes('uploads') || cuts === 0) return false
    cuts -= 1
    request.socket.destroy()
    return true
  }
  await registry.push(sink, server.reference('app:v3'), { name: 'mine' })
  expect(server.blobs.get(sha256(layer))?.equals(layer)).toBe(true)
})

test('a registry that takes no chunks is sent the whole in one request', async () => {
  const layer = randomBytes(400_000)
  const sink = new Memory()
  server.addImage('app', 'v1', [layer])
  await registry.pull(server.reference('app:v1'), sink, { name: 'mine' })
  server.blobs.clear()
  server.patch = false
  await registry.push(sink, server.reference('app:v2'), { name: 'mine' })
  expect(server.blobs.get(sha256(layer))?.equals(layer)).toBe(true)
})

test('a copy between repositories of one registry mounts; between registries it streams; the manifest keeps its bytes', async () => {
  const image = server.addImage('app', 'v1', [randomBytes(100_000)])
  server.intercept = (request, response) => {
    if (request.method !== 'HEAD' || !(request.url ?? '').startsWith('/v2/moved/blobs/')) return false
    response.writeHead(404).end()
    return true
  }
  const types = new Set<string>()
  const task = copy(server.reference('app:v1'), server.reference('moved:v1'), { retry })
  for await (const { type } of task) types.add(type)
  expect(types).toEqual(new Set(['mounted', 'copied']))
  expect(server.count('GET', /blobs\/sha256/)).toBe(0)

  const other = await TestRegistry.start()
  try {
    const copied = await copy(server.reference('app:v1'), `${other.host}/far/away:v1`, { retry, concurrency: 2 })
    expect(copied.digest).toBe(image.digest)
    expect(other.manifests.get('far/away:v1')?.bytes).toEqual(server.manifests.get('app:v1')?.bytes)
  } finally {
    await other.close()
  }
})

test('of an index a pull takes the platform that was asked for, and a copy takes all', async () => {
  const platforms = ['amd64', 'arm64'].map((architecture) => {
    const image = server.addImage('app', architecture, [Buffer.from(`layer of ${architecture}`)])
    const mediaType = 'application/vnd.oci.image.manifest.v1+json'
    return { digest: image.digest, size: image.size, mediaType, platform: { os: 'linux', architecture } }
  })
  const mediaType = 'application/vnd.oci.image.index.v1+json'
  const index = server.addManifest('app', 'all', { schemaVersion: 2, mediaType, manifests: platforms }, mediaType)
  const one = new Memory()
  const pulled = await registry.pull(server.reference('app:all'), one, { platform: { os: 'linux', architecture: 'arm64' } })
  expect(pulled.digest).toBe(platforms[1]?.digest)
  expect(one.blobs.has(sha256(Buffer.from('layer of amd64')))).toBe(false)
  const all = new Memory()
  expect((await registry.copy(server.reference('app:all'), all)).digest).toBe(index.digest)
  expect(all.blobs.has(sha256(Buffer.from('layer of amd64')))).toBe(true)
  const missing = registry.pull(server.reference('app:all'), new Memory(), { platform: { os: 'linux', architecture: 's390x' } })
  await expect(missing).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND', hint: expect.stringContaining('linux/arm64') })
})

test('aborting ends the transfer with the reason, and keeps what came for the next try', async () => {
  const layer = randomBytes(3_000_000)
  server.addImage('app', 'v1', [layer])
  const sink = new Memory()
  const controller = new AbortController()
  const reason = new Error('enough')
  let written = 0
  sink.onWrite = (_, chunk) => {
    written += chunk.length
    if (written > 500_000) controller.abort(reason)
  }
  await expect(registry.pull(server.reference('app:v1'), sink, { signal: controller.signal })).rejects.toBe(reason)
  expect(sink.parts.get(sha256(layer))?.length).toBeGreaterThan(400_000)
  sink.onWrite = () => undefined
  await registry.pull(server.reference('app:v1'), sink)
  expect(sink.blobs.get(sha256(layer))?.equals(layer)).toBe(true)
})
