import { digestOf, layout, mediaTypes } from '@box/oci'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type Image, layoutFiles, LayerStore } from '../src/index.ts'
import { put, putImage, tar, type TarEntry } from './fixtures.ts'

const linux = process.platform === 'linux' ? describe : describe.skip
const withUmoci = process.getuid?.() === 0 && spawnSync('umoci', ['--version']).status === 0 ? test : test.skip

let folder: string
let store: LayerStore

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-edit-'))
  store = await LayerStore.open(join(folder, 'store'))
})
afterEach(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

const dir = (name: string, mode = 0o755): TarEntry => ({ name: `${name}/`, type: 'folder', mode })
const file = (name: string, content = name, mode = 0o644): TarEntry => ({ name, content, mode })
const hide = (name: string): TarEntry => ({ name: name.replace(/([^/]+)$/, '.wh.$1') })
const opaque = (name: string): TarEntry => ({ name: `${name}/.wh..wh..opq` })
const hardlink = (name: string, target: string): TarEntry => ({ name, type: 'hardlink', target })
const symlink = (name: string, target: string): TarEntry => ({ name, type: 'symlink', target })

/** Layers, from the lowest up, that do to each other all that layers can. */
const base: readonly TarEntry[] = [
  dir('a'),
  file('a/one'),
  file('a/two'),
  dir('a/deep'),
  file('a/deep/x'),
  dir('b'),
  file('b/one'),
  file('gone'),
]
const tables: readonly (readonly [string, readonly (readonly TarEntry[])[]])[] = [
  ['add and replace files', [base, [dir('a'), file('a/one', 'new'), file('a/three')], [file('a/two', 'newer', 0o600)]]],
  ['remove files and folders', [base, [dir('a'), hide('a/one'), hide('b')], [hide('gone')]]],
  ['remove and make again', [base, [hide('a')], [dir('a', 0o700), file('a/late')], [hide('a/late')]]],
  ['hide what a folder held', [base, [dir('a', 0o711), opaque('a'), file('a/own')], [dir('a'), file('a/more')]]],
  ['hide it before and after their own entries', [base, [dir('a'), file('a/own'), opaque('a')], [file('b/new'), hide('b')]]],
  [
    'put files in place of folders, and folders in place of files',
    [base, [file('a', 'a file')], [hide('a'), dir('a'), file('a/new')], [hide('gone'), dir('gone'), file('gone/x')]],
  ],
  [
    'link files to one another',
    [[...base, hardlink('a/link', 'a/one'), hardlink('z', 'a/one')], [hide('a/one')], [dir('a'), file('a/link', 'other')]],
  ],
  ['link a file and replace it', [[...base, hardlink('link', 'gone')], [file('gone', 'new')], [file('a/one', 'x')]]],
  ['change modes of folders only', [base, [dir('a', 0o700)], [dir('a/deep', 0o711), dir('b', 0o1777)]]],
  [
    'have links to folders',
    [
      [...base, symlink('s', 'a'), symlink('abs', '/b')],
      [dir('a'), file('a/via')],
      [hide('s'), dir('s'), file('s/own')],
    ],
  ],
  [
    'describe a folder in place of a link after what it holds',
    [
      [...base, symlink('s', 'nowhere'), symlink('o', 'nowhere')],
      [file('s/own'), dir('s'), opaque('o'), dir('o', 0o700), file('a/implied')],
    ],
  ],
  ['hide a folder of which they have an entry', [base, [file('a/deep/new'), hide('a')], [dir('c'), file('c/x')]]],
  [
    'hold empty files, pipes and links',
    [
      [...base, file('empty', ''), symlink('l', 'nowhere'), { name: 'pipe', type: 'fifo' }],
      [hide('l'), file('empty', 'full')],
    ],
  ],
  ['hide what is not there', [base, [hide('never'), hide('a/never')], [file('never', 'there')]]],
]

/** Names with all that they say, contents, and which names are one file. */
async function listing(image: Image): Promise<string> {
  const root = await store.mount(image, { readOnly: true })
  try {
    const run = (script: string): string =>
      execFileSync('sh', ['-c', `cd /proc/${process.pid}/fd/${root.fd}; ${script}`], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      })
    const names = run(
      'find . -mindepth 1 -type d -printf "%P d %m %U:%G %T@\\n" -o -mindepth 1 -printf "%P %y %m %U:%G %s %T@ %l\\n" | sort',
    )
    const first = new Map<string, string>()
    const linked = run('find . -type f -printf "%i %P\\n" | sort -k 2')
      .split('\n')
      .flatMap((line) => {
        const [inode = '', name = ''] = line.split(' ')
        const before = first.get(inode)
        first.set(inode, before ?? name)
        return before === undefined ? [] : [`${name} is ${before}`]
      })
    return [names, ...linked, run('find . -type f | sort | xargs -r cat')].join('\n')
  } finally {
    await root.close()
  }
}

