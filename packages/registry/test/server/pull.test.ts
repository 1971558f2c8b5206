import { digestOf, mediaTypes } from '@box/oci'
import { serve, type ServedRegistry } from '../../src/server/index.ts'
import { ask, codeOf, pushBlob, pushImage, pushManifest } from './client.ts'
import { MapStore } from './store.ts'

const absent = digestOf('what nobody has')
let registry: ServedRegistry

beforeEach(async () => {
  registry = await serve(new MapStore())
})

afterEach(async () => await registry.close())

test('the base endpoint says that this is a registry', async () => {
  const { status, headers, text } = await ask(registry, 'GET', '/v2/')
  expect({ status, text, version: headers['docker-distribution-api-version'] }).toEqual({
    status: 200,
    text: '{}',
    version: 'registry/2.0',
  })
})

test('a manifest comes back byte for byte, by tag and by digest, unknown fields and white space included', async () => {
  const config = { mediaType: mediaTypes.config, digest: await pushBlob(registry, 'a/b', '{}'), size: 2 }
  const manifest = `{ "schemaVersion": 2,\n "mediaType": "${mediaTypes.manifest}", "x-unknown": [1.50], "config": ${JSON.stringify(config)}, "layers": [] }\n`
  await pushManifest(registry, 'a/b', 'v1', manifest)
  for (const reference of ['v1', digestOf(manifest)]) {
    const { status, headers, text } = await ask(registry, 'GET', `/v2/a/b/manifests/${reference}`)
    expect({ status, text }).toEqual({ status: 200, text: manifest })
    expect(headers).toMatchObject({ 'content-type': mediaTypes.manifest, 'docker-content-digest': digestOf(manifest) })
    const head = await ask(registry, 'HEAD', `/v2/a/b/manifests/${reference}`)
    expect({ status: head.status, text: head.text }).toEqual({ status: 200, text: '' })
    expect(head.headers).toMatchObject({
      'content-length': String(Buffer.byteLength(manifest)),
      'docker-content-digest': digestOf(manifest),
    })
  }
})

test('a blob comes back whole, and HEAD gives its size', async () => {
  const digest = await pushBlob(registry, 'a', 'some content')
  const { status, text, headers } = await ask(registry, 'GET', `/v2/a/blobs/${digest}`)
  expect({ status, text, digest: headers['docker-content-digest'] }).toEqual({ status: 200, text: 'some content', digest })
  const head = await ask(registry, 'HEAD', `/v2/a/blobs/${digest}`)
  expect({ status: head.status, text: head.text, length: head.headers['content-length'] }).toEqual({ status: 200, text: '', length: '12' })
})

test('a digest may be percent-encoded in the path', async () => {
  const digest = await pushBlob(registry, 'a', 'some content')
  expect((await ask(registry, 'GET', `/v2/a/blobs/${encodeURIComponent(digest)}`)).text).toBe('some content')
})

test('a repository may be named as the endpoints are', async () => {
  const repository = 'blobs/manifests/tags'
  const digest = await pushBlob(registry, repository, 'some content')
  await pushImage(registry, repository, 'v1')
  expect((await ask(registry, 'GET', `/v2/${repository}/blobs/${digest}`)).text).toBe('some content')
  expect((await ask(registry, 'GET', `/v2/${repository}/tags/list`)).text).toBe(JSON.stringify({ name: repository, tags: ['v1'] }))
})

describe('a range of a blob', () => {
  const content = '0123456789'

  test.each([
    { range: 'bytes=2-5', text: '2345', answered: 'bytes 2-5/10' },
    { range: 'bytes=7-', text: '789', answered: 'bytes 7-9/10' },
    { range: 'bytes=-3', text: '789', answered: 'bytes 7-9/10' },
    { range: 'bytes=-30', text: content, answered: 'bytes 0-9/10' },
    { range: 'bytes=8-100', text: '89', answered: 'bytes 8-9/10' },
  ])('$range gives that part', async ({ range, text, answered }) => {
    const digest = await pushBlob(registry, 'a', content)
    const answer = await ask(registry, 'GET', `/v2/a/blobs/${digest}`, { headers: { Range: range } })
    expect({ status: answer.status, text: answer.text, answered: answer.headers['content-range'] }).toEqual({ status: 206, text, answered })
  })

  test.each(['bytes=10-', 'bytes=5-2', 'bytes=100-200', 'bytes=-0'])('%s is outside', async (range) => {
    const digest = await pushBlob(registry, 'a', content)
    const answer = await ask(registry, 'GET', `/v2/a/blobs/${digest}`, { headers: { Range: range } })
    expect({ status: answer.status, answered: answer.headers['content-range'] }).toEqual({ status: 416, answered: 'bytes */10' })
  })

  test.each(['bytes=0-1,3-4', 'lines=1-2', 'bytes=', 'bytes=-', 'nonsense'])('%s is answered with the whole', async (range) => {
    const digest = await pushBlob(registry, 'a', content)
    const { status, text } = await ask(registry, 'GET', `/v2/a/blobs/${digest}`, { headers: { Range: range } })
    expect({ status, text }).toEqual({ status: 200, text: content })
  })

  test('of another blob than the client began with (If-Range) is answered with the whole', async () => {
    const digest = await pushBlob(registry, 'a', content)
    const headers = { Range: 'bytes=2-5', 'If-Range': '"sha256:other"' }
    expect((await ask(registry, 'GET', `/v2/a/blobs/${digest}`, { headers })).status).toBe(200)
    const same = { Range: 'bytes=2-5', 'If-Range': `"${digest}"` }
    expect((await ask(registry, 'GET', `/v2/a/blobs/${digest}`, { headers: same })).status).toBe(206)
  })

  test('of an empty blob is outside', async () => {
    const digest = await pushBlob(registry, 'a', '')
    expect((await ask(registry, 'GET', `/v2/a/blobs/${digest}`, { headers: { Range: 'bytes=0-' } })).status).toBe(416)
    expect((await ask(registry, 'GET', `/v2/a/blobs/${digest}`)).status).toBe(200)
  })
})

describe('what is not there', () => {
  test.each([
    { path: `/v2/a/manifests/${absent}`, status: 404, code: 'MANIFEST_UNKNOWN' },
    { path: '/v2/a/manifests/v1', status: 404, code: 'MANIFEST_UNKNOWN' },
    { path: `/v2/a/blobs/${absent}`, status: 404, code: 'BLOB_UNKNOWN' },
    { path: '/v2/a/tags/list', status: 404, code: 'NAME_UNKNOWN' },
    { path: '/v2/a/blobs/uploads/5f0c0e0a-0000-4000-8000-000000000000', status: 404, code: 'BLOB_UPLOAD_UNKNOWN' },
    { path: '/', status: 404, code: 'UNSUPPORTED' },
    { path: '/v2/a/unknown/b', status: 404, code: 'UNSUPPORTED' },
  ])('$path: $code', async ({ path, status, code }) => {
    const answer = await ask(registry, 'GET', path)
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status, code })
  })
})

test('a blob of one repository is not another one’s', async () => {
  const digest = await pushBlob(registry, 'a', 'a secret')
  expect((await ask(registry, 'GET', `/v2/b/blobs/${digest}`)).status).toBe(404)
})
