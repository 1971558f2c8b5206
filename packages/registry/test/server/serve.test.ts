import { Agent, request } from 'node:http'
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BoxError } from '@box/core'
import { digestOf } from '@box/oci'
import { type AccessRequest, basicAuth, serve, type ServedRegistry } from '../../src/server/index.ts'
import { ask, codeOf, pushBlob, pushImage } from './client.ts'
import { MapStore } from './store.ts'

let registry: ServedRegistry | undefined
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-serve-test-'))
})

afterEach(async () => {
  await registry?.close()
  await rm(folder, { recursive: true, force: true })
})

test('listens on loopback, at a free port, and says where', async () => {
  registry = await serve(new MapStore())
  expect(registry.host).toBe('127.0.0.1')
  expect(registry.url).toBe(`http://127.0.0.1:${registry.port}`)
  expect((await fetch(`${registry.url}/v2/`)).status).toBe(200)
})

test('an address of IPv6 is written as a URL has it', async () => {
  registry = await serve(new MapStore(), { host: '::1' })
  expect(registry.url).toBe(`http://[::1]:${registry.port}`)
})

test('a port that is taken is an error with its name', async () => {
  registry = await serve(new MapStore())
  const error: unknown = await serve(new MapStore(), { port: registry.port }).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(BoxError)
  expect(error).toMatchObject({ code: 'ERR_BOX_SYSTEM', errno: 'EADDRINUSE', syscall: 'listen' })
})

test.each([
  { options: { port: 70_000 } },
  { options: { port: 1.5 } },
  { options: { repository: 'Not One' } },
  { options: { limits: { uploads: -1 } } },
  { options: { limits: { manifestBytes: 1000 } } },
])('$options is refused', async ({ options }) => {
  await expect(serve(new MapStore(), options)).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
})

