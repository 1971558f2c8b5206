import { randomBytes } from 'node:crypto'
import { Registry, type RegistryOptions } from '../src/index.ts'
import { Memory } from './fixtures/memory.ts'
import { sha256, TestRegistry } from './fixtures/registry.ts'

const layer = randomBytes(1000)
const reason = new Error('enough')
let server: TestRegistry
let registry: Registry | undefined
/** Resolves when something waits without end. */
let stuck: () => void
let waiting: Promise<void>

beforeEach(async () => {
  server = await TestRegistry.start()
  server.addImage('app', 'v1', [layer])
  waiting = new Promise((resolve) => (stuck = resolve))
})

afterEach(async () => {
  await registry?.close()
  await server.close()
})

async function all(items: AsyncIterable<unknown>): Promise<void> {
  for await (const item of items) expect(item).toBeDefined()
}

type Call = (registry: Registry, reference: string, signal: AbortSignal) => Promise<unknown>

const calls: readonly (readonly [string, Call])[] = [
  ['resolve', async (client, name, signal) => await client.resolve(name, { signal })],
  ['manifest', async (client, name, signal) => await client.manifest(name, { signal })],
  ['blob', async (client, name, signal) => await all(client.blob(name, sha256(layer), { signal }))],
  ['pull', async (client, name, signal) => await client.pull(name, new Memory(), { signal })],
  ['push', async (client, name, signal) => await client.push(source, name, { name: 'v1', signal })],
  ['copy', async (client, name, signal) => await client.copy(name, `${server.host}/other:v1`, { signal })],
  ['tags', async (client, name, signal) => await all(client.tags(name, { signal }))],
  ['repositories', async (client, _, signal) => await all(client.repositories(server.host, { signal }))],
  ['referrers', async (client, name, signal) => await client.referrers(name, { signal })],
  [
    'attach',
    async (client, name, signal) =>
      await client.attach(name, { artifactType: 'text/x', parts: [{ mediaType: 'text/x', content: Buffer.from('x') }] }, { signal }),
  ],
  ['remove', async (client, name, signal) => await client.remove(name, { signal })],
]

const source = new Memory()

beforeAll(async () => {
  const first = await TestRegistry.start()
  const client = new Registry()
  try {
    first.addImage('app', 'v1', [layer])
    await client.pull(first.reference('app:v1'), source, { name: 'v1' })
  } finally {
    await client.close()
    await first.close()
  }
})

/** The call is on its way, waits for what never comes, and is then given up. */
async function expectGivenUp(call: Call, options: RegistryOptions = {}): Promise<void> {
  const client = new Registry({ retry: { attempts: 2, delay: 1 }, ...options })
  registry = client
  const controller = new AbortController()
  const outcome = call(client, server.reference('app:v1'), controller.signal).then(
    () => 'it did not fail',
    (thrown: unknown) => thrown,
  )
  await waiting
  controller.abort(reason)
  expect(await outcome).toBe(reason)
}

/** Says that something waits, and never goes on. */
async function forever(): Promise<never> {
  stuck()
  return await new Promise<never>(() => undefined)
}

describe.each(calls)('%s is given up with the reason of its signal', (_, call) => {
  test('while the registry does not answer', async () => {
    server.intercept = () => {
      stuck()
      return true
    }
    await expectGivenUp(call)
  })

  test('while the token service does not answer', async () => {
    server.intercept = (request, response) => {
      if (request.url?.startsWith('/token') === true) stuck()
      else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${server.host}/token"` }).end()
      return true
    }
    await expectGivenUp(call)
  })

  test.each(['Basic realm="x"', 'Bearer realm="/token"'])('while its credentials are looked for (%s)', async (challenge) => {
    server.intercept = (_request, response) => {
      response.writeHead(401, { 'www-authenticate': challenge }).end()
      return true
    }
    await expectGivenUp(call, { auth: forever })
  })

  test('before it begins', async () => {
    stuck()
    registry = new Registry()
    const given = call(registry, server.reference('app:v1'), AbortSignal.abort(reason))
    await expect(given).rejects.toBe(reason)
    expect(server.seen).toHaveLength(0)
  })
})

test('a pull is given up while its policy or its hook takes no notice', async () => {
  const pull: Call = async (client, name, signal) => await client.pull(name, new Memory(), { signal })
  await expectGivenUp(pull, { policy: forever })
  await registry?.close()
  waiting = new Promise((resolve) => (stuck = resolve))
  await expectGivenUp(async (client, name, signal) => await client.pull(name, new Memory(), { signal, hooks: { before: forever } }))
})

test('who is given up while credentials are looked for takes them from nobody else', async () => {
  let found = (): void => undefined
  const looked = new Promise<void>((resolve) => (found = resolve))
  let asked = 0
  const auth = async (): Promise<{ username: string; password: string }> => {
    asked += 1
    stuck()
    await looked
    return { username: 'me', password: 'secret' }
  }
  server.intercept = (request, response) => {
    if (request.headers.authorization !== undefined) return false
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
    return true
  }
  registry = new Registry({ auth })
  const controller = new AbortController()
  const first = registry.resolve(server.reference('app:v1'), { signal: controller.signal })
  const second = registry.resolve(server.reference('app:v1'))
  await waiting
  controller.abort(reason)
  await expect(first).rejects.toBe(reason)
  found()
  expect((await second).digest).toMatch(/^sha256:/)
  expect(asked).toBe(1)
})
