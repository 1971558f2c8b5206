import { connect, type Socket } from 'node:net'
import { digestOf, mediaTypes } from '@box/oci'
import { serve, type ServedRegistry, type ServeOptions } from '../../src/server/index.ts'
import { ask, codeOf, pushBlob, pushImage } from './client.ts'
import { MapStore } from './store.ts'

let registry: ServedRegistry
let store: MapStore

async function begin(options: ServeOptions = {}): Promise<void> {
  store = new MapStore()
  registry = await serve(store, options)
}

afterEach(async () => await registry.close())

describe('what is not a name, tag or digest is refused before anything is looked up', () => {
  beforeEach(async () => {
    await begin()
    jest.spyOn(store, 'stat').mockRejectedValue(new Error('the store was asked'))
    jest.spyOn(store, 'list').mockRejectedValue(new Error('the store was asked'))
  })

  const digest = digestOf('x')

  test.each([
    { path: `/v2/../../etc/blobs/${digest}`, code: 'NAME_INVALID' },
    { path: `/v2/a/../b/blobs/${digest}`, code: 'NAME_INVALID' },
    { path: `/v2/a/%2e%2e/b/blobs/${digest}`, code: 'NAME_INVALID' },
    { path: `/v2/a%2f%2e%2e%2fb/blobs/${digest}`, code: 'NAME_INVALID' },
    { path: `/v2/a%00b/blobs/${digest}`, code: 'NAME_INVALID' },
    { path: `/v2/A/blobs/${digest}`, code: 'NAME_INVALID' },
    { path: `/v2//blobs/${digest}`, code: 'NAME_INVALID' },
    { path: `/v2/a//b/blobs/${digest}`, code: 'NAME_INVALID' },
    { path: `/v2/-a/blobs/${digest}`, code: 'NAME_INVALID' },
    { path: `/v2/a@b/tags/list`, code: 'NAME_INVALID' },
    { path: `/v2/a:b/tags/list`, code: 'NAME_INVALID' },
    { path: `/v2/%ff/tags/list`, code: 'NAME_INVALID' },
    { path: `/v2/${'a'.repeat(256)}/tags/list`, code: 'NAME_INVALID' },
    { path: '/v2/a/blobs/sha256:abc', code: 'DIGEST_INVALID' },
    { path: `/v2/a/blobs/${digest.toUpperCase()}`, code: 'DIGEST_INVALID' },
    { path: `/v2/a/blobs/md5:${'a'.repeat(32)}`, code: 'DIGEST_INVALID' },
    { path: '/v2/a/blobs/__proto__', code: 'DIGEST_INVALID' },
    { path: '/v2/a/manifests/sha256:baddigeststring', code: 'DIGEST_INVALID' },
    { path: '/v2/a/referrers/latest', code: 'DIGEST_INVALID' },
    { path: '/v2/a/manifests/-tag', code: 'MANIFEST_INVALID' },
    { path: `/v2/a/manifests/${'t'.repeat(129)}`, code: 'MANIFEST_INVALID' },
  ])('$path', async ({ path, code }) => {
    const answer = await ask(registry, 'GET', path)
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 400, code })
  })

  test('an upload’s id', async () => {
    for (const id of ['..%2f..%2fetc%2fpasswd', '5f0c0e0a', '__proto__'])
      expect((await ask(registry, 'PATCH', `/v2/a/blobs/uploads/${id}`, { body: 'x' })).status).toBe(404)
  })
})

test.each([
  { method: 'POST', path: '/v2/', allow: 'GET, HEAD' },
  { method: 'PUT', path: '/v2/a/tags/list', allow: 'GET, HEAD' },
  { method: 'PUT', path: `/v2/a/blobs/${digestOf('x')}`, allow: 'GET, HEAD, DELETE' },
  { method: 'PATCH', path: '/v2/a/manifests/v1', allow: 'GET, HEAD, PUT, DELETE' },
  { method: 'GET', path: '/v2/a/blobs/uploads/', allow: 'POST' },
])('$method $path is not allowed, and the answer says what is', async ({ method, path, allow }) => {
  await begin()
  const answer = await ask(registry, method, path)
  expect({ status: answer.status, code: codeOf(answer), allow: answer.headers.allow }).toEqual({ status: 405, code: 'UNSUPPORTED', allow })
})

test('a header beyond 16 KiB is refused', async () => {
  await begin()
  expect((await ask(registry, 'GET', '/v2/', { headers: { 'X-Long': 'x'.repeat(20_000) } })).status).toBe(431)
})

test('no more uploads are open than allowed; ended ones do not count', async () => {
  await begin({ limits: { uploads: 2 } })
  const first = await ask(registry, 'POST', '/v2/a/blobs/uploads/')
  await ask(registry, 'POST', '/v2/a/blobs/uploads/')
  const refused = await ask(registry, 'POST', '/v2/a/blobs/uploads/')
  expect({ status: refused.status, code: codeOf(refused), retry: refused.headers['retry-after'] }).toEqual({
    status: 429,
    code: 'TOOMANYREQUESTS',
    retry: '10',
  })
  await ask(registry, 'DELETE', first.headers.location ?? '')
  expect((await ask(registry, 'POST', '/v2/a/blobs/uploads/')).status).toBe(202)
})

