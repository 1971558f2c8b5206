import { imageProcess, mediaTypes, resolveUser } from '@box/oci'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ImageSettings, LayerStore } from '../src/index.ts'
import { put, tar } from './fixtures.ts'

const linux = process.platform === 'linux' ? describe : describe.skip

let folder: string
let store: LayerStore

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-configs-'))
  store = await LayerStore.open(join(folder, 'inside/store'), { durability: 'none' })
  await writeFile(join(folder, 'secret'), 'outside')
})
afterEach(async () => {
  await store.close()
  expect(await readdir(folder)).toEqual(['inside', 'secret'])
  await rm(folder, { recursive: true })
})

const layer = tar([{ name: 'file', content: 'x' }])

interface Documents {
  /** Members of `config`. */
  readonly config?: unknown
  /** Of the configuration around them. */
  readonly around?: Readonly<Record<string, unknown>>
  /** Of the manifest. */
  readonly manifest?: Readonly<Record<string, unknown>>
  /** Of the layer's descriptor. */
  readonly layer?: Readonly<Record<string, unknown>>
  /** Changes the configuration's text. */
  readonly text?: (text: string) => string | Buffer
}

/** Puts an image as a registry could send it: documents that nobody looked at. */
async function putDocuments({
  config = {},
  around = {},
  manifest = {},
  layer: more = {},
  text = (same) => same,
}: Documents): Promise<void> {
  const descriptor = await put(store, layer, mediaTypes.layer)
  const rootfs = { type: 'layers', diff_ids: [descriptor.digest] }
  const configText = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs, config, ...around })
  const configDescriptor = await put(store, Buffer.from(text(configText)), mediaTypes.config)
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: configDescriptor,
    layers: [{ ...descriptor, ...more }],
    ...manifest,
  }
  await store.tag('hostile', await put(store, Buffer.from(JSON.stringify(document)), mediaTypes.manifest))
}

const digestOfNothing = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