linux('layers that', () => {
  describe.each(tables)('%s', (_what, layers) => {
    test('show the same files as one layer', async () => {
      const image = await named(
        await putImage(
          store,
          layers.map((entries) => tar(entries)),
          'image',
        ),
      )
      const flat = await store.squash(image)
      expect(flat.layers).toHaveLength(1)
      expect(await listing(flat)).toBe(await listing(image))
    })

    test('show the same files where some of them become one', async () => {
      const image = await named(
        await putImage(
          store,
          layers.map((entries) => tar(entries)),
          'image',
        ),
      )
      const expected = await listing(image)
      for (let from = 0; from < layers.length; from += 1)
        for (let to = from + 1; to <= layers.length; to += 1) {
          const squashed = await store.squash(image, { from, to, compression: 'zstd' })
          expect(squashed.layers).toHaveLength(layers.length - (to - from) + 1)
          expect(await listing(squashed)).toBe(expected)
        }
    })

    test('are listed and read as they are mounted', async () => {
      const image = await named(
        await putImage(
          store,
          layers.map((entries) => tar(entries)),
          'image',
        ),
      )
      const files = await store.files('image')
      const root = await store.mount(image, { readOnly: true })
      try {
        const cwd = `/proc/${process.pid}/fd/${root.fd}`
        const mounted = execFileSync('sh', ['-c', `cd ${cwd}; find . -mindepth 1 -printf "/%P %y %m %s %l\\n"`], { encoding: 'utf8' })
          .split('\n')
          .slice(0, -1)
        const letters = { file: 'f', directory: 'd', symlink: 'l', fifo: 'p', 'character-device': 'c', 'block-device': 'b' }
        const ours = files
          .list()
          .map(({ path, type, mode, size, target = '' }) => `${path} ${letters[type]} ${mode.toString(8)} ${size} ${target}`)
        const plain = (line: string): string => line.replace(/^(\S+ d \d+) \d+/, '$1 0').replace(/^(\S+ l) \d+ \d+/, '$1 777 0')
        expect(ours.map(plain).toSorted()).toEqual(mounted.map(plain).toSorted())
        for (const { path, type } of files.list())
          if (type === 'file') expect(await files.readFile(path)).toEqual(await root.readFile(path))
      } finally {
        await root.close()
      }
    })
  })
})

async function named(descriptor: { readonly digest: string }): Promise<Image> {
  const image = await store.get(descriptor.digest)
  if (image === undefined) throw new Error('the image is not there')
  return image
}

