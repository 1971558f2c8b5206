import type { IncomingMessage } from 'node:http'
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
      retryAfter: 3_600_000,
    })
    expect(attack.server.seen).toHaveLength(1)
    attack.answer(/./, (request) => void request.socket.destroy())
    expect(await failure(attack.client().resolve(attack.server.reference('app:v1')))).toMatchObject({
      code: 'ERR_BOX_REGISTRY_UNREACHABLE',
    })
    expect(attack.server.seen).toHaveLength(3)
  })

  describe('a registry that asks to wait a second', () => {
    /** When what came in, by the clock of `performance.now()`. */
    let times: { readonly at: number; readonly what: string }[]
    let refusals: number

    beforeEach(() => {
      times = []
      refusals = 0
    })

    /** Refuses the first request that fits, and notes all others. */
    function refuseFirst(fits: (request: IncomingMessage) => boolean): void {
      attack.server.intercept = (request, response) => {
        times.push({ at: performance.now(), what: `${request.method} ${request.url}` })
        if (refusals > 0 || !fits(request)) return false
        refusals += 1
        request.resume().once('end', () => response.writeHead(429, { 'retry-after': '1' }).end())
        return true
      }
    }

    /** The longest time without any request. */
    function pause(): number {
      return Math.max(...times.slice(1).map(({ at }, index) => at - (times[index]?.at ?? at)))
    }

    function client(): Registry {
      return attack.client({ retry: { attempts: 3, delay: 1, maxDelay: 2000 } })
    }

    test('is asked nothing meanwhile, for other blobs neither', async () => {
      const layers = Array.from({ length: 12 }, (_, index) => Buffer.from(`layer ${index}`))
      attack.server.addImage('app', 'v1', layers)
      refuseFirst(({ url }) => url?.includes('/blobs/') === true)
      await client().pull(attack.server.reference('app:v1'), new Memory())
      expect(pause()).toBeGreaterThan(950)
      // What was on its way already came before: no more than go on at a time.
      const late = times.findIndex(({ at }, index) => index > 0 && at - (times[index - 1]?.at ?? at) > 950)
      expect(late).toBeLessThanOrEqual(6)
    })

    test.each([
      ['of a large blob', 400_000, 'PATCH'],
      ['of a small blob', 1000, 'PUT'],
    ])('is asked to go on with an upload %s after it', async (_, size, method) => {
      const memory = new Memory()
      attack.server.addImage('app', 'v1', [Buffer.alloc(size)])
      await client().pull(attack.server.reference('app:v1'), memory, { name: 'v1' })
      attack.server.blobs.clear()
      refuseFirst((request) => request.method === method)
      await client().push(memory, attack.server.reference('app:v2'), { name: 'v1' })
      expect(refusals).toBe(1)
      expect(pause()).toBeGreaterThan(950)
    })

    test('for a token is asked for one after it', async () => {
      attack.server.addImage('app', 'v1', [])
      refuseFirst(({ url }) => url?.startsWith('/token') === true)
      const counted = attack.server.intercept
      attack.server.intercept = async (request, response) => {
        if (await counted(request, response)) return true
        if (request.url?.startsWith('/token') === true) response.end('{"token":"one"}')
        else if (request.headers.authorization === undefined)
          response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${attack.server.host}/token"` }).end()
        else return false
        return true
      }
      await client().resolve(attack.server.reference('app:v1'))
      expect(refusals).toBe(1)
      expect(pause()).toBeGreaterThan(950)
    })
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