test('a blob beyond the limit is refused, whether its length was said or not', async () => {
  await begin({ limits: { blobBytes: 10 } })
  const digest = digestOf('12345678901')
  for (const headers of [{}, { 'Transfer-Encoding': 'chunked' }])
    expect((await ask(registry, 'POST', `/v2/a/blobs/uploads/?digest=${digest}`, { body: '12345678901', headers })).status).toBe(413)
  const { location = '' } = (await ask(registry, 'POST', '/v2/a/blobs/uploads/')).headers
  await ask(registry, 'PATCH', location, { body: '123456' })
  expect((await ask(registry, 'PATCH', location, { body: '78901' })).status).toBe(413)
  expect(store.blobs.size).toBe(0)
})

test('a body that comes too slowly is refused', async () => {
  await begin()
  const now = performance.now()
  const clock = jest.spyOn(performance, 'now').mockReturnValueOnce(now)
  clock.mockReturnValue(now + 60_000)
  const answer = await ask(registry, 'POST', `/v2/a/blobs/uploads/?digest=${digestOf('x')}`, { body: 'x' })
  clock.mockRestore()
  expect(answer.status).toBe(408)
})

test('a connection that falls silent in the middle of a request is ended', async () => {
  await begin({ limits: { idle: 100 } })
  const socket = await open()
  socket.write('PUT /v2/a/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{')
  await closed(socket)
})

test('what is not HTTP is answered with 400 and ended', async () => {
  await begin()
  const socket = await open()
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  socket.write('\u0000\u0001\u0002\r\n\r\n')
  await closed(socket)
  expect(text).toMatch(/^HTTP\/1\.1 400 /)
})

test('a length beyond 2^53 and two lengths are refused', async () => {
  await begin()
  for (const lengths of ['Content-Length: 99999999999999999999', 'Content-Length: 1\r\nContent-Length: 2']) {
    const socket = await open()
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.write(`PUT /v2/a/manifests/v1 HTTP/1.1\r\nHost: x\r\n${lengths}\r\n\r\n`)
    socket.end()
    await closed(socket)
    expect(text).toMatch(/^HTTP\/1\.1 4\d\d /)
  }
})

test('what fails inside is told to onError, and not to the client', async () => {
  const errors: unknown[] = []
  await begin({ onError: (error) => errors.push(error) })
  const failure = new Error('/a/secret/path is broken')
  jest.spyOn(store, 'list').mockRejectedValue(failure)
  const answer = await ask(registry, 'GET', '/v2/a/tags/list')
  expect({ status: answer.status, code: codeOf(answer), errors }).toEqual({ status: 500, code: 'UNKNOWN', errors: [failure] })
  expect(answer.text).not.toContain('secret')
})

test('a blob that breaks off in the store breaks off at the client, and is told to onError', async () => {
  const errors: unknown[] = []
  await begin({ onError: (error) => errors.push(error) })
  const digest = await pushBlob(registry, 'a', 'x'.repeat(200_000))
  jest.spyOn(store, 'read').mockImplementation(async function* broken() {
    yield Buffer.from('x'.repeat(1000))
    throw new Error('a disk error')
  })
  await expect(ask(registry, 'GET', `/v2/a/blobs/${digest}`)).rejects.toThrow()
  expect(errors).toMatchObject([{ message: 'a disk error' }])
})

test('a client that leaves in the middle of a blob frees what was read, and is no error', async () => {
  const errors: unknown[] = []
  await begin({ onError: (error) => errors.push(error) })
  const digest = await pushBlob(registry, 'a', 'a blob')
  const released = new Promise<void>((resolve) => {
    jest.spyOn(store, 'read').mockImplementation(async function* endless() {
      try {
        while (true) yield Buffer.alloc(65_536)
      } finally {
        resolve()
      }
    })
  })
  const leaving = ask(registry, 'GET', `/v2/a/blobs/${digest}`, {
    begin: (request) => request.once('response', (response) => response.once('readable', () => request.destroy())),
  })
  await expect(leaving).rejects.toThrow()
  await released
  await registry.close()
  expect(errors).toEqual([])
})

test('labels and annotations of an image are data, never control', async () => {
  await begin()
  const annotations = { 'org.opencontainers.image.ref.name': 'b:stolen', __proto: 'x', 'a\r\nX-Injected': 'b\r\nc' }
  await pushImage(registry, 'a', 'v1', { extra: { annotations } })
  const answer = await ask(registry, 'GET', '/v2/a/manifests/v1')
  expect(answer.headers['x-injected']).toBeUndefined()
  expect((await ask(registry, 'GET', '/v2/_catalog')).text).toBe('{"repositories":["a"]}')
  expect(answer.headers['content-type']).toBe(mediaTypes.manifest)
})

async function open(): Promise<Socket> {
  const socket = connect(registry.port, registry.host)
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return socket
}

async function closed(socket: Socket): Promise<void> {
  socket.on('error', () => socket.destroy())
  socket.resume()
  await new Promise<void>((resolve) => socket.once('close', () => resolve()))
}