describe('close', () => {
  test('ends connections that are kept alive, and may be called again', async () => {
    const served = await serve(new MapStore())
    const agent = new Agent({ keepAlive: true })
    await ask(served, 'GET', '/v2/', { agent })
    const begun = performance.now()
    await Promise.all([served.close(), served.close()])
    expect(performance.now() - begun).toBeLessThan(2000)
    agent.destroy()
    await expect(ask(served, 'GET', '/v2/')).rejects.toThrow('ECONNREFUSED')
  })

  test('lets an answer that is on its way end', async () => {
    const store = new MapStore()
    const served = await serve(store)
    const digest = await pushBlob(served, 'a', 'a blob')
    let proceed: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      proceed = resolve
    })
    const reached = new Promise<void>((resolve) => {
      jest.spyOn(store, 'read').mockImplementation(async function* slow() {
        resolve()
        await gate
        yield Buffer.from('a blob')
      })
    })
    const answer = ask(served, 'GET', `/v2/a/blobs/${digest}`)
    await reached
    const closing = served.close()
    proceed()
    expect((await answer).text).toBe('a blob')
    await closing
  })

  test('ends what takes longer than it may, and leaves nothing of unfinished uploads', async () => {
    const served = await serve(new MapStore(), { uploads: folder, limits: { closing: 50 } })
    const { location = '' } = (await ask(served, 'POST', '/v2/a/blobs/uploads/')).headers
    await ask(served, 'PATCH', location, { body: 'some bytes' })
    const stuck = connect(served.port, served.host)
    await new Promise<void>((resolve) => stuck.once('connect', resolve))
    stuck.on('error', () => stuck.destroy())
    stuck.write(`PATCH ${location} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc`)
    await ask(served, 'GET', '/v2/')
    await served.close()
    expect(await readdir(folder)).toEqual([])
    stuck.destroy()
  })

  test('does not wait for who writes the same blob in another process', async () => {
    const store = new MapStore()
    const served = await serve(store, { limits: { closing: 50 } })
    const asked = new Promise<void>((resolve) => {
      jest.spyOn(store, 'ingest').mockImplementation(async () => {
        resolve()
        return { state: 'busy', released: new Promise(() => undefined) }
      })
    })
    const answer = ask(served, 'POST', `/v2/a/blobs/uploads/?digest=${digestOf('x')}`, { body: 'x' })
    const refused = expect(answer).rejects.toThrow()
    await asked
    await served.close()
    await refused
  })

  test('is what the signal does', async () => {
    const controller = new AbortController()
    const served = await serve(new MapStore(), { signal: controller.signal })
    controller.abort()
    await served.close()
    await expect(ask(served, 'GET', '/v2/')).rejects.toThrow('ECONNREFUSED')
    const reason = new Error('not now')
    await expect(serve(new MapStore(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  test('is what `await using` calls', async () => {
    const served = await serve(new MapStore())
    await served[Symbol.asyncDispose]()
    await expect(ask(served, 'GET', '/v2/')).rejects.toThrow('ECONNREFUSED')
  })
})

test('what an earlier process left of uploads is removed once it is old', async () => {
  for (const name of ['old.upload', 'new.upload', 'old.other']) await writeFile(join(folder, name), 'bytes')
  for (const name of ['old.upload', 'old.other']) await utimes(join(folder, name), 0, 0)
  registry = await serve(new MapStore(), { uploads: folder })
  expect((await readdir(folder)).toSorted()).toEqual(['new.upload', 'old.other'])
})

test('an upload that lies untouched ends when the next one begins', async () => {
  registry = await serve(new MapStore(), { uploads: folder, limits: { uploadExpiry: 0, uploads: 1 } })
  const { location = '' } = (await ask(registry, 'POST', '/v2/a/blobs/uploads/')).headers
  const now = Date.now()
  const clock = jest.spyOn(Date, 'now').mockReturnValue(now + 1000)
  expect((await ask(registry, 'POST', '/v2/a/blobs/uploads/')).status).toBe(202)
  clock.mockRestore()
  expect((await ask(registry, 'GET', location)).status).toBe(404)
})

test('a read-only registry serves, and changes nothing', async () => {
  const store = new MapStore()
  const writable = await serve(store)
  const manifest = await pushImage(writable, 'a', 'v1')
  await writable.close()
  registry = await serve(store, { readOnly: true })
  expect((await ask(registry, 'GET', '/v2/a/manifests/v1')).status).toBe(200)
  for (const [method, path] of [
    ['POST', '/v2/a/blobs/uploads/'],
    ['PUT', '/v2/a/manifests/v1'],
    ['DELETE', '/v2/a/manifests/v1'],
    ['DELETE', `/v2/a/manifests/${manifest}`],
    ['DELETE', `/v2/a/blobs/${digestOf('a layer')}`],
  ] as const) {
    const answer = await ask(registry, method, path)
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 405, code: 'UNSUPPORTED' })
  }
  expect((await ask(registry, 'HEAD', '/v2/a/manifests/v1')).status).toBe(200)
})

describe('authorization', () => {
  test('by Basic credentials', async () => {
    registry = await serve(new MapStore(), { authorize: basicAuth((name, password) => name === 'a' && password === 'b:c') })
    const without = await ask(registry, 'GET', '/v2/')
    expect({ status: without.status, code: codeOf(without), challenge: without.headers['www-authenticate'] }).toEqual({
      status: 401,
      code: 'UNAUTHORIZED',
      challenge: 'Basic realm="registry", charset="UTF-8"',
    })
    expect((await ask(registry, 'GET', '/v2/', { auth: 'a:wrong' })).status).toBe(401)
    expect((await ask(registry, 'GET', '/v2/', { auth: 'a:b:c' })).status).toBe(200)
    expect((await ask(registry, 'GET', '/v2/', { headers: { Authorization: 'Bearer x' } })).status).toBe(401)
  })

  test('sees what each request is about to do', async () => {
    const seen: string[] = []
    const authorize = ({ action, repository, remoteAddress }: AccessRequest): 'allow' => {
      seen.push(`${action} ${repository} ${remoteAddress}`)
      return 'allow'
    }
    registry = await serve(new MapStore(), { authorize })
    const digest = digestOf('x')
    for (const [method, path] of [
      ['GET', '/v2/'],
      ['GET', '/v2/_catalog'],
      ['HEAD', `/v2/a/blobs/${digest}`],
      ['GET', '/v2/a/tags/list'],
      ['POST', '/v2/a/blobs/uploads/'],
      ['DELETE', '/v2/a/manifests/v1'],
    ] as const)
      await ask(registry, method, path)
    expect(seen).toEqual(['ping undefined', 'catalog undefined', 'pull a', 'pull a', 'push a', 'delete a'].map((it) => `${it} 127.0.0.1`))
  })

  test('may allow one repository and deny another, and no mount goes around it', async () => {
    const store = new MapStore()
    const open = await serve(store)
    const digest = await pushBlob(open, 'private', 'a secret')
    await pushImage(open, 'private', 'v1', { layers: ['a secret'] })
    await open.close()
    registry = await serve(store, { authorize: ({ repository }) => (repository === 'private' ? 'deny' : 'allow') })
    const denied = await ask(registry, 'GET', `/v2/private/blobs/${digest}`)
    expect({ status: denied.status, code: codeOf(denied) }).toEqual({ status: 403, code: 'DENIED' })
    for (const query of [`mount=${digest}&from=private`, `mount=${digest}`])
      expect((await ask(registry, 'POST', `/v2/mine/blobs/uploads/?${query}`)).status).toBe(202)
    expect((await ask(registry, 'GET', `/v2/mine/blobs/${digest}`)).status).toBe(404)
  })

  test('that fails is a 500, and lets nobody in', async () => {
    const authorize = (): never => {
      throw new Error('the directory is down')
    }
    registry = await serve(new MapStore(), { authorize })
    expect((await ask(registry, 'GET', '/v2/')).status).toBe(500)
  })
})

describe('a client that waits for 100 Continue', () => {
  const content = 'some content'
  const path = `/v2/a/blobs/uploads/?digest=${digestOf(content)}`

  async function send(served: ServedRegistry): Promise<{ status: number | undefined; continued: boolean }> {
    let continued = false
    return await new Promise((resolve, reject) => {
      const headers = { Expect: '100-continue', 'Content-Length': content.length }
      const sent = request({ host: served.host, port: served.port, method: 'POST', path, headers, agent: false }, (response) => {
        response.resume()
        resolve({ status: response.statusCode, continued })
      })
      sent.on('continue', () => {
        continued = true
        sent.end(content)
      })
      sent.on('error', reject)
      sent.flushHeaders()
    })
  }

  test('is asked for the body once the request is allowed', async () => {
    registry = await serve(new MapStore())
    expect(await send(registry)).toEqual({ status: 201, continued: true })
  })

  test('is never asked for a body that is refused', async () => {
    registry = await serve(new MapStore(), { authorize: () => 'deny' })
    expect(await send(registry)).toEqual({ status: 403, continued: false })
    await registry.close()
    registry = await serve(new MapStore(), { limits: { blobBytes: 1 } })
    expect(await send(registry)).toEqual({ status: 413, continued: false })
  })
})
