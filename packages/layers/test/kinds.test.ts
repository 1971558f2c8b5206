import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { BoxError } from '@box/core'

import { type Image, LayerStore, type MountedRoot } from '../src/index.ts'

/** Of no kind for the compiler. */
type Untyped = ReturnType<typeof JSON.parse>
const untyped = (value: unknown): Untyped => JSON.parse(JSON.stringify(value))

let folder = ''
let store: Awaited<ReturnType<typeof LayerStore.open>>
let image: Image
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-kinds-'))
  store = await LayerStore.open(join(folder, 'store'))
  image = await store.create({ tag: 'empty' })
})
afterAll(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

describe('options that would leave something out without a word are refused', () => {
  const table: readonly (readonly [string, object, (options: Untyped) => Promise<unknown>, string])[] = [
    ['a root that is read-only by a word', { readOnly: 'yes' }, (options) => store.mount(image, options), 'readOnly'],
    ['a writable layer at a path', { upper: '/tmp' }, (options) => store.mount(image, options), 'upper'],
    ['a user namespace that is none', { userNamespace: {} }, (options) => store.mount(image, options), 'userNamespace'],
    ['another kind of root', { kind: 'overlayfs' }, (options) => store.mount(image, options), 'kind'],
    ['variables that are a list', { config: { env: ['A=B'] } }, (options) => store.create(options), 'env'],
    ['a label that is no string', { config: { labels: { a: 5 } } }, (options) => store.create(options), 'labels'],
    ['a command that is one string', { config: { cmd: 'sh' } }, (options) => store.create(options), 'cmd'],
    ['nothing to add', { add: null }, (options) => store.create(options), 'add'],
    ['a path that is a number', { add: { '/x': 5 } }, (options) => store.create(options), 'add'],
    ['a name that is null', { tag: null }, (options) => store.create(options), 'tag'],
    ['a look that is one by a word', { dryRun: 'yes' }, (options) => store.prune(options), 'dryRun'],
    ['a store that is not made by a word', { create: 'no' }, (options) => LayerStore.open(join(folder, 'other'), options), 'create'],
    ['another durability', { durability: 'none ' }, (options) => LayerStore.open(join(folder, 'other'), options), 'durability'],
    ['a level that is a word', { compression: 'gzip', level: '9' }, (options) => store.recompress(image, options), 'level'],
  ]
  test.each(table)('%s', async (_title, options, call, named) => {
    await expect(call(untyped(options))).rejects.toMatchObject({
      code: 'ERR_BOX_INVALID_ARGUMENT',
      message: expect.stringContaining(named),
    })
  })
})

describe('what is read and written is a path or a stream', () => {
  test.each([null, 5, {}, ''])('and %j is neither', async (value) => {
    const calls = [
      store.import(untyped(value)),
      store.export(image, untyped(value)),
      store.create({ layers: [{ tar: untyped(value) }] }),
      store.files(image).then((files) => files.readFile(untyped(value === '' ? null : value))),
    ]
    for (const outcome of await Promise.allSettled(calls))
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ERR_BOX_INVALID_ARGUMENT' } })
  })

  test('a list of images is one, a date is one', async () => {
    await expect(store.index(untyped(null))).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
    await expect(store.create({ config: { created: new Date(Number.NaN) } })).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
  })

  test.each(['oci-archive', 'docker-archive', 'tar'] as const)('a %s takes the place of no pipe and no folder', async (format) => {
    const pipe = join(folder, `pipe-${format}`)
    execFileSync('mkfifo', [pipe])
    for (const path of [pipe, folder]) {
      await expect(store.export(image, path, { format })).rejects.toMatchObject({
        code: 'ERR_BOX_INVALID_ARGUMENT',
        path,
        hint: expect.stringContaining('stream'),
      })
    }
    expect((await stat(pipe)).isFIFO()).toBe(true)
  })
})

test.each([null, 5, {}, []])('%j is no image, nor a name or a descriptor', async (value) => {
  const calls = [
    store.get(untyped(value)),
    store.mount(untyped(value)),
    store.tag('name', untyped(value)),
    store.tag(untyped(value), image),
  ]
  for (const outcome of await Promise.allSettled(calls)) expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(BoxError) })
})

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip
asRoot('a root', () => {
  let root: MountedRoot
  beforeAll(async () => {
    root = await store.mount(image)
    await root.writeFile('/file', 'content')
  })
  afterAll(() => root.close())

  const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['a limit by another name', () => root.readFile('/file', untyped({ max: 5 }))],
    ['a limit that is a word', () => root.readFile('/file', untyped({ maxBytes: '5' }))],
    ['another encoding', () => root.readFile('/file', untyped('latin1'))],
    ['no content', () => root.writeFile('/file', untyped(null))],
    ['a number as content', () => root.writeFile('/file', untyped(5))],
    ['a mode that is a word', () => root.writeFile('/file', 'x', untyped({ mode: '600' }))],
    ['the mode of a folder by another name', () => root.mkdir('/folder', untyped({ permissions: 5 }))],
    ['a commit of what is no string', () => store.commit(root, untyped({ comment: 5 }))],
  ]
  test.each(calls)('refuses %s', async (_title, call) => {
    await expect(call()).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
    expect(await root.readFile('/file', 'utf8')).toBe('content')
  })
})
