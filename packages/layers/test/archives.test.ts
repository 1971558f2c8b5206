import { BoxError, type Descriptor } from '@box/core'
import { digestOf, layout, mediaTypes } from '@box/oci'
import { execFileSync, spawnSync } from 'node:child_process'
import { createReadStream, createWriteStream } from 'node:fs'
import { chmod, link, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { type Image, LayerStore } from '../src/index.ts'
import { tar, type TarEntry } from './fixtures.ts'

const linux = process.platform === 'linux' ? describe : describe.skip
const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0
const asRoot = process.getuid?.() === 0 ? test : test.skip
const withSkopeo = has('skopeo') ? test : test.skip
const withUmoci = process.getuid?.() === 0 && has('umoci') ? test : test.skip

let folder: string
let store: LayerStore
let other: LayerStore
let image: Image

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-archives-'))
  store = await LayerStore.open(join(folder, 'store'))
  other = await LayerStore.open(join(folder, 'other'))
  await mkdir(join(folder, 'files/bin'), { recursive: true })
  await writeFile(join(folder, 'files/bin/tool'), '#!/bin/sh\n'.repeat(1000))
  await chmod(join(folder, 'files/bin/tool'), 0o755)
  await symlink('tool', join(folder, 'files/bin/alias'))
  await link(join(folder, 'files/bin/tool'), join(folder, 'files/bin/same'))
  await mkdir(join(folder, 'more'))
  await writeFile(join(folder, 'more/file'), 'more\n')
  image = await store.create({
    add: { '/': join(folder, 'files'), '/opt': join(folder, 'more') },
    config: { cmd: ['/bin/tool'] },
    tag: 'example/app:1',
  })
})
afterEach(async () => {
  await store.close()
  await other.close()
  await rm(folder, { recursive: true })
})

/** What is left of an import that failed: names, and files that are on their way. */
async function leftovers(): Promise<readonly string[]> {
  const names = (await other.list()).map(({ name }) => name)
  const staged = await Promise.all(['staging', 'layers/staging'].map((path) => readdir(join(other.path, path))))
  return [...names, ...staged.flat().filter((name) => name !== 'locks' && !name.endsWith('.lock'))]
}

function listing(path: string): string {
  return execFileSync('sh', ['-c', 'find . -mindepth 1 -printf "%P %y %m %U:%G %s %T@ %l\\n" | sort'], { cwd: path, encoding: 'utf8' })
}

async function rootListing(store: LayerStore, image: Image): Promise<string> {
  const root = await store.mount(image, { readOnly: true })
  try {
    return listing(`/proc/${process.pid}/fd/${root.fd}`)
  } finally {
    await root.close()
  }
}

