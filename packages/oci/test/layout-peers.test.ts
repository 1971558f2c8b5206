import { execFileSync, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Descriptor } from '@box/core'
import { digestOf } from '../src/digest.ts'
import { layout, type ImageLayout } from '../src/layout/layout.ts'
import { readImageDocument, referencesOf } from '../src/layout/references.ts'
import { mediaTypes } from '../src/media-types.ts'
import { json, put } from './blob-sink.contract.ts'

function describeWith(program: string): typeof describe {
  return spawnSync(program, ['--version']).status === 0 ? describe : describe.skip
}

let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'box-oci-'))
})
afterEach(async () => {
  await rm(root, { recursive: true })
})

/** An image of one file, named `hello:1`. */
async function makeImage(store: ImageLayout): Promise<Descriptor> {
  await mkdir(join(root, 'tree'))
  await writeFile(join(root, 'tree', 'hello.txt'), 'hello\n')
  const tar = execFileSync('tar', ['--numeric-owner', '--owner=0', '--group=0', '-C', join(root, 'tree'), '-cf', '-', '.'])
  const layer = await put(store, gzipSync(tar), mediaTypes.layerGzip)
  const image = { architecture: 'amd64', os: 'linux', config: { Cmd: ['/hello'] }, rootfs: { type: 'layers', diff_ids: [digestOf(tar)] } }
  const config = await put(store, json(image), mediaTypes.config)
  const manifest = await put(
    store,
    json({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [layer] }),
    mediaTypes.manifest,
  )
  await store.tag('hello:1', manifest)
  return manifest
}

describeWith('skopeo')('skopeo', () => {
  test('reads what we wrote, and we read what it wrote', async () => {
    const store = layout(join(root, 'ours'))
    const manifest = await makeImage(store)
    const inspected: { readonly Digest: string } = JSON.parse(
      execFileSync('skopeo', ['inspect', `oci:${store.path}:hello:1`], { encoding: 'utf8' }),
    )
    expect(inspected.Digest).toBe(manifest.digest)
    execFileSync('skopeo', ['copy', '--quiet', '--insecure-policy', `oci:${store.path}:hello:1`, `oci:${join(root, 'theirs')}:copied`])
    const theirs = layout(join(root, 'theirs'))
    const copied = await theirs.resolve('copied')
    expect(copied?.digest).toBe(manifest.digest)
    for (const { digest } of referencesOf(await readImageDocument(theirs, manifest))) expect(await theirs.verify(digest)).toBe(true)
  })

  test('adds to our layout, and what was there stays', async () => {
    const store = layout(join(root, 'ours'))
    const manifest = await makeImage(store)
    execFileSync('skopeo', ['copy', '--quiet', '--insecure-policy', `oci:${store.path}:hello:1`, `oci:${store.path}:again:2`])
    await store.tag('third', manifest)
    expect((await store.list()).map(({ name }) => name).toSorted()).toEqual(['again:2', 'hello:1', 'third'])
  })
})

describeWith('umoci')('umoci', () => {
  test('lists and unpacks what we wrote', async () => {
    const store = layout(join(root, 'ours'))
    const manifest = await makeImage(store)
    await store.tag('plain', manifest)
    expect(execFileSync('umoci', ['ls', '--layout', store.path], { encoding: 'utf8' })).toContain('plain')
    execFileSync('umoci', ['raw', 'unpack', '--rootless', '--image', `${store.path}:plain`, join(root, 'unpacked')], { stdio: 'pipe' })
    expect(await readFile(join(root, 'unpacked', 'hello.txt'), 'utf8')).toBe('hello\n')
  })
})
