import { request } from 'node:http'
import { connect } from 'node:net'
import { digestOf, mediaTypes } from '@box/oci'
import { serve, type ServedRegistry } from '../../src/server/index.ts'
import { type Answer, ask, codeOf, pushBlob, pushManifest } from './client.ts'
import { MapStore } from './store.ts'

const content = '0123456789'
const digest = digestOf(content)
const uploads = '/v2/a/b/blobs/uploads/'
let registry: ServedRegistry
let store: MapStore

beforeEach(async () => {
  store = new MapStore()
  registry = await serve(store)
})

afterEach(async () => await registry.close())

async function begin(query = ''): Promise<string> {
  const { status, headers } = await ask(registry, 'POST', `${uploads}${query}`)
  expect(status).toBe(202)
  return headers.location ?? ''
}

async function chunk(method: string, location: string, body: string, range?: string): Promise<Answer> {
  return await ask(registry, method, location, { body, headers: range === undefined ? {} : { 'Content-Range': range } })
}

async function expectStored({ status, headers }: Answer, expected: string = digest): Promise<void> {
  expect({ status, digest: headers['docker-content-digest'] }).toEqual({ status: 201, digest: expected })
  expect((await ask(registry, 'GET', headers.location ?? '')).text).toBe(content)
}

test('a blob in one POST', async () => {
  await expectStored(await ask(registry, 'POST', `${uploads}?digest=${digest}`, { body: content }))
})

test('a blob in one POST without a length', async () => {
  await expectStored(
    await ask(registry, 'POST', `${uploads}?digest=${digest}`, { body: content, headers: { 'Transfer-Encoding': 'chunked' } }),
  )
})

test('a blob by POST, then PUT', async () => {
  await expectStored(await chunk('PUT', `${await begin()}?digest=${digest}`, content))
})

test('a blob by POST, then one PATCH, then PUT', async () => {
  const location = await begin()
  const { status, headers } = await chunk('PATCH', location, content)
  expect({ status, range: headers.range }).toEqual({ status: 202, range: '0-9' })
  await expectStored(await ask(registry, 'PUT', `${headers.location}?digest=${digest}`))
})

test('a blob in chunks, the last one with the PUT', async () => {
  const location = await begin()
  expect((await chunk('PATCH', location, '0123', '0-3')).headers.range).toBe('0-3')
  expect((await chunk('PATCH', location, '456', '4-6')).headers.range).toBe('0-6')
  await expectStored(await chunk('PUT', `${location}?digest=${digest}`, '789', '7-9'))
})

test('an empty blob', async () => {
  const empty = digestOf('')
  expect((await ask(registry, 'PUT', `${await begin()}?digest=${empty}`)).status).toBe(201)
  expect((await ask(registry, 'GET', `/v2/a/b/blobs/${empty}`)).text).toBe('')
})

test('a blob by its sha512 digest, also where sha256 was announced', async () => {
  const long = digestOf(content, 'sha512')
  for (const query of ['', '?digest-algorithm=sha512']) {
    const location = await begin(query)
    await chunk('PATCH', location, content)
    await expectStored(await ask(registry, 'PUT', `${location}?digest=${long}`), long)
  }
})

test('an algorithm that is not registered is refused', async () => {
  const answer = await ask(registry, 'POST', `${uploads}?digest-algorithm=md5`)
  expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 400, code: 'UNSUPPORTED' })
})

describe('a chunk that does not follow', () => {
  test.each(['5-8', '1-4', '0-3'])('%s after 0-3 is 416, and the upload goes on from where it is', async (range) => {
    const location = await begin()
    await chunk('PATCH', location, '0123', '0-3')
    const refused = await chunk('PATCH', location, 'xxxx', range)
    expect({ status: refused.status, range: refused.headers.range, location: refused.headers.location }).toEqual({
      status: 416,
      range: '0-3',
      location,
    })
    const status = await ask(registry, 'GET', location)
    expect({ status: status.status, range: status.headers.range }).toEqual({ status: 204, range: '0-3' })
    await expectStored(await chunk('PUT', `${location}?digest=${digest}`, '456789', '4-9'))
  })

  test('is 416 also with the PUT', async () => {
    const location = await begin()
    const refused = await chunk('PUT', `${location}?digest=${digest}`, '789', '7-9')
    expect(refused.status).toBe(416)
    await expectStored(await chunk('PUT', `${location}?digest=${digest}`, content, '0-9'))
  })

  test.each(['bytes 0-3/10', '3-0', '-3', 'x'])('with the Content-Range %s is refused', async (range) => {
    const answer = await chunk('PATCH', await begin(), '0123', range)
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 400, code: 'BLOB_UPLOAD_INVALID' })
  })

  test('of another length than its range says is refused', async () => {
    const answer = await chunk('PATCH', await begin(), '0123', '0-9')
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 400, code: 'SIZE_INVALID' })
  })
})

describe('content that is not what its digest says', () => {
  const wrong = digestOf('something else')

  test.each([
    { how: 'POST', send: async () => await ask(registry, 'POST', `${uploads}?digest=${wrong}`, { body: content }) },
    { how: 'PUT', send: async () => await chunk('PUT', `${await begin()}?digest=${wrong}`, content) },
    {
      how: 'PATCH and PUT',
      send: async () => {
        const location = await begin()
        await chunk('PATCH', location, content)
        return await ask(registry, 'PUT', `${location}?digest=${wrong}`)
      },
    },
  ])('is refused after $how and leaves nothing', async ({ send }) => {
    const answer = await send()
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 400, code: 'DIGEST_INVALID' })
    expect(store.blobs.size).toBe(0)
    expect((await ask(registry, 'HEAD', `/v2/a/b/blobs/${wrong}`)).status).toBe(404)
  })

  test('is refused also where another repository has the content', async () => {
    await pushBlob(registry, 'secret', 'something else')
    const answer = await ask(registry, 'POST', `${uploads}?digest=${wrong}`, { body: content })
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 400, code: 'DIGEST_INVALID' })
    expect((await ask(registry, 'HEAD', `/v2/a/b/blobs/${wrong}`)).status).toBe(404)
  })
})

