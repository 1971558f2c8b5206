import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { copy, layout, Registry, serve } from '../src/index.ts'
import { CuttingProxy } from './fixtures/cutting-proxy.ts'
import { DistributionRegistry, withPrograms } from './fixtures/peers.ts'
import { sha256, TestRegistry } from './fixtures/registry.ts'

// A connection that a proxy ends is noticed by both sides in their own time, on a machine that may be busy.
jest.setTimeout(60_000)

const retry = { attempts: 3, delay: 1, maxDelay: 5 }
const layers = [randomBytes(1_500_000), randomBytes(700_000)]
const size = layers.reduce((sum, { length }) => sum + length, 0)
/** Bytes of a body after which a connection ends: more than counts as progress, and no multiple of any buffer. */
const piece = 100_003
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-test-cuts-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

/** A layout folder with the image. */
async function original(): Promise<string> {
  const source = await TestRegistry.start()
  const path = join(folder, 'original')
  try {
    source.addImage('app', 'v1', layers)
    await copy(source.reference('app:v1'), { sink: layout(path), name: 'app:v1' })
    return path
  } finally {
    await source.close()
  }
}

async function pullThroughCuts(port: number): Promise<void> {
  const proxy = await CuttingProxy.start(port, { down: piece, up: Number.POSITIVE_INFINITY })
  const registry = new Registry({ retry })
  const pulled = layout(join(folder, 'pulled'))
  try {
    await registry.pull(`${proxy.host}/app:v1`, pulled)
    for (const layer of layers) expect(await pulled.verify(sha256(layer))).toBe(true)
    expect(proxy.cuts).toBeGreaterThan(15)
    // All that is not layers is manifest and configuration, which are short.
    expect(proxy.through.down - size).toBeGreaterThan(0)
    expect(proxy.through.down - size).toBeLessThan(5_000)
  } finally {
    await registry.close()
    await proxy.close()
  }
}

async function pushThroughCuts(port: number, host: string): Promise<void> {
  const path = await original()
  const proxy = await CuttingProxy.start(port, { down: Number.POSITIVE_INFINITY, up: piece })
  const registry = new Registry({ retry })
  try {
    const pushed = await registry.push(layout(path), `${proxy.host}/app:v1`, { name: 'app:v1' })
    expect((await registry.resolve(`${host}/app:v1`)).digest).toBe(pushed.digest)
    expect(proxy.cuts).toBeGreaterThan(15)
    expect(proxy.through.up - size).toBeGreaterThan(0)
    expect(proxy.through.up - size).toBeLessThan(5_000)
  } finally {
    await registry.close()
    await proxy.close()
  }
}

test('a pull through a proxy that ends every connection after a piece receives no byte of a layer twice', async () => {
  const path = await original()
  const served = await serve(layout(join(folder, 'served')))
  try {
    const host = `${served.host}:${served.port}`
    await copy({ source: layout(path), name: 'app:v1' }, `${host}/app:v1`)
    await pullThroughCuts(served.port)
  } finally {
    await served.close()
  }
})

test('a push through a proxy that ends every connection after a piece sends no byte of a layer twice', async () => {
  const served = await serve(layout(join(folder, 'served')))
  try {
    await pushThroughCuts(served.port, `${served.host}:${served.port}`)
  } finally {
    await served.close()
  }
})

withPrograms('docker-registry')("the distribution project's registry", () => {
  test('a pull through such a proxy receives no byte of a layer twice', async () => {
    const path = await original()
    const peer = await DistributionRegistry.start(folder)
    try {
      await copy({ source: layout(path), name: 'app:v1' }, `${peer.host}/app:v1`)
      await pullThroughCuts(Number(peer.host.split(':')[1]))
    } finally {
      await peer.close()
    }
  })
})