linux('archives', () => {
  test('an OCI archive holds the image byte for byte, and the same bytes each time', async () => {
    const [first, second] = [join(folder, 'first.tar'), join(folder, 'second.tar')]
    await store.export('example/app:1', first, { format: 'oci-archive' })
    await store.export('example/app:1', createWriteStream(second))
    expect(digestOf(await readFile(first))).toBe(digestOf(await readFile(second)))
    const imported = await other.import(first, { tag: 'example/app:1' })
    expect(imported).toEqual(image)
    expect(await readdir(folder)).not.toContainEqual(expect.stringMatching(/^\.box-/))
  })

  test('an archive of docker save keeps configuration and diffIDs', async () => {
    const path = join(folder, 'docker.tar')
    await store.export('example/app:1', path, { format: 'docker-archive' })
    const names = execFileSync('tar', ['-tf', path], { encoding: 'utf8' }).trim().split('\n')
    expect(names).toEqual([
      `${image.manifest.config.digest.slice(7)}.json`,
      ...image.layers.map(({ diffID }) => `${diffID.slice(7)}.tar`),
      'repositories',
      'manifest.json',
    ])
    const imported = await other.import(path)
    expect(imported.configBytes).toEqual(image.configBytes)
    expect(imported.layers.map(({ diffID, descriptor }) => [diffID, descriptor.mediaType])).toEqual(
      image.layers.map(({ diffID }) => [diffID, mediaTypes.layer]),
    )
    expect((await other.list()).map(({ name }) => name)).toEqual(['example/app:1'])
  })

  test.each(['oci-archive', 'docker-archive'] as const)('%s comes as a stream, and compressed', async (format) => {
    const path = join(folder, 'archive.tar')
    await store.export('example/app:1', path, { format })
    const plain = await other.import(createReadStream(path), { tag: 'plain' })
    const stream = new PassThrough()
    const exported = store.export('example/app:1', stream, { format })
    expect((await other.import(stream, { tag: 'stream' })).digest).toBe(plain.digest)
    await exported
    await writeFile(`${path}.gz`, gzipSync(await readFile(path)))
    expect((await other.import(`${path}.gz`, { tag: 'gz' })).digest).toBe(plain.digest)
    expect((await other.import(Readable.from([gzipSync(await readFile(path))]), { tag: 'gz' })).digest).toBe(plain.digest)
    await writeFile(`${path}.xz`, Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0]))
    await expect(other.import(`${path}.xz`)).rejects.toMatchObject({ code: 'ERR_BOX_UNSUPPORTED' })
  })

  asRoot('the files of an image become a folder and a flat tar, and come back', async () => {
    await store.export(image, join(folder, 'root'), { format: 'folder' })
    expect(listing(join(folder, 'root'))).toBe(await rootListing(store, image))
    await expect(store.export(image, join(folder, 'root'), { format: 'folder' })).rejects.toMatchObject({
      code: 'ERR_BOX_INVALID_ARGUMENT',
    })
    await store.export(image, join(folder, 'root.tar'), { format: 'tar' })
    await mkdir(join(folder, 'by-tar'))
    execFileSync('tar', ['--delay-directory-restore', '-xpf', join(folder, 'root.tar'), '-C', join(folder, 'by-tar')])
    expect(listing(join(folder, 'by-tar'))).toBe(listing(join(folder, 'root')))
    const imported = await other.import(join(folder, 'root.tar'), { tag: 'flat' })
    expect(imported.layers).toHaveLength(1)
    expect(imported.layers[0]?.diffID).toBe(digestOf(await readFile(join(folder, 'root.tar'))))
    expect(await rootListing(other, imported)).toBe(await rootListing(store, image))
  })

  test('the tar of a root file system is a layer as it is, also compressed', async () => {
    const plain = tar([
      { name: './', type: 'folder' },
      { name: './etc/', type: 'folder' },
      { name: './etc/motd', content: 'hi\n' },
    ])
    const bytes = gzipSync(plain)
    const imported = await other.import(Readable.from([bytes]), { tag: 'root' })
    expect(imported.layers).toEqual([
      { diffID: digestOf(plain), descriptor: { mediaType: mediaTypes.layerGzip, digest: digestOf(bytes), size: bytes.byteLength } },
    ])
    const root = await other.mount(imported, { readOnly: true })
    expect(await root.readFile('/etc/motd', 'utf8')).toBe('hi\n')
    await root.close()
  })

  test('a layout with a damaged layer is refused by who receives it, and leaves nothing', async () => {
    await store.export('example/app:1', join(folder, 'layout'))
    const digest = image.layers[0]?.descriptor.digest ?? image.digest
    const path = join(folder, 'layout/blobs', digest.replace(':', '/'))
    const bytes = await readFile(path)
    bytes[bytes.byteLength - 3] = (bytes.at(-3) ?? 0) ^ 1
    await writeFile(path, bytes)
    await expect(other.import(join(folder, 'layout'))).rejects.toMatchObject({ name: 'BoxError' })
    await expect(other.stat(digest)).resolves.toBeUndefined()
    expect((await leftovers()).filter((name) => name.includes(digest.slice(7)))).toEqual([])
  })

  test('an archive takes no name away from an image of the store', async () => {
    await other.create({ tag: 'example/app:1' })
    const path = join(folder, 'archive.tar')
    for (const format of ['oci-archive', 'docker-archive'] as const) {
      await store.export('example/app:1', path, { format })
      await expect(other.import(path)).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
    }
    await other.import(path, { tag: 'example/app:1' })
    expect((await other.get('example/app:1'))?.configBytes).toEqual(image.configBytes)
  })

  test('a name that Docker does not take is no name of an archive for it', async () => {
    await store.tag('Not A Reference'.replaceAll(' ', '_'), image)
    const path = join(folder, 'archive.tar')
    await expect(store.export('Not_A_Reference', path, { format: 'docker-archive' })).rejects.toMatchObject({
      code: 'ERR_BOX_REFERENCE_INVALID',
    })
    expect(await readdir(folder)).not.toContain('archive.tar')
    await store.export('Not_A_Reference', path, { format: 'docker-archive', tag: 'named:1' })
    expect((await other.import(path)).configBytes).toEqual(image.configBytes)
  })

  test('a stream that breaks ends the export, and leaves nothing', async () => {
    const broken = new PassThrough({ highWaterMark: 16 })
    broken.once('data', () => broken.destroy(new Error('broken')))
    await expect(store.export(image, broken, { format: 'docker-archive', tag: 'a' })).rejects.toThrow('broken')
    const controller = new AbortController()
    const slow = new PassThrough({ highWaterMark: 16 })
    const exported = store.export(image, slow, { format: 'tar', signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(exported).rejects.toThrow('enough')
  })

  describe('hostile archives', () => {
    const config = Buffer.from(
      JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [digestOf(tar([]))] } }),
    )
    const docker = (manifest: unknown, entries: readonly TarEntry[] = []): Buffer =>
      tar([{ name: 'manifest.json', content: JSON.stringify(manifest) }, { name: 'c.json', content: config }, ...entries])
    const oci = (manifests: readonly Partial<Descriptor>[], entries: readonly TarEntry[] = []): Buffer =>
      tar([
        { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
        { name: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests }) },
        ...entries,
      ])
    const absent = { mediaType: mediaTypes.manifest, digest: digestOf(Buffer.from('x')), size: 1 }
    const good = { Config: 'c.json', RepoTags: ['a:1'], Layers: ['l.tar'] }
    const layerEntry: TarEntry = { name: 'l.tar', content: tar([]) }
    const table: readonly (readonly [string, Buffer, BoxError['code']])[] = [
      ['is no tar', Buffer.alloc(2048, 'x'), 'ERR_BOX_LAYER_INVALID'],
      ['is cut short', docker([good], [layerEntry]).subarray(0, 2048), 'ERR_BOX_LAYER_INVALID'],
      ['is empty', Buffer.alloc(0), 'ERR_BOX_LAYER_INVALID'],
      ['names a layer outside', docker([{ ...good, Layers: ['../../etc/passwd'] }]), 'ERR_BOX_BLOB_ABSENT'],
      ['names an absolute layer', docker([{ ...good, Layers: ['/etc/passwd'] }]), 'ERR_BOX_BLOB_ABSENT'],
      [
        'has a link out for a layer',
        docker([good], [{ name: 'l.tar', type: 'symlink', target: '../../etc/passwd' }]),
        'ERR_BOX_BLOB_ABSENT',
      ],
      [
        'has a link to itself for a layer',
        docker([good], [{ name: 'l.tar', type: 'symlink', target: 'l.tar' }]),
        'ERR_BOX_DOCUMENT_INVALID',
      ],
      ['has a pipe for a layer', docker([good], [{ name: 'l.tar', type: 'fifo' }]), 'ERR_BOX_DOCUMENT_INVALID'],
      ['holds a layer twice', docker([good], [layerEntry, layerEntry]), 'ERR_BOX_DOCUMENT_INVALID'],
      [
        'holds its manifest twice',
        tar([
          { name: 'manifest.json', content: '[]' },
          { name: './manifest.json', content: '[]' },
        ]),
        'ERR_BOX_DOCUMENT_INVALID',
      ],
      ['lacks a layer', docker([good]), 'ERR_BOX_BLOB_ABSENT'],
      ['lacks a layer of the configuration', docker([{ ...good, Layers: [] }], [layerEntry]), 'ERR_BOX_DOCUMENT_INVALID'],
      ['has another layer than it says', docker([good], [{ ...layerEntry, content: tar([{ name: 'evil' }]) }]), 'ERR_BOX_DIGEST_MISMATCH'],
      ['lacks the configuration', docker([{ ...good, Config: 'd.json' }], [layerEntry]), 'ERR_BOX_BLOB_ABSENT'],
      ['has a manifest that is no list', docker({ ...good }, [layerEntry]), 'ERR_BOX_DOCUMENT_INVALID'],
      ['has a manifest with another shape', docker([{ ...good, Layers: [1] }], [layerEntry]), 'ERR_BOX_DOCUMENT_INVALID'],
      ['has a huge manifest', tar([{ name: 'manifest.json', content: `["${'x'.repeat(5 * 1024 * 1024)}"]` }]), 'ERR_BOX_LIMIT'],
      [
        'has a key twice',
        tar([{ name: 'manifest.json', content: '[{"Config":"a","Config":"b","Layers":[]}]' }]),
        'ERR_BOX_DOCUMENT_INVALID',
      ],
      ['holds no image', docker([]), 'ERR_BOX_NOT_FOUND'],
      ['holds two images and does not say which', docker([good, { ...good, RepoTags: ['b:1'] }], [layerEntry]), 'ERR_BOX_NOT_FOUND'],
      ['has a bad name', docker([{ ...good, RepoTags: ['a b'] }], [layerEntry]), 'ERR_BOX_INVALID_ARGUMENT'],
      ['lacks its manifest', oci([absent]), 'ERR_BOX_BLOB_ABSENT'],
      [
        'has another manifest than it says',
        oci([absent], [{ name: `blobs/sha256/${absent.digest.slice(7)}`, content: 'y' }]),
        'ERR_BOX_DIGEST_MISMATCH',
      ],
      [
        'has a manifest of another size',
        oci([absent], [{ name: `blobs/sha256/${absent.digest.slice(7)}`, content: 'xx' }]),
        'ERR_BOX_SIZE_MISMATCH',
      ],
      ['has a digest that is none', oci([{ ...absent, digest: 'sha256:../../x' }]), 'ERR_BOX_DOCUMENT_INVALID'],
      ['promises a size below nothing', oci([{ ...absent, size: -1 }]), 'ERR_BOX_DOCUMENT_INVALID'],
    ]
    test.each(table)('one that %s', async (_what, bytes, code) => {
      await writeFile(join(folder, 'hostile.tar'), bytes)
      const before = await leftovers()
      await expect(other.import(join(folder, 'hostile.tar'))).rejects.toMatchObject({ code })
      await expect(other.import(Readable.from([bytes]))).rejects.toMatchObject({ code })
      expect(await leftovers()).toEqual(before)
    })

    test('a tar with names that lead out is no root either', async () => {
      await expect(other.import(Readable.from([tar([{ name: '../evil', content: 'x' }])]))).rejects.toMatchObject({
        code: 'ERR_BOX_LAYER_INVALID',
      })
      expect(await leftovers()).toEqual([])
    })
  })

  withSkopeo('skopeo reads the archives that we write, and we read those that skopeo writes', async () => {
    const skopeo = (from: string, to: string): void => {
      execFileSync('skopeo', ['copy', '-q', '--insecure-policy', from, to])
    }
    const [ours, theirs] = [join(folder, 'ours.tar'), join(folder, 'theirs.tar')]
    await store.export('example/app:1', ours, { format: 'oci-archive' })
    skopeo(`oci-archive:${ours}:example/app:1`, `oci:${folder}/by-skopeo:a`)
    expect((await layout(join(folder, 'by-skopeo')).resolve('a'))?.digest).toBe(image.digest)
    skopeo(`oci-archive:${ours}:example/app:1`, `oci-archive:${theirs}:again`)
    expect((await other.import(theirs)).digest).toBe(image.digest)
    expect((await other.list()).map(({ name }) => name)).toEqual(['again'])

    const [dockers, back] = [join(folder, 'dockers.tar'), join(folder, 'back.tar')]
    await store.export('example/app:1', dockers, { format: 'docker-archive' })
    skopeo(`docker-archive:${dockers}:example/app:1`, `docker-archive:${back}:example/back:2`)
    const imported = await other.import(back)
    expect((await other.list()).map(({ name }) => name)).toEqual(['again', 'docker.io/example/back:2'])
    expect(imported.layers.map(({ diffID }) => diffID)).toEqual(image.layers.map(({ diffID }) => diffID))
    expect(imported.config.config).toEqual(image.config.config)
  })

  withUmoci('umoci unpacks an archive of ours to the same files', async () => {
    await store.export('example/app:1', join(folder, 'ours.tar'), { format: 'oci-archive', tag: 'one' })
    await mkdir(join(folder, 'by-tar'))
    execFileSync('tar', ['-xf', join(folder, 'ours.tar'), '-C', join(folder, 'by-tar')])
    execFileSync('umoci', ['unpack', '--image', `${folder}/by-tar:one`, join(folder, 'bundle')], { stdio: 'ignore' })
    expect(listing(join(folder, 'bundle/rootfs'))).toBe(await rootListing(store, image))
  })
})