/** An image with things in its documents that nobody knows. */
async function strange(layers: readonly (readonly TarEntry[])[], tag: string, extra: object = {}): Promise<Image> {
  const tars = layers.map((entries) => tar(entries))
  const descriptors = []
  for (const bytes of tars) descriptors.push(await put(store, gzipSync(bytes), mediaTypes.dockerLayerGzip))
  const config = {
    'x-first': { deep: [1, null] },
    architecture: 'amd64',
    os: 'linux',
    created: '2020-01-02T03:04:05.678901234Z',
    config: { Env: ['A=1'], Healthcheck: { Test: ['NONE'] }, 'x-inside': true },
    history: [
      { created_by: 'one' },
      { created_by: 'two', empty_layer: true },
      ...layers.slice(1).map((_, index) => ({ created_by: `more ${index}` })),
    ],
    rootfs: { type: 'layers', diff_ids: tars.map((bytes) => digestOf(bytes)) },
    ...extra,
  }
  const manifest = {
    schemaVersion: 2,
    'x-manifest': 'kept',
    mediaType: mediaTypes.dockerManifest,
    config: await put(store, Buffer.from(JSON.stringify(config, undefined, 3)), mediaTypes.dockerConfig),
    layers: descriptors,
    annotations: { note: 'kept' },
  }
  await store.tag(tag, await put(store, Buffer.from(JSON.stringify(manifest)), mediaTypes.dockerManifest))
  return await named(manifestOf(await store.get(tag)))
}

function manifestOf(image: Image | undefined): Image {
  if (image === undefined) throw new Error('the image is not there')
  return image
}

