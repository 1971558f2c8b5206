import type { Registry } from '../src/index.ts'
import { Attack, failure } from './fixtures/attack.ts'
import { Memory } from './fixtures/memory.ts'

let attack: Attack

beforeEach(async () => {
  attack = await Attack.start()
})

afterEach(async () => await attack.close())

describe('what fails for the moment', () => {
  test('is tried again, after the time that the registry asks for', async () => {
    attack.server.addImage('app', 'v1', [])
    const times: number[] = []
    attack.server.intercept = (_, response) => {
      times.push(performance.now())
      if (times.length > 2) return false
      response.writeHead(times.length === 1 ? 503 : 429, { 'retry-after': '1' }).end()
      return true
    }
    await attack.client({ retry: { attempts: 3, delay: 1, maxDelay: 2000 } }).resolve(attack.server.reference('app:v1'))
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(950)
  })

  test.each([
    ['a manifest', /manifests\/v1/, async (registry: Registry, name: string) => (await registry.manifest(name)).bytes.length],
    [
      'a page of a list',
      /tags\/list/,
      async (registry: Registry, name: string) => {
        const tags: string[] = []
        for await (const tag of registry.tags(name)) tags.push(tag)
        return tags.length
      },
    ],
  ])('%s that breaks off in the middle is asked for again, within the tries that there are', async (_, pattern, read) => {
    attack.server.addImage('app', 'v1', [])
    let cuts = 0
    const answer = '{"name":"app","tags":["v1"]}'
    const cutting = (limit: number): void => {
      cuts = 0
      attack.server.intercept = (request, response) => {
        if (!pattern.test(request.url ?? '')) return false
        cuts += 1
        if (cuts > limit) {
          if (!request.url?.includes('tags')) return false
          response.end(answer)
          return true
        }
        response.writeHead(200, { 'content-length': 1000 }).write('{"name"', () => response.socket?.destroy())
        return true
      }
    }
    cutting(1)
    expect(await read(attack.client(), attack.server.reference('app:v1'))).toBeGreaterThan(0)
    expect(cuts).toBe(2)
    cutting(10)
    expect(await failure(read(attack.client(), attack.server.reference('app:v1')))).toMatchObject({ code: 'ERR_BOX_REGISTRY_UNREACHABLE' })
    expect(cuts).toBe(2)
  })

  test('is no failure where nobody wants what breaks off', async () => {
    const memory = new Memory()
    attack.server.addImage('app', 'v1', [Buffer.from('layer')])
    await attack.client().pull(attack.server.reference('app:v1'), memory, { name: 'v1' })
    attack.server.intercept = (request, response) => {
      if (request.method !== 'PUT' || !(request.url ?? '').includes('/manifests/')) return false
      request.resume().once('end', () => response.writeHead(201, { 'content-length': 100 }).write('{', () => response.socket?.destroy()))
      return true
    }
    await attack.client().push(memory, attack.server.reference('app:v2'), { name: 'v1' })
    expect(attack.server.count('PUT', /manifests/)).toBe(1)
  })

  test('is an error where the registry asks for more patience than there is, and where it never passes', async () => {
    attack.answer(/./, (_, response) => {
      response.writeHead(429, { 'retry-after': '3600' }).end()
    })
    expect(await failure(attack.client().resolve(attack.server.reference('app:v1')))).toMatchObject({
      code: 'ERR_BOX_REGISTRY_BUSY',
      status: 429,
    })
    expect(attack.server.seen).toHaveLength(1)
    attack.answer(/./, (request) => void request.socket.destroy())
    expect(await failure(attack.client().resolve(attack.server.reference('app:v1')))).toMatchObject({
      code: 'ERR_BOX_REGISTRY_UNREACHABLE',
    })
    expect(attack.server.seen).toHaveLength(3)
  })

  test('is given up at once when the signal is aborted while waiting', async () => {
    attack.answer(/./, (_, response) => {
      response.writeHead(503, { 'retry-after': '20' }).end()
    })
    const controller = new AbortController()
    const reason = new Error('enough')
    setTimeout(() => controller.abort(reason), 50)
    const resolving = attack.client({ retry: { attempts: 5, maxDelay: 60_000 } }).resolve(attack.server.reference('app:v1'), {
      signal: controller.signal,
    })
    expect(await failure(resolving)).toBe(reason)
  })
})
