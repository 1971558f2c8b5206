import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { splitDigest } from '@box/oci'
import { LayerStore } from '../src/index.ts'
import { putImage, tar } from './fixtures.ts'

const asRoot = process.getuid?.() === 0 ? describe : describe.skip

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-layers-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

/** Puts an image into a store and gives the folder of its one layer. */
async function storeWithLayer(durability: 'full' | 'pull' | 'none'): Promise<string> {
  const store = await LayerStore.open(folder, { durability })
  await putImage(store, [tar([{ name: 'file', content: 'content' }])], 'image')
  const image = await store.get('image')
  await store.close()
  return join(folder, 'layers/sha256', splitDigest(image?.layers[0]?.diffID ?? 'sha256:').encoded)
}

/** What a power cut leaves of files that were never synced: their names, and no content. */
async function cutPower(layer: string): Promise<void> {
  await truncate(join(layer, 'tree/file'), 0)
  const record = JSON.parse(await readFile(join(layer, 'layer.json'), 'utf8'))
  await writeFile(join(layer, 'layer.json'), JSON.stringify({ ...record, bootId: 'another boot' }))
}

async function contentOf(name: string): Promise<string> {
  const store = await LayerStore.open(folder)
  try {
    const root = await store.mount(name)
    const content = await root.readFile('/file', 'utf8')
    await root.close()
    return content
  } finally {
    await store.close()
  }
}

asRoot('durability', () => {
  test.each(['full', 'pull'] as const)('%s: a layer is known to be on the disk once the store is closed', async (durability) => {
    const layer = await storeWithLayer(durability)
    expect(JSON.parse(await readFile(join(layer, 'layer.json'), 'utf8'))).toMatchObject({ durable: true })
    await cutPower(layer)
    expect(await contentOf('image')).toBe('')
  })

  test('a layer that is not known to be on the disk is unpacked again after the machine has started anew', async () => {
    const layer = await storeWithLayer('none')
    expect(await contentOf('image')).toBe('content')
    await cutPower(layer)
    expect(await contentOf('image')).toBe('content')
  })

  test('a record without content, as a power cut leaves it, is no record', async () => {
    const layer = await storeWithLayer('none')
    await truncate(join(layer, 'layer.json'), 0)
    expect(await contentOf('image')).toBe('content')
  })

  test('a record of a kind that is not known is refused, not guessed at', async () => {
    const layer = await storeWithLayer('pull')
    await writeFile(join(layer, 'layer.json'), JSON.stringify({ version: 2, kind: 'other' }))
    await expect(contentOf('image')).rejects.toMatchObject({ code: 'ERR_BOX_STORE_INVALID' })
  })
})
