import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { digestOf, type ImageLayout, layout, mediaTypes } from '@box/oci'
import { nameOfDigest, nameOfTag, placeOf } from '../../src/server/names.ts'
import { serve, type ServedRegistry } from '../../src/server/index.ts'
import { ask, pushImage } from './client.ts'

let folder: string
let store: ImageLayout
let registry: ServedRegistry

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-layout-test-'))
  store = layout(join(folder, 'blobs'))
  registry = await serve(store)
})

afterEach(async () => {
  await registry.close()
  await rm(folder, { recursive: true, force: true })
})

async function serveAgain(options: Parameters<typeof serve>[1] = {}): Promise<void> {
  await registry.close()
  registry = await serve(layout(store.path), options)
}

test('what was pushed is an image layout, with one entry for each tag', async () => {
  const digest = await pushImage(registry, 'a/b', 'v1')
  expect(await store.list()).toEqual([{ name: 'a/b:v1', descriptor: { mediaType: mediaTypes.manifest, digest, size: expect.any(Number) } }])
  expect(await store.resolve('a/b:v1')).toMatchObject({ digest })
  expect(JSON.parse(await readFile(join(store.path, 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' })
})

test('all is there after a new start', async () => {
  const tagged = await pushImage(registry, 'a', 'v1')
  const untagged = await pushImage(registry, 'a', 'digest', { extra: { annotations: { a: 'b' } } })
  await serveAgain()
  for (const reference of ['v1', tagged, untagged]) expect((await ask(registry, 'GET', `/v2/a/manifests/${reference}`)).status).toBe(200)
  expect((await ask(registry, 'GET', `/v2/a/blobs/${digestOf('a layer')}`)).text).toBe('a layer')
  expect((await ask(registry, 'GET', '/v2/a/tags/list')).text).toBe('{"name":"a","tags":["v1"]}')
})

test('what another program tags while the layout is served is there at once', async () => {
  const digest = await pushImage(registry, 'a', 'v1')
  const other = layout(store.path)
  const descriptor = await other.resolve('a:v1')
  if (descriptor !== undefined) await other.tag('b/c:v2', descriptor)
  expect((await ask(registry, 'HEAD', '/v2/b/c/manifests/v2')).headers['docker-content-digest']).toBe(digest)
  await other.untag('a:v1')
  expect((await ask(registry, 'HEAD', '/v2/a/manifests/v1')).status).toBe(404)
})

test('names that are a tag alone are served in the repository that is given for them', async () => {
  await pushImage(registry, 'a', 'v1')
  const descriptor = await store.resolve('a:v1')
  if (descriptor !== undefined) await store.tag('latest', descriptor)
  expect((await ask(registry, 'GET', '/v2/_catalog')).text).toBe('{"repositories":["a"]}')
  await serveAgain({ repository: 'bare' })
  expect((await ask(registry, 'GET', '/v2/bare/tags/list')).text).toBe('{"name":"bare","tags":["latest"]}')
  await pushImage(registry, 'bare', 'next')
  expect((await store.list()).map(({ name }) => name)).toEqual(['a:v1', 'latest', 'next'])
  await ask(registry, 'DELETE', '/v2/bare/manifests/latest')
  expect((await store.list()).map(({ name }) => name)).toEqual(['a:v1', 'next'])
})

test('an image without a name keeps its blobs', async () => {
  const digest = await pushImage(registry, 'a', 'v1')
  const index = join(store.path, 'index.json')
  await writeFile(index, (await readFile(index, 'utf8')).replace('org.opencontainers.image.ref.name', 'another.annotation'))
  const again = await pushImage(registry, 'a', 'v1')
  expect(again).toBe(digest)
  expect((await ask(registry, 'DELETE', `/v2/a/manifests/${digest}`)).status).toBe(202)
  expect((await ask(registry, 'DELETE', `/v2/a/blobs/${digestOf('a layer')}`)).status).toBe(202)
  expect((await ask(registry, 'GET', '/v2/a/tags/list')).status).toBe(200)
  for (const kept of [digest, digestOf('a layer')])
    expect(await readdir(join(store.path, 'blobs', 'sha256'))).toContain(kept.slice('sha256:'.length))
})

test('an upload that breaks off leaves nothing in the layout', async () => {
  const content = 'x'.repeat(100_000)
  const broken = ask(registry, 'POST', `/v2/a/blobs/uploads/?digest=${digestOf(content)}`, {
    headers: { 'Content-Length': 100_000 },
    begin: (request) => request.write(content.slice(0, 50_000), () => request.destroy()),
  })
  await expect(broken).rejects.toThrow()
  await registry.close()
  expect((await readdir(join(store.path, 'staging'))).filter((name) => name.startsWith('sha256-'))).toEqual([])
})

test('a damaged blob is never sent whole', async () => {
  await pushImage(registry, 'a', 'v1')
  const digest = digestOf('a layer')
  await writeFile(join(store.path, 'blobs', 'sha256', digest.slice('sha256:'.length)), 'A LAYER')
  await expect(ask(registry, 'GET', `/v2/a/blobs/${digest}`)).rejects.toThrow()
})

describe('a name of a store', () => {
  const digest = digestOf('x')

  test.each([
    { name: 'a/b:v1', place: { repository: 'a/b', tag: 'v1' } },
    { name: 'docker.io/library/alpine:3', place: { repository: 'docker.io/library/alpine', tag: '3' } },
    { name: `a@${digest}`, place: { repository: 'a', digest } },
    { name: 'latest', place: { repository: 'bare', tag: 'latest' } },
    { name: 'localhost:5000/a:v1', place: undefined },
    { name: 'localhost:5000/a', place: undefined },
    { name: 'a@sha256:x', place: undefined },
    { name: 'A:v1', place: undefined },
    { name: 'a:', place: undefined },
    { name: ':v1', place: undefined },
    { name: '', place: undefined },
  ])('$name', ({ name, place }) => {
    expect(placeOf(name, 'bare')).toEqual(place)
  })

  test('without a repository for bare tags is no place', () => {
    expect(placeOf('latest', undefined)).toBeUndefined()
  })

  test('that the server writes is read back as the same place', () => {
    expect(placeOf(nameOfTag('a/b', 'v1', 'bare'), 'bare')).toEqual({ repository: 'a/b', tag: 'v1' })
    expect(placeOf(nameOfTag('bare', 'v1', 'bare'), 'bare')).toEqual({ repository: 'bare', tag: 'v1' })
    expect(placeOf(nameOfDigest('bare', digest), 'bare')).toEqual({ repository: 'bare', digest })
  })
})
