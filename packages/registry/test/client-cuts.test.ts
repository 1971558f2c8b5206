import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { copy, layout, serve, type ServedRegistry } from '../src/index.ts'
import { originalIn, piece, pullThroughCuts, pushCuts, pushKills, pushThroughCuts, pushThroughKills } from './fixtures/cuts.ts'
import { DistributionRegistry, withPrograms } from './fixtures/peers.ts'

// A connection that a proxy ends is noticed by both sides in their own time, on a machine that may be busy.
jest.setTimeout(60_000)

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-test-cuts-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

describe('our own registry', () => {
  let served: ServedRegistry

  beforeEach(async () => {
    served = await serve(layout(join(folder, 'served')))
  })

  afterEach(async () => {
    await served.close()
  })

  test('a pull through a proxy that ends every connection after a piece receives no byte of a layer twice', async () => {
    await copy({ source: layout(await originalIn(folder)), name: 'app:v1' }, `127.0.0.1:${served.port}/app:v1`)
    await pullThroughCuts(folder, served.port)
  })

  test.each(pushCuts)('a push that is cut %s sends no byte of a layer twice', async (_, limits, options) => {
    await pushThroughCuts(folder, served.port, limits, options)
  })

  test('a push whose connection ends after each answer sends no byte of a layer twice', async () => {
    await pushThroughCuts(folder, served.port, { answers: 1 }, { chunkSize: piece })
  })

  test.each(pushKills)(
    'a push by a process that is killed %s and started again sends no byte of a layer twice',
    async (_, kills, options) => {
      await pushThroughKills(folder, served.port, kills, options)
    },
  )
})

withPrograms('docker-registry')("the distribution project's registry", () => {
  let peer: DistributionRegistry
  let port: number

  beforeEach(async () => {
    peer = await DistributionRegistry.start(folder)
    port = Number(peer.host.split(':')[1])
  })

  afterEach(async () => {
    await peer.close()
  })

  test('a pull through such a proxy receives no byte of a layer twice', async () => {
    await copy({ source: layout(await originalIn(folder)), name: 'app:v1' }, `${peer.host}/app:v1`)
    await pullThroughCuts(folder, port)
  })

  // Version 2 forgets an upload of which a request broke, so that there is no offset to go on from.
  test('a push whose connection ends at each boundary of chunks sends no byte of a layer twice', async () => {
    await pushThroughCuts(folder, port, { answers: 1 }, { chunkSize: piece })
  })

  test('a push by a process that is killed between chunks and started again sends no byte of a layer twice', async () => {
    await pushThroughKills(folder, port, [{ patches: 1 }, { patches: 4 }], { chunkSize: piece, concurrency: 1 })
  })
})
