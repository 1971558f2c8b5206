import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { copy, layout, Registry } from '../src/index.ts'
import { failure, indexType, manifestType } from './fixtures/attack.ts'
import { Memory } from './fixtures/memory.ts'
import { DistributionRegistry, run, withPrograms } from './fixtures/peers.ts'
import { sha256, TestRegistry } from './fixtures/registry.ts'

const dockerTypes = {
  index: 'application/vnd.docker.distribution.manifest.list.v2+json',
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
}

let server: TestRegistry
let registry: Registry

beforeEach(async () => {
  server = await TestRegistry.start()
  registry = new Registry({ retry: { attempts: 2, delay: 1 } })
})

afterEach(async () => {
  await registry.close()
  await server.close()
})

/** An index of two platforms that share a layer, with annotations everywhere. */
function addIndex(tag: string): void {
  const shared = gzipSync(randomBytes(1000))
  const annotations = { 'org.example.note': 'kept in one format' }
  const manifests = ['amd64', 'arm64'].map((architecture) => {
    server.addImage('app', architecture, [shared, gzipSync(architecture)])
    const document: unknown = JSON.parse(String(server.manifests.get(`app:${architecture}`)?.bytes))
    const { digest, size } = server.addManifest('app', architecture, { ...Object(document), annotations }, manifestType)
    return { mediaType: manifestType, digest, size, platform: { os: 'linux', architecture }, annotations }
  })
  server.addManifest('app', tag, { schemaVersion: 2, mediaType: indexType, manifests, annotations }, indexType)
}

function documentAt(name: string): unknown {
  return JSON.parse(String(server.manifests.get(name)?.bytes))
}

test('copy() takes the format as a client does', async () => {
  addIndex('v1')
  const { mediaType } = await copy(server.reference('app:v1'), server.reference('app:docker'), { format: 'docker' })
  expect(mediaType).toBe(dockerTypes.index)
})

test("an index is written in Docker's format with all that it leads to, every digest that of its bytes, and no blob is moved for it", async () => {
  addIndex('v1')
  const blobs = [...server.blobs.keys()]
  const seen = server.seen.length
  const { digest, mediaType } = await registry.copy(server.reference('app:v1'), server.reference('app:docker'), { format: 'docker' })
  expect(mediaType).toBe(dockerTypes.index)
  expect(sha256(server.manifests.get('app:docker')?.bytes ?? Buffer.alloc(0))).toBe(digest)
  const index = documentAt('app:docker')
  expect(index).toEqual({
    schemaVersion: 2,
    mediaType: dockerTypes.index,
    manifests: ['amd64', 'arm64'].map((architecture) => ({
      mediaType: dockerTypes.manifest,
      digest: expect.stringMatching(/^sha256:/),
      size: expect.any(Number),
      platform: { os: 'linux', architecture },
    })),
  })
  for (const { digest: child, size } of Object(index).manifests) {
    const stored = server.manifests.get(`app:${child}`)
    expect(stored?.bytes.length).toBe(size)
    expect(documentAt(`app:${child}`)).toEqual({
      schemaVersion: 2,
      mediaType: dockerTypes.manifest,
      config: { mediaType: dockerTypes.config, digest: expect.any(String), size: expect.any(Number) },
      layers: [1, 2].map(() => ({ mediaType: dockerTypes.layer, digest: expect.any(String), size: expect.any(Number) })),
    })
  }
  expect([...server.blobs.keys()]).toEqual(blobs)
  expect(server.seen.slice(seen).filter(({ method, url }) => method === 'GET' && url.includes('/blobs/'))).toEqual([])
})

test("Docker's format is written as the image specification's, and back to the same bytes", async () => {
  addIndex('v1')
  const options = { platform: { os: 'linux', architecture: 'arm64' } } as const
  const docker = await registry.copy(server.reference('app:v1'), server.reference('app:docker'), { ...options, format: 'docker' })
  const oci = await registry.copy(server.reference('app:docker'), server.reference('app:oci'), { format: 'oci' })
  expect(oci.mediaType).toBe(manifestType)
  expect(documentAt('app:oci')).toEqual({ ...Object(documentAt('app:arm64')), annotations: undefined })
  const again = await registry.copy(server.reference('app:oci'), server.reference('app:again'), { format: 'docker' })
  expect(again.digest).toBe(docker.digest)
})

