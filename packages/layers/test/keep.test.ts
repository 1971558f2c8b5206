import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layout, memorySink, mediaTypes } from '@box/oci'
import { copyGraph } from '../src/images/transfer.ts'
import { LayerStore } from '../src/index.ts'
import { put, putImage, tar } from './fixtures.ts'

const linux = process.platform === 'linux' ? describe : describe.skip
const asRoot = process.getuid?.() === 0 ? test : test.skip

// Blobs are synced one by one, and the disk may be busy.
jest.setTimeout(60_000)

let folder: string
let store: LayerStore

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-keep-'))
  store = await LayerStore.open(folder, { keep: 'unpacked' })
})
afterEach(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

const layer = (name: string): Buffer => tar([{ name, content: name.repeat(1000) }])

linux('a store that keeps layers unpacked only', () => {
  test('has no bytes of layers, is whole, and says so where bytes are needed', async () => {
    const image = await putImage(store, [layer('below'), layer('above')], 'image')
    expect(await readdir(join(folder, 'blobs/sha256'))).toHaveLength(2)
    expect((await readdir(join(folder, 'staging'))).filter((name) => name.startsWith('sha256'))).toEqual([])
    expect(await store.resolve('image')).toEqual(image)
    expect(await store.list()).toEqual([{ name: 'image', descriptor: image }])
    expect(await store.get('image')).toMatchObject({ digest: image.digest, layers: { length: 2 } })
    expect(await store.prune()).toMatchObject({ blobs: [], layers: [], bytes: 0 })
    expect(await store.verify()).toEqual({ blobs: 2, layers: 2, problems: [] })
    const absent = { code: 'ERR_BOX_BLOB_ABSENT', hint: expect.stringContaining("keep: 'all'") }
    await expect(copyGraph(store, memorySink(), image)).rejects.toMatchObject(absent)
    await expect(store.export('image', join(folder, 'copy'))).rejects.toMatchObject({ code: 'ERR_BOX_BLOB_ABSENT' })
    await expect(store.files('image')).rejects.toMatchObject(absent)
    await expect(store.squash('image')).rejects.toMatchObject(absent)
  })

  test('does not show others what they could not read', async () => {
    await putImage(store, [layer('below')], 'image')
    expect(await layout(folder).list()).toEqual([])
    expect(JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'))).toMatchObject({ manifests: [] })
  })

  test('asks for no layer twice, and takes one that another image brings', async () => {
    const bytes = layer('shared')
    await putImage(store, [bytes, layer('one')], 'one')
    const again = await LayerStore.open(folder, { keep: 'unpacked' })
    const { digest } = await put(again, bytes, mediaTypes.layer)
    expect((await again.ingest({ mediaType: mediaTypes.layer, digest, size: bytes.byteLength })).state).toBe('present')
    await putImage(again, [bytes, layer('two')], 'two')
    await again.close()
    expect((await store.list()).map(({ name }) => name)).toEqual(['one', 'two'])
    expect((await store.verify()).problems).toEqual([])
  })

  test('what is pulled again to keep all is complete then, and an image of others', async () => {
    await putImage(store, [layer('below')], 'image')
    const all = await LayerStore.open(folder)
    expect(await all.resolve('image')).toBeDefined()
    const image = await putImage(all, [layer('below')], 'image')
    await all.close()
    expect(await layout(folder).list()).toEqual([{ name: 'image', descriptor: image }])
    expect(await store.list()).toHaveLength(1)
    await copyGraph(store, memorySink(), image)
    expect(await store.remove('image')).toBe(true)
    expect(await store.list()).toEqual([])
  })

  test('a name goes with all that it led to', async () => {
    await putImage(store, [layer('below')], 'image')
    await putImage(store, [layer('other')], 'image')
    expect((await store.prune()).layers).toHaveLength(1)
    expect(await store.remove('image')).toBe(true)
    expect(await store.remove('image')).toBe(false)
    expect((await store.prune()).layers).toHaveLength(1)
    expect(await store.usage()).toMatchObject({ blobs: { bytes: 0 }, layers: { bytes: 0 }, images: [] })
  })

  test('an image whose layer is neither there as bytes nor unpacked gets no name', async () => {
    const image = await putImage(store, [layer('below')], 'image')
    await store.remove('image')
    await rm(join(folder, 'layers/sha256'), { recursive: true })
    await expect(store.tag('again', image)).rejects.toMatchObject({ code: 'ERR_BOX_BLOB_ABSENT' })
    await expect(LayerStore.open(folder, { keep: 'none' as 'all' })).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
  })

  asRoot('a layer that means something only above others keeps its bytes, and both are mounted', async () => {
    const below = tar([
      { name: 'folder', type: 'folder', mode: 0o700 },
      { name: 'folder/one', content: '1' },
    ])
    await putImage(store, [below, tar([{ name: 'folder/two', content: '2' }])], 'image')
    // Manifest, configuration and that layer.
    expect(await readdir(join(folder, 'blobs/sha256'))).toHaveLength(3)
    const root = await store.mount('image')
    expect(await root.readdir('/folder')).toEqual(['one', 'two'])
    await root.writeFile('/folder/three', '3')
    const next = await store.commit(root, { tag: 'next' })
    await root.close()
    expect(next.layers).toHaveLength(3)
    const again = await store.mount('next')
    expect(await again.readdir('/folder')).toEqual(['one', 'three', 'two'])
    await again.close()
    expect((await store.verify()).problems).toEqual([])
  })
})

linux('what images take', () => {
  test('is their own or shared, by image and not by name', async () => {
    const all = await LayerStore.open(join(folder, 'all'))
    const sizes = { shared: layer('shared').byteLength, one: layer('one').byteLength, two: layer('two').byteLength }
    const one = await putImage(all, [layer('shared'), layer('one')], 'one')
    const two = await putImage(all, [layer('shared'), layer('two')], 'two')
    await all.tag('also-two', two)
    const { images, blobs, layers, partials } = await all.usage()
    expect(images.map(({ names, digest, isIndex }) => [names, digest, isIndex])).toEqual([
      [['also-two', 'two'], two.digest, false],
      [['one'], one.digest, false],
    ])
    const sum = (pick: (usage: (typeof images)[number]) => { readonly bytes: number }): number =>
      images.reduce((total, usage) => total + pick(usage).bytes, 0)
    // All but what is shared is somebody's own.
    const shared = images[0]?.shared
    expect(images[1]?.shared).toEqual(shared)
    expect(sum(({ own }) => own) + (shared?.bytes ?? 0)).toBe(blobs.bytes + layers.bytes)
    expect(shared?.bytes).toBeGreaterThanOrEqual(2 * 6000)
    expect(shared?.bytes).toBeLessThan(sizes.shared + sizes.one + sizes.two)
    expect(partials).toEqual({ bytes: 0, inodes: 0 })
    const before = blobs.bytes + layers.bytes
    const [, own] = images
    await all.remove('one')
    expect((await all.prune()).bytes).toBe(own?.own.bytes)
    const after = await all.usage()
    expect(after.blobs.bytes + after.layers.bytes).toBe(before - (own?.own.bytes ?? 0))
    expect(after.images).toMatchObject([{ shared: { bytes: 0 } }])
    await all.close()
  })
})
