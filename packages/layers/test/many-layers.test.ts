import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LayerStore } from '../src/index.ts'
import { layerType, put, putImage, tar } from './fixtures.ts'

const asRoot = process.platform === 'linux' && process.getuid?.() === 0 ? describe : describe.skip

// Each of the layers is received and unpacked by itself.
jest.setTimeout(120_000)

let folder: string
let store: LayerStore

asRoot('an image of many layers', () => {
  const layers = Array.from({ length: 501 }, (_, index) =>
    tar([
      { name: `layer-${index}`, content: String(index) },
      { name: 'last', content: String(index) },
    ]),
  )

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'box-many-layers-'))
    store = await LayerStore.open(join(folder, 'store'), { durability: 'none' })
    for (let next = 0; next < layers.length; next += 20)
      await Promise.all(layers.slice(next, next + 20).map((layer) => put(store, layer, layerType)))
    await putImage(store, layers, '501')
    await putImage(store, layers.slice(0, 300), '300')
  })
  afterAll(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })

  test('of 300 is mounted, written to, committed and read', async () => {
    const root = await store.mount('300')
    expect(await root.readdir('/')).toHaveLength(301)
    expect(await root.readFile('/last', 'utf8')).toBe('299')
    await root.remove('/layer-0')
    await root.writeFile('/last', 'new')
    expect(await root.usage()).toMatchObject({ inodes: 2 })
    const next = await store.commit(root)
    await root.close()
    expect(next.layers).toHaveLength(301)
    const flat = await store.squash(next)
    const files = await store.files(flat)
    expect(files.list()).toHaveLength(300)
    expect(await files.readFile('/last', 'utf8')).toBe('new')
    const seen = await store.mount(flat, { readOnly: true })
    expect(await seen.readdir('/')).toHaveLength(300)
    await seen.close()
  })

  test('more than 500 are refused by name, copied instead, and mounted again when two are squashed', async () => {
    const refused = store.mount('501', { kind: 'overlay' })
    await expect(refused).rejects.toThrow('an overlay has at most 500 layers, and the image 501')
    await expect(refused).rejects.toMatchObject({ code: 'ERR_BOX_UNSUPPORTED', hint: expect.stringContaining('squash') })
    const copy = await store.mount('501')
    expect([copy.kind, (await copy.readdir('/')).length, await copy.readFile('/last', 'utf8')]).toEqual(['copy', 502, '500'])
    await copy.writeFile('/new', 'x')
    const changes: string[] = []
    for await (const { kind, path } of copy.changes()) changes.push(`${kind} ${path}`)
    expect(changes).toEqual(['added /new'])
    await copy.close()
    const squashed = await store.squash('501', { to: 2 })
    expect(squashed.layers).toHaveLength(500)
    const root = await store.mount(squashed)
    expect([root.kind, (await root.readdir('/')).length]).toEqual(['overlay', 502])
    await root.close()
  })
})
