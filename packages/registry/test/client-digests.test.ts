import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type Descriptor, type ImageSink, type ImageSource } from '@box/core'
import { digestOf, mediaTypes } from '@box/oci'
import { layout, memorySink, Registry, serve, type ServedRegistry } from '../src/index.ts'
import { failure } from './fixtures/attack.ts'
import { CuttingProxy } from './fixtures/cutting-proxy.ts'

let folder: string
let served: ServedRegistry
let registry: Registry

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-test-digests-'))
  served = await serve(layout(join(folder, 'served')))
  registry = new Registry({ retry: { attempts: 2, delay: 1 } })
})

afterEach(async () => {
  await registry.close()
  await served.close()
  await rm(folder, { recursive: true })
})

async function put(sink: ImageSink, mediaType: string, bytes: Buffer, algorithm: 'sha256' | 'sha512' = 'sha256'): Promise<Descriptor> {
  const descriptor = { mediaType, digest: digestOf(bytes, algorithm), size: bytes.length }
  const writer = await sink.ingest(descriptor)
  if (writer.state === 'writing') {
    await writer.write(bytes)
    await writer.commit()
  }
  return descriptor
}

async function makeImage(
  sink: ImageSink,
  name: string,
  layers: readonly Buffer[],
  algorithm: 'sha256' | 'sha512' = 'sha256',
): Promise<Descriptor> {
  const document = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: layers.map((layer) => digestOf(layer)) } }
  const config = await put(sink, mediaTypes.config, Buffer.from(JSON.stringify(document)), algorithm)
  const parts: Descriptor[] = []
  for (const layer of layers) parts.push(await put(sink, 'application/vnd.oci.image.layer.v1.tar+gzip', layer, algorithm))
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: parts }
  const descriptor = await put(sink, mediaTypes.manifest, Buffer.from(JSON.stringify(manifest)), algorithm)
  await sink.tag(name, descriptor)
  return descriptor
}

test('an image whose digests are all sha512 is pushed, in chunks too, and pulled as it was, by its digest', async () => {
  const source = memorySink()
  const { digest } = await makeImage(source, 'v1', [gzipSync(randomBytes(500_000)), gzipSync(randomBytes(100))], 'sha512')
  expect(digest).toMatch(/^sha512:/)
  const reference = `${served.host}:${served.port}/app@${digest}`
  expect((await registry.push(source, reference, { name: 'v1', chunkSize: 200_000 })).digest).toBe(digest)
  const back = layout(join(folder, 'back'))
  expect((await registry.pull(reference, back, { name: 'v1' })).digest).toBe(digest)
  expect(await readdir(join(folder, 'back/blobs/sha512'))).toHaveLength(4)
  for await (const blob of back.blobs()) expect(await back.verify(blob.digest)).toBe(true)
  expect((await registry.push(source, reference, { name: 'v1' })).digest).toBe(digest)
})

test('a blob that is not its sha512 digest is refused by the registry, and has no name', async () => {
  const source = memorySink()
  const { digest } = await makeImage(source, 'v1', [gzipSync(randomBytes(1000))], 'sha512')
  const wrong: ImageSource = {
    stat: async (one, options) => await source.stat(one, options),
    resolve: async (name, options) => await source.resolve(name, options),
    async *read(one, options) {
      const bytes: Uint8Array[] = []
      for await (const chunk of source.read(one, options)) bytes.push(chunk)
      const whole = Buffer.concat(bytes)
      // The layer alone begins as gzip does.
      if (whole[0] === 0x1f) whole[500] = (whole[500] ?? 0) ^ 1
      yield whole
    },
  }
  const reference = `${served.host}:${served.port}/app@${digest}`
  expect(await failure(registry.push(wrong, reference, { name: 'v1' }))).toMatchObject({ code: 'ERR_BOX_REGISTRY', status: 400 })
  await expect(registry.resolve(reference)).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
})

test.each([
  [
    'one after the other',
    async (pulls: readonly (() => Promise<unknown>)[]) => {
      for (const pull of pulls) await pull()
    },
  ],
  [
    'at the same time',
    async (pulls: readonly (() => Promise<unknown>)[]) => void (await Promise.all(pulls.map(async (pull) => await pull()))),
  ],
])('of two images that are pulled %s the bytes of the layers that they share cross the wire once', async (_, run) => {
  const source = memorySink()
  const shared = [randomBytes(2_000_000), randomBytes(1_000_000)]
  const own = [randomBytes(300_000), randomBytes(400_000)]
  for (const [index, layer] of own.entries()) {
    await makeImage(source, `v${index}`, [...shared, layer])
    await registry.push(source, `${served.host}:${served.port}/app${index}:v1`, { name: `v${index}` })
  }
  const proxy = await CuttingProxy.start(served.port, {})
  const client = new Registry()
  try {
    const sink = layout(join(folder, 'pulled'))
    await run(
      [0, 1].map(
        (index) => async () =>
          await client.pull(`${proxy.host}/app${index}:v1`, sink, { platform: { os: 'linux', architecture: 'amd64' } }),
      ),
    )
    const size = [...shared, ...own].reduce((sum, { length }) => sum + length, 0)
    expect(proxy.through.down).toBeGreaterThanOrEqual(size)
    // Manifests and configurations are short.
    expect(proxy.through.down - size).toBeLessThan(10_000)
  } finally {
    await client.close()
    await proxy.close()
  }
})
