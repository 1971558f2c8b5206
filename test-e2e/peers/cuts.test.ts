import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pullThroughCuts, pushCuts, pushKills, pushThroughCuts, pushThroughKills } from '../../packages/registry/test/fixtures/cuts.ts'
import { DistributionRegistry } from '../../packages/registry/test/fixtures/peers.ts'

const program = process.env['BOX_DISTRIBUTION'] ?? ''
const withDistribution = program === '' ? describe.skip : describe

withDistribution('distribution v3, which reports how far an upload got', () => {
  let folder: string
  let peer: DistributionRegistry

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'box-cuts-'))
    peer = await DistributionRegistry.start(folder, { program })
  })

  afterEach(async () => {
    await peer.close()
    await rm(folder, { recursive: true })
  })

  test.each(pushCuts)(
    'a push that is cut %s sends no byte of a layer twice, and a cut pull receives none twice',
    async (_, limits, options) => {
      const port = Number(peer.host.split(':')[1])
      await pushThroughCuts(folder, port, limits, options)
      await pullThroughCuts(folder, port)
    },
    60_000,
  )

  test.each(pushKills)(
    'a push by a process that is killed %s and started again sends no byte of a layer twice',
    async (_, kills, options) => {
      await pushThroughKills(folder, Number(peer.host.split(':')[1]), kills, options)
    },
    60_000,
  )
})