test('a cancelled upload is gone', async () => {
  const location = await begin()
  await chunk('PATCH', location, content)
  expect((await ask(registry, 'DELETE', location)).status).toBe(204)
  for (const method of ['GET', 'PATCH', 'DELETE']) expect((await ask(registry, method, location)).status).toBe(404)
})

test('an upload belongs to its repository', async () => {
  const location = await begin()
  const other = location.replace('/a/b/', '/c/')
  expect((await ask(registry, 'PUT', `${other}?digest=${digest}`, { body: content })).status).toBe(404)
})

test('what came before a connection broke is kept, and the upload goes on from there', async () => {
  const location = await begin()
  const cut = ask(registry, 'PATCH', location, {
    headers: { 'Content-Length': 10 },
    begin: (request) => request.write('0123', () => request.destroy()),
    // The rest never comes.
  })
  await expect(cut).rejects.toThrow()
  const { headers } = await ask(registry, 'GET', location)
  expect(['0-3', '0-0']).toContain(headers.range)
  const next = headers.range === '0-3' ? 4 : 0
  await expectStored(await chunk('PUT', `${location}?digest=${digest}`, content.slice(next), `${next}-9`))
})

test('two clients may send the same blob at the same time', async () => {
  const slow = ask(registry, 'POST', `${uploads}?digest=${digest}`, {
    headers: { 'Content-Length': 10 },
    begin: (request) => request.write('01234'),
    body: '56789',
  })
  const [first, second] = await Promise.all([slow, ask(registry, 'POST', `/v2/c/blobs/uploads/?digest=${digest}`, { body: content })])
  expect([first.status, second.status]).toEqual([201, 201])
  expect((await ask(registry, 'GET', `/v2/c/blobs/${digest}`)).text).toBe(content)
})

describe('who sends a blob slowly', () => {
  /** Resolves when the store has begun to receive the next blob. */
  async function ingestBegun(): Promise<void> {
    await new Promise<void>((resolve) => {
      const original = store.ingest.bind(store)
      jest.spyOn(store, 'ingest').mockImplementationOnce(async (descriptor) => {
        const answer = await original(descriptor)
        resolve()
        return answer
      })
    })
  }

  /** Sends a half, waits until `meanwhile` is done, and sends the rest. */
  async function sendSlowly(rest: string, meanwhile: () => Promise<void>): Promise<Answer> {
    const begun = ingestBegun()
    let proceed: () => void = () => undefined
    const answered = new Promise<Answer>((resolve, reject) => {
      const headers = { 'Content-Length': content.length }
      const path = `${uploads}?digest=${digest}`
      const sent = request({ host: registry.host, port: registry.port, method: 'POST', path, headers, agent: false }, (response) => {
        response
          .resume()
          .on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.of(), text: '' }))
      })
      sent.on('error', reject)
      sent.write('01234')
      proceed = () => sent.end(rest)
    })
    await begun
    await meanwhile()
    proceed()
    return await answered
  }

  async function sendWhole(): Promise<void> {
    const location = await begin()
    await chunk('PATCH', location, content)
    await expectStored(await ask(registry, 'PUT', `${location}?digest=${digest}`))
  }

  test('does not keep out who has it whole, and still gets it in', async () => {
    await expectStored(await sendSlowly('56789', sendWhole))
  })

  test('does not keep out a manifest', async () => {
    const config = { mediaType: mediaTypes.config, digest: await pushBlob(registry, 'a/b', '{}'), size: 2 }
    const manifest = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [] })
    const begun = ingestBegun()
    const holding = connect(registry.port, registry.host)
    holding.write(`POST ${uploads}?digest=${digestOf(manifest)} HTTP/1.1\r\nHost: x\r\nContent-Length: ${manifest.length}\r\n\r\n{`)
    await begun
    await pushManifest(registry, 'a/b', 'v1', manifest)
    expect((await ask(registry, 'GET', '/v2/a/b/manifests/v1')).text).toBe(manifest)
    holding.destroy()
  })

  test('is refused where the content turns out to be another, and what the other one sent stays', async () => {
    expect((await sendSlowly('xxxxx', sendWhole)).status).toBe(400)
    expect((await ask(registry, 'GET', `/v2/a/b/blobs/${digest}`)).text).toBe(content)
  })
})

describe('a mount', () => {
  test('takes the blob from the repository that is named', async () => {
    await pushBlob(registry, 'source', content)
    await expectStored(await ask(registry, 'POST', `${uploads}?mount=${digest}&from=source`))
  })

  test('takes the blob from whoever has it where nobody is named', async () => {
    await pushBlob(registry, 'source', content)
    await expectStored(await ask(registry, 'POST', `${uploads}?mount=${digest}`))
  })

  test('begins an upload where the source does not have it', async () => {
    await pushBlob(registry, 'elsewhere', content)
    const { status, headers } = await ask(registry, 'POST', `${uploads}?mount=${digest}&from=source`)
    expect(status).toBe(202)
    await expectStored(await chunk('PUT', `${headers.location}?digest=${digest}`, content))
  })

  test('of a bad digest is refused', async () => {
    expect(codeOf(await ask(registry, 'POST', `${uploads}?mount=sha256:bad&from=source`))).toBe('DIGEST_INVALID')
  })
})
