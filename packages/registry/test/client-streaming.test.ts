import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Digest, ImageSource } from '@box/core'
import { layout, memorySink, Registry } from '../src/index.ts'
import { Memory } from './fixtures/memory.ts'
import { sha256, TestRegistry } from './fixtures/registry.ts'

// A hundred MiB are moved, on a machine that may be busy.
jest.setTimeout(60_000)

const mebibyte = 1024 * 1024
/** What the kernel may hold of one connection on its way, in both directions, with room to spare. */
const inTheSockets = 24 * mebibyte
const big = 100 * mebibyte
const retry = { attempts: 3, delay: 1, maxDelay: 5 }
const manifestType = 'application/vnd.oci.image.manifest.v1+json'
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

/** An image whose one layer is said to have this digest and size. */
function imageWith(digest: Digest, size: number): void {
  const config = server.addBlob(Buffer.from('{}'))
  const layers = [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size }]
  server.addManifest('app', 'big', { schemaVersion: 2, mediaType: manifestType, config, layers }, manifestType)
}

/** Sends zeros until so many are sent or nobody listens, as fast as they are taken. */
async function pour(response: ServerResponse, size: number, onSent: (bytes: number) => void): Promise<void> {
  function* blocks(): Generator<Buffer, void, void> {
    const block = Buffer.alloc(mebibyte)
    for (let sent = 0; sent < size; sent += block.length) {
      onSent(sent)
      yield block
    }
  }
  // The other side leaves early in some of the tests.
  await pipeline(Readable.from(blocks()), response).catch(() => undefined)
}

const bigDigest: Digest = 'sha256:20492a4d0d84f8beb1767f6616229f85d44c2827b64bdbfb260ee12fa1109e0e'

test('a sink that stops taking stops the registry: a layer of 100 MiB is never in memory', async () => {
  imageWith(bigDigest, big)
  let sent = 0
  server.intercept = (request, response) => {
    if (request.url?.endsWith(bigDigest) !== true) return false
    void pour(response, big, (bytes) => {
      sent = bytes
    })
    return true
  }
  const sink = new Memory()
  let go = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  let taken = 0
  sink.onWrite = async (_, chunk) => {
    taken += chunk.length
    if (taken > mebibyte) await gate
  }
  const pulling = registry.pull(server.reference('app:big'), sink)
  await sleep(500)
  expect(sent).toBeLessThan(inTheSockets)
  go()
  await pulling
  expect(sink.blobs.get(bigDigest)?.length).toBe(big)
})

test('a registry that stops taking stops the source', async () => {
  let read = 0
  const source: ImageSource = {
    stat: () => Promise.resolve({ size: big }),
    resolve: () => Promise.resolve(manifest),
    read: async function* (digest) {
      if (digest === manifest.digest) yield bytes
      else if (digest === config.digest) yield Buffer.from('{}')
      else
        for (; read < big; read += 65_536) {
          yield Buffer.alloc(65_536)
        }
    },
  }
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha256(Buffer.from('{}')), size: 2 }
  const layers = [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: bigDigest, size: big }]
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers }))
  const manifest = { mediaType: manifestType, digest: sha256(bytes), size: bytes.length }
  server.addBlob(Buffer.from('{}'))
  let held = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    held = resolve
  })
  server.intercept = async (request) => {
    if (request.method === 'PATCH') await gate
    return false
  }
  const pushing = registry.push(source, server.reference('app:big'), { name: 'x' })
  await sleep(500)
  expect(read).toBeLessThan(inTheSockets)
  held()
  await pushing
  expect(server.blobs.get(bigDigest)?.length).toBe(big)
})

test('an answer without an end is cut off at the size of the descriptor', async () => {
  imageWith(bigDigest, 3 * mebibyte)
  let sent = 0
  server.intercept = (request, response) => {
    if (request.url?.endsWith(bigDigest) !== true) return false
    void pour(response, Number.POSITIVE_INFINITY, (bytes) => {
      sent = bytes
    })
    return true
  }
  const sink = new Memory()
  let taken = 0
  sink.onWrite = ({ digest }, chunk) => {
    if (digest === bigDigest) taken += chunk.length
  }
  await expect(registry.pull(server.reference('app:big'), sink)).rejects.toMatchObject({ code: 'ERR_BOX_SIZE_MISMATCH' })
  expect(taken).toBeLessThanOrEqual(3 * mebibyte)
  expect(sent).toBeLessThan(inTheSockets)
})

test('pulls of one image into one sink at the same time ask for each blob once', async () => {
  const layers = [randomBytes(2 * mebibyte), randomBytes(1000)]
  server.addImage('app', 'v1', layers)
  const sink = memorySink()
  const others = [new Registry({ retry }), new Registry({ retry })]
  await Promise.all([registry, ...others].map(async (each) => await each.pull(server.reference('app:v1'), sink)))
  await Promise.all(others.map(async (other) => await other.close()))
  for (const layer of layers) expect(server.count('GET', new RegExp(sha256(layer)))).toBe(1)
})

test('a pull that was given up goes on in another client and another layout object, from the bytes on the disk', async () => {
  const layer = randomBytes(4 * mebibyte)
  server.addImage('app', 'v1', [layer])
  const folder = await mkdtemp(join(tmpdir(), 'box-test-resume-'))
  const impatient = new Registry({ retry: { attempts: 1 } })
  try {
    // The configuration comes first, and whole.
    server.cutsDown.push(mebibyte, 3 * mebibyte)
    await expect(impatient.pull(server.reference('app:v1'), layout(folder), { concurrency: 1 })).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_BOX_(?:REGISTRY_UNREACHABLE|BLOB_ABSENT)$/),
    })
    await registry.pull(server.reference('app:v1'), layout(folder), { concurrency: 1 })
    const starts = server.seen
      .filter(({ method, url }) => method === 'GET' && url.includes(sha256(layer)))
      .map(({ headers }) => headers.range)
    expect(starts[0]).toBeUndefined()
    expect(Number(/^bytes=(\d+)-$/.exec(starts[1] ?? '')?.[1])).toBeGreaterThan(2 * mebibyte)
    expect(await layout(folder).verify(sha256(layer))).toBe(true)
  } finally {
    await impatient.close()
    await rm(folder, { recursive: true })
  }
})
