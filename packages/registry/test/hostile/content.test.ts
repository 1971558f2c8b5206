import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layout } from '../../src/index.ts'
import { Attack, failure, indexType, manifestType } from '../fixtures/attack.ts'
import { Memory } from '../fixtures/memory.ts'
import { sha256 } from '../fixtures/registry.ts'

let attack: Attack

beforeEach(async () => {
  attack = await Attack.start()
})

afterEach(async () => await attack.close())

describe('the bytes that a registry sends are checked', () => {
  async function* lines(count: number): AsyncGenerator<Buffer, void, void> {
    for (let index = 0; index < count; index += 1) yield Buffer.alloc(64 * 1024, ' ')
  }

  async function flood(response: ServerResponse): Promise<void> {
    for await (const line of lines(200)) if (!response.destroyed) response.write(line)
    response.end()
  }

  test.each([
    ['with its length said', { 'content-length': String(12_800 * 1024), 'content-type': manifestType }],
    ['without', { 'content-type': manifestType }],
  ])('a manifest longer than 4 MiB is refused, %s', async (_, headers) => {
    attack.answer(/manifests/, (_request, response) => {
      response.writeHead(200, headers)
      void flood(response)
    })
    expect(await failure(attack.client().resolve(attack.server.reference('app:v1')))).toMatchObject({ code: 'ERR_BOX_LIMIT' })
  })

  test('an answer of a token service longer than 1 MiB is refused, and so is a token that would break a header', async () => {
    for (const respond of [
      (response: ServerResponse): void => void flood(response.writeHead(200)),
      (response: ServerResponse): void => void response.end(JSON.stringify({ token: 'a\r\nx-evil: 1' })),
      (response: ServerResponse): void => void response.end('<html>'),
    ]) {
      attack.answer(/./, (request, response) => {
        if (request.url?.startsWith('/token') === true) respond(response)
        else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${attack.server.host}/token"` }).end()
      })
      const error = await failure(attack.client().resolve(attack.server.reference('app:v1')))
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_BOX_(?:LIMIT|REGISTRY)$/) })
    }
  })

  test('an error longer than 1 MiB is still the error of its status', async () => {
    attack.answer(/manifests/, (_, response) => void flood(response.writeHead(400)))
    expect(await failure(attack.client().resolve(attack.server.reference('app:v1')))).toMatchObject({
      code: 'ERR_BOX_REGISTRY',
      status: 400,
    })
  })

  test.each([
    ['longer than its descriptor says', (layer: Buffer) => Buffer.concat([layer, Buffer.from('more')]), 'ERR_BOX_SIZE_MISMATCH'],
    ['shorter', (layer: Buffer) => layer.subarray(1), 'ERR_BOX_SIZE_MISMATCH'],
    ['of other bytes', (layer: Buffer) => Buffer.alloc(layer.length), 'ERR_BOX_DIGEST_MISMATCH'],
  ])('a blob that is %s is not kept', async (_, spoil, code) => {
    const layer = randomBytes(200_000)
    attack.server.addImage('app', 'v1', [layer])
    attack.server.blobs.set(sha256(layer), spoil(layer))
    const sink = new Memory()
    expect(await failure(attack.client().pull(attack.server.reference('app:v1'), sink))).toMatchObject({ code })
    expect(sink.blobs.has(sha256(layer))).toBe(false)
    expect(sink.names.size).toBe(0)
  })

  test('a blob that is read by itself is checked to its last byte', async () => {
    const layer = randomBytes(200_000)
    attack.server.addImage('app', 'v1', [layer])
    const read = async (): Promise<Buffer> => {
      const chunks: Uint8Array[] = []
      for await (const chunk of attack.client().blob(attack.server.reference('app:v1'), sha256(layer))) chunks.push(chunk)
      return Buffer.concat(chunks)
    }
    expect((await read()).equals(layer)).toBe(true)
    attack.server.blobs.set(sha256(layer), randomBytes(200_000))
    expect(await failure(read())).toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
  })

  test('a part of a blob other than the one asked for, or in an encoding, is refused', async () => {
    const layer = randomBytes(1000)
    attack.server.addImage('app', 'v1', [layer])
    const spoiled: readonly (readonly [number, Record<string, string>])[] = [
      [206, { 'content-range': 'bytes 7-999/1000' }],
      [206, {}],
      [200, { 'content-encoding': 'gzip' }],
    ]
    for (const [status, headers] of spoiled) {
      attack.answer(new RegExp(sha256(layer)), (_, response) => {
        response.writeHead(status, headers).end(layer)
      })
      const sink = new Memory()
      sink.parts.set(sha256(layer), layer.subarray(0, 5))
      expect(await failure(attack.client().pull(attack.server.reference('app:v1'), sink))).toMatchObject({ code: 'ERR_BOX_REGISTRY' })
    }
  })

  test.each([
    ['before it answers', () => undefined],
    ['in the middle of an answer', (response: ServerResponse) => void response.writeHead(200, { 'content-length': 100 }).write('a')],
  ])('a registry that falls silent %s is given up', async (_, begin) => {
    attack.answer(/manifests/, (_request, response) => begin(response))
    const client = attack.client({ egress: { idleTimeout: 100 }, retry: { attempts: 1 } })
    expect(await failure(client.resolve(attack.server.reference('app:v1')))).toMatchObject({ code: 'ERR_BOX_REGISTRY_UNREACHABLE' })
  })

  test('a connection that is taken and never made is given up', async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => sockets.push(socket))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    try {
      const bound = silent.address()
      if (bound === null || typeof bound === 'string') throw new Error('the server is not listening')
      const host = `127.0.0.1:${bound.port}`
      // With authorities of its own it is spoken to over TLS.
      const client = attack.client({ certs: { [host]: {} }, egress: { connectTimeout: 100 }, retry: { attempts: 1 } })
      expect(await failure(client.resolve(`${host}/app:v1`))).toMatchObject({ code: 'ERR_BOX_REGISTRY_UNREACHABLE' })
      expect(sockets).toHaveLength(1)
    } finally {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => silent.close(resolve))
    }
  })

  test('an answer with a head longer than 16 KiB is refused', async () => {
    attack.answer(/manifests/, (_, response) => {
      response.writeHead(200, { 'x-long': 'x'.repeat(20_000) }).end()
    })
    const client = attack.client({ retry: { attempts: 1 } })
    expect(await failure(client.resolve(attack.server.reference('app:v1')))).toMatchObject({ code: 'ERR_BOX_REGISTRY_UNREACHABLE' })
  })

  test('a registry that says it has more of an upload than it was sent is an error', async () => {
    const layer = randomBytes(1_000_000)
    const memory = new Memory()
    attack.server.addImage('app', 'v1', [layer])
    await attack.client().pull(attack.server.reference('app:v1'), memory, { name: 'v1' })
    attack.server.blobs.clear()
    attack.server.intercept = (request, response) => {
      if (request.method !== 'PATCH') return false
      request.resume().once('end', () => response.writeHead(202, { location: request.url ?? '', range: '0-999999' }).end())
      return true
    }
    const push = attack.client().push(memory, attack.server.reference('app:v2'), { name: 'v1', chunkSize: 300_000 })
    expect(await failure(push)).toMatchObject({ code: 'ERR_BOX_SIZE_MISMATCH' })
    expect(attack.server.manifests.has('app:v2')).toBe(false)
  })

  test('redirects without an end are given up', async () => {
    attack.answer(/./, (request, response) => {
      response.writeHead(302, { location: request.url ?? '' }).end()
    })
    expect(await failure(attack.client().resolve(attack.server.reference('app:v1')))).toMatchObject({ code: 'ERR_BOX_REGISTRY' })
    expect(attack.server.seen.length).toBeLessThan(20)
  })

  test('what the answer to HEAD says is a hint: only the bytes of GET count', async () => {
    const layer = randomBytes(1000)
    attack.server.addImage('app', 'v1', [layer])
    const read = async (): Promise<void> => {
      for await (const chunk of attack.client().blob(attack.server.reference('app:v1'), sha256(layer)))
        expect(chunk.length).toBeGreaterThan(0)
    }
    for (const length of [0, 10, 1_000_000]) {
      attack.server.intercept = (request, response) => {
        if (request.method !== 'HEAD') return false
        response.writeHead(200, { 'content-length': length, 'docker-content-digest': sha256(Buffer.from('another')) }).end()
        return true
      }
      expect(await failure(read())).toMatchObject({ code: expect.stringMatching(/^ERR_BOX_(?:SIZE|DIGEST)_MISMATCH$/) })
    }
  })

  test('a list whose pages together are longer than 64 MiB is given up', async () => {
    attack.server.addImage('app', 'v1', [])
    let page = 0
    const annotations = { filler: ' '.repeat(4_000_000) }
    attack.answer(/referrers/, (_, response) => {
      page += 1
      response.writeHead(200, { 'content-type': indexType, link: `</v2/app/referrers/x?page=${page}>; rel="next"` })
      response.end(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [], annotations }))
    })
    expect(await failure(attack.client().referrers(attack.server.reference('app:v1')))).toMatchObject({ code: 'ERR_BOX_LIMIT' })
    expect(page).toBeLessThan(20)
  })

  test('a layout takes nothing by a link that lies where a blob belongs, and writes nothing through it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'box-test-hostile-'))
    try {
      const layer = randomBytes(1000)
      attack.server.addImage('app', 'v1', [layer])
      const sink = layout(join(folder, 'layout'))
      await attack.client().pull(attack.server.reference('app:v1'), sink, { name: 'v1' })
      const path = join(folder, 'layout/blobs/sha256', sha256(layer).slice('sha256:'.length))
      const outside = join(folder, 'outside')
      for (const content of [Buffer.from('not yours'), layer]) {
        await rm(path)
        await writeFile(outside, content)
        await symlink(outside, path)
        expect(await failure(attack.client().pull(attack.server.reference('app:v1'), sink, { name: 'v1' }))).toMatchObject({
          code: 'ERR_BOX_STORE_INVALID',
        })
        expect((await readFile(outside)).equals(content)).toBe(true)
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