test('what is in the format already keeps its bytes, also where they are written in another way', async () => {
  server.addImage('app', 'v1', [gzipSync('layer')])
  const bytes = Buffer.from(JSON.stringify(documentAt('app:v1'), undefined, 3))
  server.manifests.set('app:v1', { bytes, mediaType: manifestType })
  const sink = new Memory()
  const pulled = await registry.pull(server.reference('app:v1'), sink, { format: 'oci', platform: 'all' })
  expect(pulled.digest).toBe(sha256(bytes))
  expect(sink.blobs.get(sha256(bytes))?.equals(bytes)).toBe(true)
})

test.each([
  ['a layer in zstd', { layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' }] }, 'layer.v1.tar+zstd'],
  ['an artifact', { artifactType: 'text/plain' }, 'an artifact'],
  ['a configuration of another kind', { config: { mediaType: 'application/vnd.example.v1+json' } }, 'vnd.example.v1+json'],
])("%s is refused by Docker's format before a blob is moved", async (_, changes, named) => {
  server.addImage('app', 'v1', [gzipSync('layer')])
  const { config, layers, ...rest } = Object(documentAt('app:v1'))
  const document = {
    ...rest,
    ...changes,
    config: { ...config, ...Object(changes).config },
    layers: [{ ...layers[0], ...Object(changes).layers?.[0] }],
  }
  server.addManifest('app', 'v2', document, manifestType)
  const before = server.count('GET', /blobs/)
  expect(await failure(registry.pull(server.reference('app:v2'), new Memory(), { format: 'docker' }))).toMatchObject({
    code: 'ERR_BOX_UNSUPPORTED',
    message: expect.stringContaining(named),
  })
  expect(server.count('GET', /blobs/)).toBe(before)
})

test("Docker's first schema is refused by its name, alone and inside an index, from a registry and from a folder", async () => {
  const first = 'application/vnd.docker.distribution.manifest.v1+prettyjws'
  const { digest, size } = server.addManifest('app', 'v1', { schemaVersion: 1, name: 'app', fsLayers: [] }, first)
  const entry = { mediaType: first, digest, size, platform: { os: 'linux', architecture: 'amd64' } }
  server.addManifest('app', 'index', { schemaVersion: 2, mediaType: indexType, manifests: [entry] }, indexType)
  const source = new Memory()
  source.blobs.set(digest, server.manifests.get('app:v1')?.bytes ?? Buffer.alloc(0))
  source.names.set('v1', { mediaType: first, digest, size })
  const works = [
    () => registry.copy(server.reference('app:v1'), new Memory()),
    () => registry.copy(server.reference('app:index'), new Memory()),
    () => registry.copy({ source, name: 'v1' }, server.reference('app:v2')),
  ]
  for (const work of works)
    expect(await failure(work())).toMatchObject({
      code: 'ERR_BOX_UNSUPPORTED',
      message: expect.stringContaining("Docker's first manifest schema"),
    })
})

test('a format that is none is refused', () => {
  const options = Object({ format: 'v2s2' })
  expect(() => registry.copy(server.reference('app:v1'), new Memory(), options)).toThrow("'oci' or 'docker'")
})

withPrograms('docker-registry', 'skopeo')('beside skopeo', () => {
  test("an image in Docker's format is the same, whichever of the two has written it", async () => {
    const folder = await mkdtemp(join(tmpdir(), 'box-test-formats-'))
    const peer = await DistributionRegistry.start(folder)
    try {
      server.addImage('app', 'v1', [gzipSync(randomBytes(1000)), gzipSync('second')])
      const path = join(folder, 'original')
      await registry.pull(server.reference('app:v1'), layout(path), { name: 'v1', platform: 'all' })
      await registry.push(layout(path), `${peer.host}/ours:v1`, { name: 'v1', format: 'docker' })
      await run('skopeo', [
        'copy',
        '--insecure-policy',
        '--dest-tls-verify=false',
        '--format=v2s2',
        `oci:${path}:v1`,
        `docker://${peer.host}/theirs:v1`,
      ])
      const [ours, theirs] = await Promise.all(['ours', 'theirs'].map((name) => registry.manifest(`${peer.host}/${name}:v1`)))
      expect(ours?.value).toEqual(theirs?.value)
      // And back: what skopeo makes of ours has the same layers as the original.
      await run('skopeo', [
        'copy',
        '--insecure-policy',
        '--src-tls-verify=false',
        '--format=oci',
        `docker://${peer.host}/ours:v1`,
        `oci:${join(folder, 'back')}:v1`,
      ])
      const back = await registry.copy({ source: layout(join(folder, 'back')), name: 'v1' }, { sink: new Memory(), name: 'v1' })
      expect(back.mediaType).toBe(manifestType)
    } finally {
      await peer.close()
      await rm(folder, { recursive: true })
    }
  })
})