linux('operations on images', () => {
  test('what nobody knows stays, also in the base of a new image', async () => {
    const image = await strange([[file('a')], [file('b')]], 'strange')
    for (const edited of [
      await store.create({ from: image, config: { env: { B: '2' } } }),
      await store.squash(image),
      await store.rebase(image, { from: image, onto: image }),
    ]) {
      expect(JSON.parse(Buffer.from(edited.bytes).toString())).toMatchObject({
        'x-manifest': 'kept',
        annotations: { note: 'kept' },
        mediaType: mediaTypes.manifest,
      })
      expect(JSON.parse(Buffer.from(edited.configBytes).toString())).toMatchObject({
        'x-first': { deep: [1, null] },
        config: { Healthcheck: { Test: ['NONE'] }, 'x-inside': true },
      })
    }
  })

  test('another compression changes neither configuration nor diffIDs, and the way back gives the same bytes', async () => {
    const image = await strange([[file('a', 'a'.repeat(10_000))], [file('b')]], 'strange')
    const zstd = await store.recompress(image, { compression: 'zstd', tag: 'zstd' })
    expect(zstd.configBytes).toEqual(image.configBytes)
    expect(zstd.layers.map(({ diffID, descriptor }) => [diffID, descriptor.mediaType])).toEqual(
      image.layers.map(({ diffID }) => [diffID, mediaTypes.layerZstd]),
    )
    const plain = await store.recompress('zstd', { compression: 'none' })
    expect(plain.layers.map(({ descriptor }) => descriptor.digest)).toEqual(image.layers.map(({ diffID }) => diffID))
    const gzip = await store.recompress(plain, { compression: 'gzip' })
    expect(await store.recompress(zstd, { compression: 'gzip' })).toEqual(gzip)
    expect(await listing(gzip)).toBe(await listing(image))
    expect((await store.recompress(gzip, { compression: 'gzip' })).digest).toBe(gzip.digest)
  })

  test('history tells what is merged, and one that tells less than the layers is left out', async () => {
    const image = await strange([[file('a')], [file('b')], [file('c')]], 'strange')
    const squashed = await store.squash(image, { from: 0, to: 2 })
    expect(squashed.config.history).toEqual([
      { created_by: 'two', empty_layer: true },
      { created: '2020-01-02T03:04:05.678901234Z', created_by: 'box squash' },
      { created_by: 'more 1' },
    ])
    expect(squashed.config.created).toBe(image.config.created)
    const untold = await strange([[file('a')], [file('b')]], 'untold', { history: [{ created_by: 'all' }] })
    expect((await store.squash(untold)).config.history).toBeUndefined()
  })

  test('the layers of an image go onto another base', async () => {
    const old = await strange([[file('base', 'old')], [file('lib')]], 'old')
    const fresh = await strange([[file('base', 'new')]], 'fresh')
    await writeFile(join(folder, 'app'), 'app\n')
    const app = await store.create({ from: old, add: { '/app': join(folder, 'app') }, config: { cmd: ['/app'], createdBy: 'app' } })
    const rebased = await store.rebase(app, { from: 'old', onto: 'fresh', tag: 'rebased' })
    expect(rebased.layers.map(({ diffID }) => diffID)).toEqual([...fresh.layers, ...app.layers.slice(2)].map(({ diffID }) => diffID))
    expect(rebased.config.config?.Cmd).toEqual(['/app'])
    expect(rebased.config.history?.map(({ created_by: by }) => by)).toEqual(['one', 'two', 'app'])
    const files = await store.files(rebased)
    expect(await files.readFile('/base', 'utf8')).toBe('new')
    expect(await files.readFile('/app', 'utf8')).toBe('app\n')
    await expect(store.rebase(app, { from: fresh, onto: old })).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
    const arm = await store.create({ platform: { os: 'linux', architecture: 'arm64' } })
    await expect(store.rebase(app, { from: old, onto: arm })).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
  })

  test('layers of tars and of other images are appended as they are', async () => {
    const image = await strange([[file('a')], [file('b')]], 'strange')
    const bytes = gzipSync(tar([file('c')]))
    await writeFile(join(folder, 'layer.tar.gz'), bytes)
    const next = await store.create({ from: image, layers: [{ tar: join(folder, 'layer.tar.gz') }, { image, layer: 1 }] })
    expect(next.layers.map(({ descriptor }) => descriptor.digest)).toEqual([
      ...image.layers.map(({ descriptor }) => descriptor.digest),
      digestOf(bytes),
      image.layers[1]?.descriptor.digest,
    ])
    expect(next.config.history).toHaveLength(5)
    await expect(store.create({ layers: [{ image, layer: 2 }] })).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
  })

  test('an index of several images gives each machine its own, by its variant', async () => {
    const of = (architecture: string, variant?: string): Promise<Image> =>
      store.create({ platform: { os: 'linux', architecture, ...(variant === undefined ? {} : { variant }) } })
    const images = [await of('arm', 'v6'), await of('arm', 'v7'), await of('amd64')]
    await store.index(images, { tag: 'all', annotations: { a: 'b' } })
    const chosen = async (architecture: string, variant?: string): Promise<string | undefined> =>
      (await store.get('all', { platform: { os: 'linux', architecture, ...(variant === undefined ? {} : { variant }) } }))?.digest
    expect(await chosen('arm', 'v6')).toBe(images[0]?.digest)
    expect(await chosen('arm', 'v8')).toBe(images[1]?.digest)
    expect(await chosen('arm', 'v7')).toBe(images[1]?.digest)
    expect(await chosen('amd64', 'v3')).toBe(images[2]?.digest)
    const [first] = images
    if (first === undefined) throw new Error('no image')
    await expect(store.index([first, first])).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
    await store.export('all', join(folder, 'all.tar'), { format: 'oci-archive' })
    await store.export('all', join(folder, 'arm.tar'), {
      format: 'oci-archive',
      platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
    })
    await mkdir(join(folder, 'out'))
    execFileSync('tar', ['-xf', join(folder, 'arm.tar'), '-C', join(folder, 'out')])
    expect((await layout(join(folder, 'out')).resolve('all'))?.digest).toBe(images[1]?.digest)
  })

  test('the same operation gives the same digest', async () => {
    const other = await LayerStore.open(join(folder, 'other'))
    const layers = [tar([dir('a'), file('a/b')]), tar([hide('a/b'), file('c')])]
    await putImage(store, layers, 'image')
    await putImage(other, layers, 'image')
    const created = new Date(1_000_000)
    for (const act of [
      (at: LayerStore) => at.squash('image', { created }),
      (at: LayerStore) => at.squash('image', { compression: 'none' }),
      (at: LayerStore) => at.recompress('image', { compression: 'zstd' }),
    ])
      expect((await act(other)).digest).toBe((await act(store)).digest)
    expect((await store.files(await store.squash('image', { created }))).list()[1]?.mtime).toEqual(created)
    await other.close()
  })

  test.each([{ from: -1 }, { from: 2 }, { to: 3 }, { from: 1, to: 1 }, { from: 0.5 }])(
    'the range %j of two layers is refused',
    async (range) => {
      const image = await strange([[file('a')], [file('b')]], 'strange')
      await expect(store.squash(image, range)).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
    },
  )

  withUmoci('umoci unpacks what we squash to the same files', async () => {
    const image = await strange([[...base], [hide('a'), file('b/two')], [dir('a'), file('a/new')]], 'strange')
    await store.squash(image, { from: 1, compression: 'gzip', tag: 'squashed' })
    execFileSync('umoci', ['unpack', '--image', `${store.path}:squashed`, join(folder, 'bundle')], { stdio: 'ignore' })
    const list = (cwd: string): string =>
      execFileSync('sh', ['-c', 'find . -mindepth 1 -printf "%P %y %m %U:%G\\n" | sort'], { cwd, encoding: 'utf8' })
    const root = await store.mount(image, { readOnly: true })
    expect(list(join(folder, 'bundle/rootfs'))).toBe(list(`/proc/${process.pid}/fd/${root.fd}`))
    await root.close()
  })
})

