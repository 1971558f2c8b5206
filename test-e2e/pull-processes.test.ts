import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

import { LayerStore } from '@box/layers'
import { copy, layout } from '@box/registry'

import { TestRegistry } from '../packages/registry/test/fixtures/registry.ts'
import { makeImage } from './registry/image.ts'
import { useWorkplace } from './support/workplace.ts'

const program = path.join(__dirname, 'programs/pull-into-store.mjs')
const workplace = useWorkplace()
let server: TestRegistry
let layers: readonly { readonly digest: string; readonly size: number }[]

beforeEach(async () => {
  server = await TestRegistry.start()
  const source = layout(path.join(workplace.folder, 'source'))
  await makeImage(source, [10_000_000, 1000])
  await copy({ source, name: 'one' }, server.reference('app:v1'))
  const manifest: unknown = JSON.parse(String(server.manifests.get('app:v1')?.bytes))
  layers = Object(manifest).layers
})

afterEach(async () => await server.close())

function args(): string[] {
  return [program, server.reference('app:v1'), path.join(workplace.folder, 'store')]
}

async function expectWhole(): Promise<void> {
  const store = await LayerStore.open(path.join(workplace.folder, 'store'))
  try {
    expect(await store.verify()).toMatchObject({ problems: [] })
    expect(await store.resolve(server.reference('app:v1'))).toBeDefined()
  } finally {
    await store.close()
  }
}

test('processes that pull one image into one layer store at the same time download each blob once', async () => {
  const children = Array.from({ length: 8 }, async () => await promisify(execFile)(process.execPath, args()))
  const outputs = (await Promise.all(children)).map(({ stdout }) => stdout)
  for (const { digest } of layers) {
    expect(server.count('GET', new RegExp(digest))).toBe(1)
    expect(outputs.filter((output) => output.includes(`copied ${digest}`))).toHaveLength(1)
    expect(outputs.filter((output) => output.includes(`present ${digest}`))).toHaveLength(7)
  }
  await expectWhole()
}, 60_000)

test('a process that is killed while it pulls into a layer store leaves what it received, and the next one goes on from there', async () => {
  const [{ digest, size } = { digest: '', size: 0 }] = layers
  const bytes = server.blobs.get(digest) ?? Buffer.alloc(0)
  let begun = false
  server.intercept = (request, response) => {
    if (begun || request.method !== 'GET' || !(request.url ?? '').endsWith(digest)) return false
    begun = true
    response.writeHead(200, { 'content-length': size }).write(bytes.subarray(0, size - 1000))
    return true
  }
  const child = spawn(process.execPath, args(), { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  // More is there than waits in memory anywhere on the way.
  for await (const line of createInterface({ input: child.stdout })) {
    const [type, of, done] = line.split(' ')
    if (type === 'progress' && of === digest && Number(done) > size / 2) child.kill('SIGKILL')
  }
  expect((await ended)[1]).toBe('SIGKILL')
  await promisify(execFile)(process.execPath, args())
  const ranges = server.seen.filter(({ method, url }) => method === 'GET' && url.endsWith(digest)).map(({ headers }) => headers.range)
  expect(ranges).toHaveLength(2)
  expect(Number(/^bytes=(\d+)-$/.exec(ranges[1] ?? '')?.[1])).toBeGreaterThan(0)
  await expectWhole()
}, 60_000)