linux('documents of an image', () => {
  test.each<[string, Documents, string]>([
    ['a user that is no text', { config: { User: 0 } }, 'ERR_BOX_DOCUMENT_INVALID'],
    ['an environment without names', { config: { Env: ['=x'] } }, 'ERR_BOX_DOCUMENT_INVALID'],
    ['an environment that is an object', { config: { Env: { PATH: '/' } } }, 'ERR_BOX_DOCUMENT_INVALID'],
    ['a label that is an object', { config: { Labels: { a: { toString: 'x' } } } }, 'ERR_BOX_DOCUMENT_INVALID'],
    ['volumes that are a list', { config: { Volumes: ['/data'] } }, 'ERR_BOX_DOCUMENT_INVALID'],
    ['an entrypoint that is a line', { config: { Entrypoint: 'sh -c x' } }, 'ERR_BOX_DOCUMENT_INVALID'],
    ['a configuration that is null', { text: () => 'null' }, 'ERR_BOX_DOCUMENT_INVALID'],
    ['image-spec #1249: a key twice', { text: (text) => text.replace('{', '{"os":"windows",') }, 'ERR_BOX_DOCUMENT_INVALID'],
    [
      'image-spec #1249: bytes that are no UTF-8',
      { text: (text) => Buffer.from(text.replace('linux', 'l\u00ffnux'), 'latin1') },
      'ERR_BOX_DOCUMENT_INVALID',
    ],
    ['a configuration without an end', { text: (text) => `${text.slice(0, -1)},"x":${'['.repeat(100_000)}` }, 'ERR_BOX_DOCUMENT_INVALID'],
    ['more than 4 MiB of configuration', { text: (text) => text + ' '.repeat(4 * 1024 * 1024) }, 'ERR_BOX_LIMIT'],
    [
      'CVE-2024-3727: a diffID that is a path',
      { around: { rootfs: { type: 'layers', diff_ids: ['sha256:../../../secret'] } } },
      'ERR_BOX_DOCUMENT_INVALID',
    ],
    [
      'CVE-2024-3727: a diffID in capitals',
      { around: { rootfs: { type: 'layers', diff_ids: [digestOfNothing.toUpperCase()] } } },
      'ERR_BOX_DOCUMENT_INVALID',
    ],
    ['a diffID of other bytes', { around: { rootfs: { type: 'layers', diff_ids: [digestOfNothing] } } }, 'ERR_BOX_DIGEST_MISMATCH'],
    [
      'more diffIDs than layers',
      { around: { rootfs: { type: 'layers', diff_ids: [digestOfNothing, digestOfNothing] } } },
      'ERR_BOX_DOCUMENT_INVALID',
    ],
    ['CVE-2021-41190: a manifest that is an index, too', { manifest: { manifests: [] } }, 'ERR_BOX_DOCUMENT_INVALID'],
    ['umoci 0.5.1: a layer of negative size', { layer: { size: -1 } }, 'ERR_BOX_DOCUMENT_INVALID'],
    ['a layer of another size', { layer: { size: layer.byteLength + 1 } }, 'ERR_BOX_BLOB_ABSENT'],
    ['CVE-2024-3727: a layer that is a path', { layer: { digest: 'sha256:../../secret' } }, 'ERR_BOX_DOCUMENT_INVALID'],
    ['a layer that is not there', { layer: { digest: digestOfNothing, size: 0 } }, 'ERR_BOX_BLOB_ABSENT'],
  ])('%s is refused, and the name is not given', async (_row, documents, code) => {
    await expect(putDocuments(documents)).rejects.toMatchObject({ code })
    expect(await store.list()).toEqual([])
  })

  test.each<[string, Documents]>([
    ['CVE-2022-23648: volumes that lead out', { config: { Volumes: { '/data/../../secret': {}, '../secret': {}, '/': {}, '': {} } } }],
    [
      'CVE-2026-53488: labels that are commands, options and control characters',
      {
        config: {
          Labels: {
            'io.containerd.image.config.stop-signal': '9',
            '$(touch secret2)': '`touch secret2`',
            'box.mounts': '/',
            '\u0000\u001b[2J\n': '\u0007\u2028',
            __proto__: 'x',
            constructor: 'y',
            '': 'empty',
          },
        },
      },
    ],
    [
      'CVE-2025-62725: titles that are paths',
      { layer: { annotations: { 'org.opencontainers.image.title': '../../secret', 'com.docker.compose.file': '/etc/x' } } },
    ],
    [
      'CVE-2026-50195: a name of its own that is another image’s',
      { manifest: { annotations: { 'org.opencontainers.image.ref.name': 'other', 'io.containerd.image.name': '../x' } } },
    ],
    ['a working folder that leads out', { config: { WorkingDir: '../../../../secret' } }],
    [
      'an environment named like properties of every object',
      { config: { Env: ['__proto__=x', 'constructor=y', 'toString=z', 'LD_PRELOAD=/x'] } },
    ],
    ['a stop signal that is none', { config: { StopSignal: 'SIGKILL; rm -r /' } }],
    ['ports that are none', { config: { ExposedPorts: { '99999/tcp': {}, '-1': {}, '../../x': {} } } }],
    ['foreign URLs of a layer', { layer: { urls: ['http://169.254.169.254/', 'file:///etc/shadow'] } }],
    ['history that tells of other layers', { around: { history: Array.from({ length: 1000 }, () => ({ created_by: '\u001b[2J' })) } }],
    ['a user of 4,294,967,296', { config: { User: '4294967296' } }],
  ])('%s is data that no operation acts on', async (_row, documents) => {
    await put(store, layer, mediaTypes.layer)
    await store.create({ tag: 'other' })
    const other = (await store.get('other'))?.digest
    await putDocuments(documents)
    const image = await store.get('hostile')
    if (image === undefined) throw new Error('the image is not there')
    imageProcess(image.config)
    await store.squash(image, { tag: 'squashed' })
    await store.recompress(image, { compression: 'gzip' })
    for (const format of ['layout', 'folder'] as const) await store.export(image, join(folder, `inside/${format}`), { format })
    for (const format of ['oci-archive', 'docker-archive', 'tar'] as const)
      await store.export(image, join(folder, `inside/${format}`), { format })
    await mkdir(join(folder, 'inside/again'))
    const again = await LayerStore.open(join(folder, 'inside/again'), { durability: 'none' })
    expect((await again.import(join(folder, 'inside/oci-archive'))).digest).toBe(image.digest)
    expect((await again.import(join(folder, 'inside/docker-archive'))).config).toEqual(image.config)
    await again.close()
    expect((await store.get('other'))?.digest).toBe(other)
    expect((await store.files(image)).list().map(({ path }) => path)).toEqual(['/file'])
    expect((await readdir(join(folder, 'inside'))).toSorted()).toEqual([
      'again',
      'docker-archive',
      'folder',
      'layout',
      'oci-archive',
      'store',
      'tar',
    ])
  })

  test('users: names and ids beyond what a system call takes are errors', () => {
    for (const [user, code] of [
      ['4294967295', 'ERR_BOX_INVALID_ARGUMENT'],
      ['4294967296:0', 'ERR_BOX_INVALID_ARGUMENT'],
      ['0:4294967296', 'ERR_BOX_INVALID_ARGUMENT'],
      ['9'.repeat(200), 'ERR_BOX_INVALID_ARGUMENT'],
      ['0:0:0', 'ERR_BOX_INVALID_ARGUMENT'],
      ['root\n0', 'ERR_BOX_INVALID_ARGUMENT'],
      ['nobody', 'ERR_BOX_NOT_FOUND'],
      ['-1', 'ERR_BOX_NOT_FOUND'],
      ['../root', 'ERR_BOX_NOT_FOUND'],
    ] as const)
      expect(() => resolveUser(user)).toThrow(expect.objectContaining({ code }))
  })
})

linux('settings of an image that is made', () => {
  test.each<[string, ImageSettings]>([
    ['a volume that is relative', { volumes: ['data'] }],
    ['a volume with a NUL', { volumes: ['/a\0b'] }],
    ['a working folder that is relative', { workingDir: '../etc' }],
    ['a variable without a name', { env: { '': 'x' } }],
    ['a variable with an equals sign in its name', { env: { 'A=B': 'x' } }],
    ['a variable with a NUL', { env: { A: 'x\0B=y' } }],
  ])('%s is refused', async (_row, config) => {
    await expect(store.create({ config, tag: 'made' })).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
    expect(await store.list()).toEqual([])
  })
})