linux('files of images', () => {
  test('links stay inside the image, and what is no file is refused', async () => {
    await putImage(
      store,
      [
        tar([
          dir('etc'),
          file('etc/os-release', 'ID=box\n'),
          symlink('abs', '/etc'),
          symlink('up', '../../../etc/os-release'),
          symlink('loop', 'loop'),
          { name: 'pipe', type: 'fifo' },
        ]),
      ],
      'image',
    )
    const files = await store.files('image')
    for (const path of ['/etc/os-release', 'etc/os-release', '/abs/os-release', '/up', '/../etc/./os-release'])
      expect(await files.readFile(path, 'utf8')).toBe('ID=box\n')
    await expect(files.readFile('/etc')).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
    await expect(files.readFile('/pipe')).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
    await expect(files.readFile('/etc/none')).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
    await expect(files.readFile('/etc/os-release/x')).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
    await expect(files.readFile('/loop')).rejects.toMatchObject({ code: 'ERR_BOX_LAYER_INVALID' })
    await expect(files.readFile('/etc/os-release', { maxBytes: 3 })).rejects.toMatchObject({ code: 'ERR_BOX_LIMIT' })
    await expect(store.files('absent')).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
  })

  test('a layout folder is read the same way, and its bytes are checked', async () => {
    const layers = [tar([file('a', 'x'.repeat(5000))]), tar([file('b', 'y')])]
    await putImage(store, layers, 'image:1')
    await store.export('image:1', join(folder, 'layout'))
    const files = await layoutFiles(join(folder, 'layout'))
    expect(files.list().map(({ path }) => path)).toEqual(['/a', '/b'])
    expect(await files.readFile('/b', 'utf8')).toBe('y')
    const [lowest] = layers
    if (lowest === undefined) throw new Error('no layer')
    const blob = join(folder, 'layout/blobs/sha256', digestOf(lowest).slice(7))
    await writeFile(blob, Buffer.concat([lowest.subarray(0, 600), Buffer.from('!'), lowest.subarray(601)]))
    await expect(files.readFile('/a')).rejects.toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
    await expect(layoutFiles(join(folder, 'layout'))).rejects.toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
    await rm(blob)
    await expect(layoutFiles(join(folder, 'layout'), { tag: 'image:1' })).rejects.toMatchObject({ code: 'ERR_BOX_BLOB_ABSENT' })
  })
})
