import { mkdir, mkdtemp, readFile, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { splitDigest } from '../src/digest.ts'
import { type ImageLayout, layout } from '../src/layout/layout.ts'
import { blob, describeImageSink, json, put, putManifest, readAll, writing } from './blob-sink.contract.ts'

let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'box-oci-'))
})
afterEach(async () => {
  await rm(root, { recursive: true })
})

describeImageSink('layout()', async () => {
  const path = join(root, 'layout')
  return {
    sink: layout(path),
    other: layout(path),
    close: async () => {
      // Nothing may be left of locks and sockets once nobody writes.
      const left = (await readdir(join(path, 'staging')).catch(() => [])).filter((name) => !/^(locks|sha(256|512)-[0-9a-f]+)$/.test(name))
      expect(left).toEqual([])
    },
  }
})

function byDigest(a: { digest: string }, b: { digest: string }): number {
  return a.digest.localeCompare(b.digest)
}

function blobPath(store: ImageLayout, digest: Parameters<ImageLayout['stat']>[0]): string {
  const { algorithm, encoded } = splitDigest(digest)
  return join(store.path, 'blobs', algorithm, encoded)
}

describe('layout()', () => {
  test('it writes the files that the image specification names', async () => {
    const store = layout(join(root, 'new'))
    const manifest = await putManifest(store, [await put(store, randomBytes(100))])
    await store.tag('1.0', manifest)
    expect(JSON.parse(await readFile(join(store.path, 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' })
    expect(JSON.parse(await readFile(join(store.path, 'index.json'), 'utf8'))).toEqual({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ ...manifest, annotations: { 'org.opencontainers.image.ref.name': '1.0' } }],
    })
    expect((await readFile(blobPath(store, manifest.digest))).byteLength).toBe(manifest.size)
  })

  test('a folder that is not there reads as empty and is not made', async () => {
    const store = layout(join(root, 'absent'))
    expect(await store.list()).toEqual([])
    expect(await store.resolve('x')).toBeUndefined()
    expect(await store.stat(blob(randomBytes(3)).digest)).toBeUndefined()
    for await (const found of store.blobs()) throw new Error(`found ${found.digest}`)
    expect(await readdir(root)).toEqual([])
  })

  test('a folder with other things in it is left alone', async () => {
    await writeFile(join(root, 'letter.txt'), 'dear reader')
    await expect(layout(root).ingest(blob(randomBytes(3)))).rejects.toMatchObject({ code: 'ERR_BOX_STORE_INVALID' })
    expect(await readdir(root)).toEqual(['letter.txt'])
  })

  test.each(['{}', '{"imageLayoutVersion":"2.0.0"}', 'no'])('a folder whose oci-layout says %j is refused', async (text) => {
    await writeFile(join(root, 'oci-layout'), text)
    await expect(layout(root).list()).rejects.toMatchObject({ code: 'ERR_BOX_STORE_INVALID' })
    await expect(layout(root).ingest(blob(randomBytes(3)))).rejects.toMatchObject({ code: 'ERR_BOX_STORE_INVALID' })
  })

  test('two locking mechanisms never meet in one folder', async () => {
    const store = layout(root)
    await put(store, randomBytes(3))
    const foreign = layout(root, {
      locks: { protocol: 'other-1', acquire: async () => ({ state: 'held', release: async () => undefined }) },
    })
    await expect(foreign.ingest(blob(randomBytes(3)))).rejects.toMatchObject({ code: 'ERR_BOX_STORE_INVALID' })
  })

  test('names are listed, and taken away without taking the blobs', async () => {
    const store = layout(root)
    const manifest = await putManifest(store, [])
    await store.tag('a', manifest)
    await store.tag('b', manifest)
    expect((await store.list()).toSorted((x, y) => x.name.localeCompare(y.name))).toEqual([
      { name: 'a', descriptor: manifest },
      { name: 'b', descriptor: manifest },
    ])
    expect(await store.untag('a')).toBe(true)
    expect(await store.untag('a')).toBe(false)
    expect((await store.list()).map(({ name }) => name)).toEqual(['b'])
    expect(await store.stat(manifest.digest)).toBeDefined()
  })

  test('what other tools wrote into index.json stays there', async () => {
    const store = layout(root)
    const manifest = await putManifest(store, [])
    const foreign = { ...manifest, annotations: { 'example.tool': 'x' }, 'x-unknown': [1] }
    await writeFile(join(root, 'index.json'), json({ schemaVersion: 2, manifests: [foreign], 'x-more': true }))
    await store.tag('mine', manifest)
    await store.untag('mine')
    expect(JSON.parse(await readFile(join(root, 'index.json'), 'utf8'))).toEqual({ schemaVersion: 2, manifests: [foreign], 'x-more': true })
  })

  test('names that are given side by side are all kept', async () => {
    const stores = [layout(root), layout(root)]
    const manifest = await putManifest(layout(root), [])
    const names = Array.from({ length: 20 }, (_, index) => `tag-${index}`)
    await Promise.all(names.map((name, index) => stores[index % 2]?.tag(name, manifest)))
    expect((await layout(root).list()).map(({ name }) => name).toSorted()).toEqual(names.toSorted())
  })

  test('a blob is removed, but not while index.json leads to it', async () => {
    const store = layout(root)
    const layer = await put(store, randomBytes(100))
    const manifest = await putManifest(store, [layer])
    await store.tag('a', manifest)
    await expect(store.remove(manifest.digest)).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
    await store.untag('a')
    expect(await store.remove(manifest.digest)).toBe(true)
    expect(await store.remove(manifest.digest)).toBe(false)
    expect(await store.stat(manifest.digest)).toBeUndefined()
    expect(await store.stat(layer.digest)).toBeDefined()
  })

  test('a blob is not removed while a writer receives it anew', async () => {
    const store = layout(root)
    const bytes = randomBytes(100)
    const descriptor = await put(store, bytes)
    await truncate(blobPath(store, descriptor.digest), 10)
    const writer = writing(await store.ingest(descriptor))
    await expect(store.remove(descriptor.digest)).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
    await writer.abort()
  })

  test('all blobs are listed with their sizes', async () => {
    const store = layout(root)
    const wanted = [await put(store, randomBytes(10)), await put(store, randomBytes(20))]
    await writeFile(join(root, 'blobs', 'sha256', 'not-a-digest'), 'x')
    const found = []
    for await (const entry of store.blobs()) found.push(entry)
    expect(found.toSorted(byDigest)).toEqual(wanted.map(({ digest, size }) => ({ digest, size })).toSorted(byDigest))
  })

  test('bytes that changed on the disk are not given out as right', async () => {
    const store = layout(root)
    const descriptor = await put(store, randomBytes(700_000))
    expect(await store.verify(descriptor.digest)).toBe(true)
    const bytes = await readFile(blobPath(store, descriptor.digest))
    bytes[5] = (bytes[5] ?? 0) ^ 1
    await writeFile(blobPath(store, descriptor.digest), bytes)
    expect(await store.verify(descriptor.digest)).toBe(false)
    await expect(readAll(store, descriptor)).rejects.toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
    // Who checks the bytes himself is given them.
    const given: Uint8Array[] = []
    for await (const chunk of store.read(descriptor.digest, { verify: false })) given.push(chunk)
    expect(Buffer.concat(given).equals(bytes)).toBe(true)
  })

  test('a blob that was cut short is received again', async () => {
    const store = layout(root)
    const bytes = randomBytes(1000)
    const descriptor = await put(store, bytes)
    await truncate(blobPath(store, descriptor.digest), 400)
    await put(store, bytes)
    expect((await readAll(store, descriptor)).equals(bytes)).toBe(true)
  })

  test('a partial file that holds too much or the wrong bytes does no harm', async () => {
    const store = layout(root)
    await put(store, randomBytes(1))
    const bytes = randomBytes(1000)
    const descriptor = blob(bytes)
    const partial = join(root, 'staging', descriptor.digest.replace(':', '-'))
    await writeFile(partial, randomBytes(5000))
    const first = writing(await store.ingest(descriptor))
    expect(first.offset).toBe(0)
    await first.abort()
    await writeFile(partial, randomBytes(500))
    const second = writing(await store.ingest(descriptor))
    expect(second.offset).toBe(500)
    await second.write(bytes.subarray(500))
    await expect(second.commit()).rejects.toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
    await put(store, bytes)
    expect((await readAll(store, descriptor)).equals(bytes)).toBe(true)
  })

  test('links in the place of blobs and folders are refused', async () => {
    const store = layout(join(root, 'layout'))
    const secret = join(root, 'secret')
    await writeFile(secret, 'not for you')
    const descriptor = await put(store, Buffer.from('not for you'))
    await rm(blobPath(store, descriptor.digest))
    await symlink(secret, blobPath(store, descriptor.digest))
    await expect(readAll(store, descriptor)).rejects.toMatchObject({ code: 'ERR_BOX_STORE_INVALID' })
    await expect(store.stat(descriptor.digest)).rejects.toMatchObject({ code: 'ERR_BOX_STORE_INVALID' })
    await rm(join(store.path, 'blobs'), { recursive: true })
    await mkdir(join(root, 'elsewhere', 'sha256'), { recursive: true })
    await symlink(join(root, 'elsewhere'), join(store.path, 'blobs'))
    await expect(store.stat(descriptor.digest)).rejects.toMatchObject({ code: 'ERR_BOX_STORE_INVALID' })
  })

  test('a folder whose path is longer than a socket address can hold works as any other', async () => {
    const deep = join(root, 'd'.repeat(200))
    const store = layout(deep)
    const manifest = await putManifest(store, [])
    await store.tag('a', manifest)
    expect(await store.resolve('a')).toEqual(manifest)
  })

  test('what the file system refuses comes out with the system call and the path', async () => {
    await writeFile(join(root, 'file'), '')
    await expect(layout(join(root, 'file', 'layout')).ingest(blob(randomBytes(3)))).rejects.toMatchObject({
      code: 'ERR_BOX_SYSTEM',
      errno: 'ENOTDIR',
      syscall: expect.any(String),
      path: expect.stringContaining(root),
    })
  })

  test('without durability it does the same', async () => {
    const store = layout(root, { durability: 'none' })
    const bytes = randomBytes(1000)
    const descriptor = await put(store, bytes)
    expect((await readAll(store, descriptor)).equals(bytes)).toBe(true)
  })
})
