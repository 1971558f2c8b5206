import { randomBytes } from 'node:crypto'
import { copy, Registry, type CopyHooks } from '../src/index.ts'
import { failure, indexType, manifestType } from './fixtures/attack.ts'
import { Memory } from './fixtures/memory.ts'
import { sha256, TestRegistry } from './fixtures/registry.ts'

const shared = randomBytes(1000)
let server: TestRegistry
let registry: Registry

beforeEach(async () => {
  server = await TestRegistry.start()
  registry = new Registry({ retry: { attempts: 1 } })
  const manifests = ['amd64', 'arm64'].map((architecture) => {
    const { digest, size } = server.addImage('app', architecture, [shared, Buffer.from(architecture)])
    return { mediaType: manifestType, digest, size, platform: { os: 'linux', architecture } }
  })
  server.addManifest('app', 'v1', { schemaVersion: 2, mediaType: indexType, manifests }, indexType)
})

afterEach(async () => {
  await registry.close()
  await server.close()
})

/** Hooks that note what they are called with. */
function noting(): CopyHooks & { readonly seen: string[] } {
  const seen: string[] = []
  return {
    seen,
    before: ({ digest }) => void seen.push(`before ${digest}`),
    after: async ({ digest }) => {
      await Promise.resolve()
      seen.push(`after ${digest}`)
    },
  }
}

test('hooks are called with each part once, a manifest around what is below it, and also where nothing is moved', async () => {
  const memory = new Memory()
  for (const round of ['first', 'again']) {
    const { seen, ...hooks } = noting()
    const { digest } = await registry.copy(server.reference('app:v1'), { sink: memory, name: round }, { hooks })
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen).toHaveLength(2 * (server.blobs.size + 3))
    expect(seen[0]).toBe(`before ${digest}`)
    expect(seen.at(-1)).toBe(`after ${digest}`)
    for (const architecture of ['amd64', 'arm64']) {
      const manifest = sha256(server.manifests.get(`app:${architecture}`)?.bytes ?? Buffer.alloc(0))
      const layer = sha256(Buffer.from(architecture))
      const order = [`before ${manifest}`, `before ${layer}`, `after ${layer}`, `after ${manifest}`]
      expect(order.map((entry) => seen.indexOf(entry))).toEqual(
        order.map((entry) => seen.indexOf(entry)).toSorted((one, other) => one - other),
      )
      expect(seen).toEqual(expect.arrayContaining(order))
    }
  }
})

test('what a hook refuses before is not asked for, and what it refuses after has no manifest and no name', async () => {
  const refusal = new Error('not this layer')
  for (const when of ['before', 'after'] as const) {
    const memory = new Memory()
    server.seen.length = 0
    const hooks = {
      [when]: ({ digest }: { readonly digest: string }) => {
        if (digest === sha256(shared)) throw refusal
      },
    }
    expect(await failure(copy(server.reference('app:v1'), { sink: memory, name: 'v1' }, { hooks, retry: { attempts: 1 } }))).toBe(refusal)
    expect(server.count('GET', new RegExp(sha256(shared)))).toBe(when === 'before' ? 0 : 1)
    expect(memory.names.size).toBe(0)
    expect([...memory.blobs.keys()]).not.toContain(sha256(server.manifests.get('app:v1')?.bytes ?? Buffer.alloc(0)))
  }
})

test('a hook is told by its signal that the copy was given up', async () => {
  const controller = new AbortController()
  const reason = new Error('enough')
  const hooks: CopyHooks = {
    before: async (_, { signal }) => {
      controller.abort(reason)
      await new Promise((_resolve, reject) => {
        if (signal.aborted) reject(signal.reason)
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    },
  }
  expect(await failure(registry.pull(server.reference('app:amd64'), new Memory(), { hooks, signal: controller.signal }))).toBe(reason)
})

test('a hook of another name is refused at once', () => {
  const hooks: object = { befor: () => undefined }
  expect(() => registry.pull(server.reference('app:amd64'), new Memory(), { hooks })).toThrow('befor')
})

describe('blobs on the way from one registry', () => {
  test('are no more than that, over all transfers of the client, while another registry has its own count', async () => {
    const other = await TestRegistry.start()
    const limited = new Registry({ perRegistry: 2, retry: { attempts: 1 } })
    try {
      let open = (): void => undefined
      const opened = new Promise<void>((resolve) => (open = resolve))
      const counts = [server, other].map((one) => {
        const count = { now: 0, most: 0, full: Promise.resolve() }
        count.full = new Promise((resolve) => {
          one.intercept = async ({ method, url = '' }, response) => {
            if (method !== 'GET' || !url.includes('/blobs/')) return false
            count.now += 1
            count.most = Math.max(count.most, count.now)
            response.once('close', () => (count.now -= 1))
            if (count.now === 2) resolve()
            await opened
            return false
          }
        })
        return count
      })
      const pulls = [server, other].flatMap((one) =>
        Array.from({ length: 4 }, (_, index) => {
          one.addImage(
            'many',
            `v${index}`,
            Array.from({ length: 6 }, () => randomBytes(100)),
          )
          return limited.pull(one.reference(`many:v${index}`), new Memory())
        }),
      )
      await Promise.all(counts.map(async ({ full }) => await full))
      // What would come, if it were let, comes while these go and come back.
      for (let round = 0; round < 10; round += 1) await registry.resolve(server.reference('app:v1'))
      expect(counts.map(({ most }) => most)).toEqual([2, 2])
      open()
      await Promise.all(pulls)
    } finally {
      await limited.close()
      await other.close()
    }
  })

  test('who waits for its turn is given up at once, and keeps nobody from theirs', async () => {
    const limited = new Registry({ perRegistry: 1, retry: { attempts: 1 } })
    let arrived = (): void => undefined
    const there = new Promise<void>((resolve) => (arrived = resolve))
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    try {
      server.intercept = async ({ method, url = '' }) => {
        if (method !== 'GET' || !url.includes('/blobs/')) return false
        arrived()
        await released
        return false
      }
      const first = limited.pull(server.reference('app:amd64'), new Memory())
      await there
      const controller = new AbortController()
      const reason = new Error('enough')
      const second = limited.pull(server.reference('app:arm64'), new Memory(), { signal: controller.signal, platform: 'all' })
      const third = limited.pull(server.reference('app:arm64'), new Memory(), { platform: 'all' })
      controller.abort(reason)
      expect(await failure(second)).toBe(reason)
      release()
      await Promise.all([first, third])
    } finally {
      await limited.close()
    }
  })

  test('two copies in opposite directions do not wait for each other without end', async () => {
    const other = await TestRegistry.start()
    const limited = new Registry({ perRegistry: 1, retry: { attempts: 1 } })
    try {
      other.addImage('back', 'v1', [randomBytes(300_000), randomBytes(300_000)])
      server.addImage('forth', 'v1', [randomBytes(300_000), randomBytes(300_000)])
      await Promise.all([
        limited.copy(server.reference('forth:v1'), other.reference('forth:v1')),
        limited.copy(other.reference('back:v1'), server.reference('back:v1')),
      ])
      expect(other.manifests.has('forth:v1') && server.manifests.has('back:v1')).toBe(true)
    } finally {
      await limited.close()
      await other.close()
    }
  })

  test.each([0, 1.5, Number.NaN])('%d is no count of them', (perRegistry) => {
    expect(() => new Registry({ perRegistry })).toThrow('perRegistry')
  })
})
