import { Attack, failure } from './fixtures/attack.ts'

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
