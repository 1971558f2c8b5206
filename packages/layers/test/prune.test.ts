import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { digestOf } from '@box/oci'
import { LayerStore } from '../src/index.ts'
import { put, putImage, tar } from './fixtures.ts'

const linux = process.platform === 'linux' ? describe : describe.skip
const asRoot = process.getuid?.() === 0 ? test : test.skip

// Blobs are synced one by one, and the disk may be busy.
jest.setTimeout(60_000)

let folder: string
let store: LayerStore

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-layers-'))
  store = await LayerStore.open(folder)
})
afterEach(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

const layer = (name: string): Buffer => tar([{ name, content: name.repeat(1000) }])

linux('prune', () => {
  test('it says what it would remove, then removes just that', async () => {
    const shared = layer('shared')
    await putImage(store, [shared, layer('one')], 'one')
    await putImage(store, [shared, layer('two')], 'two')
    expect(await store.prune()).toEqual({ blobs: [], partials: [], layers: [], containers: [], bytes: 0 })
    const before = await store.usage()
    expect(before.blobs.inodes).toBe(7)
    expect(await store.remove('one')).toBe(true)
    expect(await store.remove('one')).toBe(false)
    const said = await store.prune({ dryRun: true })
    expect(said.blobs).toHaveLength(3)
    expect(said.layers).toHaveLength(1)
    expect(await store.usage()).toMatchObject({ blobs: before.blobs, layers: before.layers })
    const done = await store.prune()
    expect({ ...done, blobs: done.blobs.toSorted() }).toEqual({ ...said, blobs: said.blobs.toSorted() })
    const after = await store.usage()
    expect(before.blobs.bytes + before.layers.bytes - after.blobs.bytes - after.layers.bytes).toBe(done.bytes)
    expect(await store.verify()).toMatchObject({ blobs: 4, layers: 2, problems: [] })
    expect(await readdir(join(folder, 'layers/by-blob/sha256'))).toHaveLength(2)
  })

  test('what has arrived for an image without a name yet stays, until its session ends', async () => {
    const other = await LayerStore.open(folder)
    const arrived = await put(other, layer('arrived'), 'application/vnd.oci.image.layer.v1.tar')
    const made = await other.create({ config: { cmd: ['x'] } })
    expect(await store.prune()).toMatchObject({ blobs: [], layers: [] })
    expect(await store.get(made.digest)).toMatchObject({ digest: made.digest })
    await other.close()
    const { blobs, layers } = await store.prune()
    expect(blobs).toContain(arrived.digest)
    expect(blobs).toHaveLength(3)
    expect(layers).toEqual([arrived.digest])
  })

  test('a part of a blob is removed once nobody has to do with it', async () => {
    const bytes = layer('part')
    const other = await LayerStore.open(folder)
    const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf(bytes), size: bytes.byteLength }
    const writer = await other.ingest(descriptor)
    if (writer.state !== 'writing') throw new Error(writer.state)
    await writer.write(bytes.subarray(0, 600))
    expect(await store.prune()).toMatchObject({ partials: [], bytes: 0 })
    await writer.abort()
    // It may be tried again in that session.
    expect(await store.prune()).toMatchObject({ partials: [], bytes: 0 })
    await other.close()
    expect(await store.prune({ dryRun: true })).toMatchObject({ partials: [descriptor.digest], bytes: 600 })
    expect(await store.prune()).toMatchObject({ partials: [descriptor.digest], bytes: 600 })
    expect(await store.prune()).toMatchObject({ partials: [], bytes: 0 })
  })

  test('pulls and prunes at the same time lose nothing that has a name', async () => {
    const puller = await LayerStore.open(folder)
    const pull = async (round: number): Promise<void> => {
      await putImage(puller, [layer('same'), layer(`layer-${round % 2}`)], 'moving')
      await putImage(puller, [layer('same'), layer(`kept-${round}`)], `kept-${round}`)
    }
    for (let round = 0; round < 8; round += 1) await Promise.all([pull(round), store.prune()])
    await store.prune()
    expect((await store.verify()).problems).toEqual([])
    expect(await store.list()).toHaveLength(9)
    for (const { name } of await store.list()) expect(await puller.get(name)).toMatchObject({ layers: { length: 2 } })
    await puller.close()
  })

  asRoot('what a mount has unpacked goes with its name, while the session goes on', async () => {
    await putImage(store, [tar([{ name: 'folder', type: 'folder' }]), tar([{ name: 'folder/file', content: 'x' }])], 'image')
    await store.remove('image')
    await store.prune()
    await putImage(store, [tar([{ name: 'folder', type: 'folder' }]), tar([{ name: 'folder/file', content: 'x' }])], 'image')
    const root = await store.mount('image')
    await store.remove('image')
    expect(await store.prune()).toMatchObject({ blobs: [], layers: [] })
    await root.close()
    // Two layers, and one of them above the other.
    expect((await store.prune()).layers).toHaveLength(3)
    expect((await store.usage()).layers).toEqual({ bytes: 0, inodes: 0 })
  })

  asRoot('the layers of a mounted root stay, whatever becomes of its name', async () => {
    const other = await LayerStore.open(folder)
    const files = `${folder}-files`
    await mkdir(files)
    await writeFile(join(files, 'file'), 'x')
    await store.create({ add: { '/': files }, tag: 'base' })
    await rm(files, { recursive: true })
    const root = await store.mount('base')
    await other.remove('base')
    expect(await other.prune()).toMatchObject({ blobs: [], layers: [] })
    expect(await root.readFile('/file', 'utf8')).toBe('x')
    await store.commit(root, { tag: 'next' })
    await root.close()
    expect((await other.prune()).blobs).toHaveLength(2)
    expect((await other.verify()).problems).toEqual([])
    await other.close()
  })
})
