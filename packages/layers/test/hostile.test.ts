import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { digestOf, mediaTypes } from '@box/oci'
import { LayerStore } from '../src/index.ts'
import { put, putImage, tar, type TarEntry } from './fixtures.ts'

const linux = process.platform === 'linux' ? describe : describe.skip
const asRoot = process.getuid?.() === 0 ? test : test.skip

// Blobs are synced one by one, and the disk may be busy.
jest.setTimeout(60_000)

let folder: string
let store: LayerStore

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-layers-'))
  await mkdir(join(folder, 'outside'))
  await writeFile(join(folder, 'outside/canary'), 'unharmed')
  store = await LayerStore.open(join(folder, 'store'))
})
afterEach(async () => {
  await store.close()
  expect(await readdir(join(folder, 'outside'))).toEqual(['canary'])
  expect(await readFile(join(folder, 'outside/canary'), 'utf8')).toBe('unharmed')
  expect(await readdir(join(folder, 'store/layers/staging'))).toEqual([])
  await rm(folder, { recursive: true })
})

const up = '../../../../../../outside'

linux('hostile content', () => {
  test.each<readonly [string, readonly TarEntry[]]>([
    ['a name that climbs out', [{ name: `${up}/evil`, content: 'x' }]],
    ['a hard link to a file outside', [{ name: 'link', type: 'hardlink', target: `${up}/canary` }]],
    ['a bare whiteout', [{ name: '.wh.' }]],
    ['a whiteout of the parent', [{ name: '.wh...' }]],
    ['a root that is a link', [{ name: '.', type: 'symlink', target: up }]],
  ])('%s is an error, and nothing is left of it', async (_name, entries) => {
    await expect(put(store, tar(entries), mediaTypes.layer)).rejects.toMatchObject({ code: 'ERR_BOX_LAYER_INVALID' })
    expect(await readdir(join(folder, 'store/layers/sha256')).catch(() => [])).toEqual([])
    expect(await readdir(join(folder, 'store/blobs/sha256'))).toEqual([])
  })

  asRoot('an entry behind a link stays inside the layer', async () => {
    const entries: TarEntry[] = [
      { name: 'way', type: 'symlink', target: join(folder, 'outside') },
      { name: 'way/canary', content: 'changed' },
    ]
    await putImage(store, [tar(entries)], 'image').catch(() => undefined)
  })

  asRoot('a link of a lower layer does not lead an upper one out', async () => {
    await putImage(
      store,
      [tar([{ name: 'way', type: 'symlink', target: join(folder, 'outside') }]), tar([{ name: 'way/canary', content: 'changed' }])],
      'image',
    )
    const root = await store.mount('image').catch(() => undefined)
    await root?.writeFile('/way/canary', 'changed').catch(() => undefined)
    await root?.close()
  })

  test('a layer that is not what the configuration says gets no name', async () => {
    const layer = await put(store, tar([{ name: 'file', content: 'x' }]), mediaTypes.layer)
    const other = digestOf('another')
    const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [other] } }
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: await put(store, Buffer.from(JSON.stringify(config)), mediaTypes.config),
      layers: [layer],
    }
    const descriptor = await put(store, Buffer.from(JSON.stringify(manifest)), mediaTypes.manifest)
    await expect(store.tag('image', descriptor)).rejects.toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
    expect(await store.list()).toEqual([])
    await expect(store.mount(descriptor.digest)).rejects.toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
  })

  test('a manifest with more layers than diffIDs is no image', async () => {
    const layer = await put(store, tar([{ name: 'file', content: 'x' }]), mediaTypes.layer)
    const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } }
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: await put(store, Buffer.from(JSON.stringify(config)), mediaTypes.config),
      layers: [layer],
    }
    const descriptor = await put(store, Buffer.from(JSON.stringify(manifest)), mediaTypes.manifest)
    await expect(store.tag('image', descriptor)).rejects.toMatchObject({ code: 'ERR_BOX_DOCUMENT_INVALID' })
  })

  test('a small blob that grows without end is stopped', async () => {
    const bomb = gzipSync(tar([{ name: 'zeros', content: Buffer.alloc(600 * 1024 * 1024) }]), { level: 9 })
    expect(bomb.byteLength).toBeLessThan(1024 * 1024)
    await expect(put(store, bomb, mediaTypes.layerGzip)).rejects.toMatchObject({ code: 'ERR_BOX_LIMIT' })
  }, 60_000)

  test.each(['', 'relative', '../x', '/a/../../x'])('the target %j of added files is refused or stays inside', async (target) => {
    const made = store.create({ add: { [target]: join(folder, 'outside') } })
    await expect(made).rejects.toMatchObject({ name: 'BoxError' })
  })

  test('what is no store, no image and no folder is said to be none', async () => {
    await expect(LayerStore.open(join(folder, 'outside'))).rejects.toMatchObject({ code: 'ERR_BOX_STORE_INVALID' })
    await expect(LayerStore.open(join(folder, 'absent'), { create: false })).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
    await expect(store.import(join(folder, 'absent'))).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
    await expect(store.import(join(folder, 'outside/canary'))).rejects.toMatchObject({ code: 'ERR_BOX_LAYER_INVALID' })
    await expect(store.create({ add: { '/x': join(folder, 'absent') } })).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
    await expect(LayerStore.open(join(folder, 'outside/canary/store'))).rejects.toMatchObject({ name: 'BoxError', errno: 'ENOTDIR' })
    expect(await store.get('absent')).toBeUndefined()
    expect(await store.get(digestOf('absent'))).toBeUndefined()
  })
})
