import { digestOf, mediaTypes, parseDigest } from '@box/oci'
import { serve, type ServedRegistry } from '../../src/server/index.ts'
import { ask, codeOf, pushBlob, pushImage, pushManifest } from './client.ts'
import { MapStore } from './store.ts'

let registry: ServedRegistry
let store: MapStore

beforeEach(async () => {
  store = new MapStore()
  registry = await serve(store)
})

afterEach(async () => await registry.close())

async function remove(path: string): Promise<number> {
  return (await ask(registry, 'DELETE', path)).status
}

async function statusOf(path: string): Promise<number> {
  return (await ask(registry, 'HEAD', path)).status
}

test('a removed tag is gone at once; its manifest stays by digest', async () => {
  const digest = await pushImage(registry, 'a', 'v1')
  expect(await remove('/v2/a/manifests/v1')).toBe(202)
  expect(await statusOf('/v2/a/manifests/v1')).toBe(404)
  expect(await statusOf(`/v2/a/manifests/${digest}`)).toBe(200)
  expect(await remove('/v2/a/manifests/v1')).toBe(404)
})

test('a removed manifest takes all its tags along, and its bytes where nobody else has it', async () => {
  const digest = await pushImage(registry, 'a', 'v1')
  await pushImage(registry, 'a', 'v2')
  await pushImage(registry, 'b', 'v1')
  expect(await remove(`/v2/a/manifests/${digest}`)).toBe(202)
  for (const reference of ['v1', 'v2', digest]) expect(await statusOf(`/v2/a/manifests/${reference}`)).toBe(404)
  expect(await statusOf('/v2/b/manifests/v1')).toBe(200)
  expect(await remove(`/v2/b/manifests/${digest}`)).toBe(202)
  expect([...store.blobs.keys()]).not.toContain(digest)
  expect(store.names.size).toBe(0)
})

test('a blob that a manifest needs can be removed once the manifest is', async () => {
  const manifest = await pushImage(registry, 'a', 'v1', { layers: ['a layer'] })
  const layer = digestOf('a layer')
  const refused = await ask(registry, 'DELETE', `/v2/a/blobs/${layer}`)
  expect({ status: refused.status, code: codeOf(refused) }).toEqual({ status: 409, code: 'DENIED' })
  await remove(`/v2/a/manifests/${manifest}`)
  expect(await statusOf(`/v2/a/blobs/${layer}`)).toBe(200)
  expect(await remove(`/v2/a/blobs/${layer}`)).toBe(202)
  expect(await statusOf(`/v2/a/blobs/${layer}`)).toBe(404)
  expect([...store.blobs.keys()]).not.toContain(layer)
})

test('a blob removed from one repository stays in another', async () => {
  const digest = await pushBlob(registry, 'a', 'a blob')
  await ask(registry, 'POST', `/v2/b/blobs/uploads/?mount=${digest}&from=a`)
  expect(await remove(`/v2/a/blobs/${digest}`)).toBe(202)
  expect([await statusOf(`/v2/a/blobs/${digest}`), await statusOf(`/v2/b/blobs/${digest}`)]).toEqual([404, 200])
})

test('a blob that is only another repository’s can’t be removed', async () => {
  const digest = await pushBlob(registry, 'a', 'a blob')
  expect(await remove(`/v2/b/blobs/${digest}`)).toBe(404)
  expect(await statusOf(`/v2/a/blobs/${digest}`)).toBe(200)
})

test('a manifest that an index needs can be removed once the index is', async () => {
  const child = await pushImage(registry, 'a', 'child')
  const size = store.blobs.get(parseDigest(child))?.byteLength
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [{ mediaType: mediaTypes.manifest, digest: child, size }],
  })
  await pushManifest(registry, 'a', 'all', index, mediaTypes.index)
  await remove('/v2/a/manifests/child')
  const refused = await ask(registry, 'DELETE', `/v2/a/manifests/${child}`)
  expect({ status: refused.status, code: codeOf(refused) }).toEqual({ status: 409, code: 'DENIED' })
  expect(await remove(`/v2/a/manifests/${digestOf(index)}`)).toBe(202)
  expect(await statusOf(`/v2/a/manifests/${child}`)).toBe(200)
  expect(await remove(`/v2/a/manifests/${child}`)).toBe(202)
})

test('an image under a name that is not served keeps its blobs', async () => {
  const manifest = await pushImage(registry, 'a', 'v1', { layers: ['a layer'] })
  const descriptor = store.names.get('a:v1')
  if (descriptor !== undefined) store.names.set('localhost:5000/a:v1', descriptor)
  await remove(`/v2/a/manifests/${manifest}`)
  expect(await remove(`/v2/a/blobs/${digestOf('a layer')}`)).toBe(202)
  expect(await statusOf(`/v2/a/blobs/${digestOf('a layer')}`)).toBe(404)
  expect([...store.blobs.keys()]).toEqual(expect.arrayContaining([manifest, digestOf('a layer')]))
})
