import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { mkdir, mkdtemp, open, readFile, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Descriptor } from '@box/core'
import { archive } from '../src/archive/archive.ts'
import { archivePieces } from '../src/archive/pieces.ts'
import { type Pieces, tarEnd, tarFile } from '../src/archive/tar-writer.ts'
import { splitDigest } from '../src/digest.ts'
import { layout } from '../src/layout/layout.ts'
import { assertComplete } from '../src/layout/references.ts'
import { memorySink } from '../src/layout/memory.ts'
import { blob, describeImageSink, json, put, putManifest, readAll, writing } from './blob-sink.contract.ts'

let root: string
let file: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'box-oci-'))
  file = join(root, 'images.tar')
})
afterEach(async () => {
  await rm(root, { recursive: true })
})

describeImageSink('archive()', async () => {
  const sink = archive(file)
  return {
    sink,
    other: archive(file),
    close: async () => {
      await sink.close()
      expect((await readdir(root)).filter((name) => name !== 'images.tar')).toEqual([])
    },
  }
})

/** The names in the archive, by tar(1). */
function namesIn(path: string): string[] {
  return execFileSync('tar', ['-tf', path], { encoding: 'utf8' }).trim().split('\n')
}

/** The programs run in plain Node, which reads what tsc makes of the sources. Gives its path. */
function buildProgram(): string {
  const repository = join(__dirname, '..', '..', '..')
  execFileSync(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '-b', 'packages/oci'], { cwd: repository })
  return join(repository, 'packages/oci/dist/index.js')
}

function blobName({ digest }: Descriptor): string {
  const { algorithm, encoded } = splitDigest(digest)
  return `blobs/${algorithm}/${encoded}`
}

describe('archive()', () => {
  test('what it writes is an image layout in one tar, documents first, and nothing is left beside it', async () => {
    const bundle = archive(file)
    const layer = await put(bundle, randomBytes(100_000))
    const manifest = await putManifest(bundle, [layer])
    await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' })
    await bundle.tag('localhost:5000/app:1', manifest)
    await bundle.close()
    expect(await readdir(root)).toEqual(['images.tar'])
    expect(namesIn(file).slice(0, 5)).toEqual(['oci-layout', 'index.json', 'blobs/', 'blobs/sha256/', blobName(manifest)])
    await mkdir(join(root, 'out'))
    execFileSync('tar', ['-xf', file, '-C', join(root, 'out')])
    const extracted = layout(join(root, 'out'))
    expect((await extracted.resolve('localhost:5000/app:1'))?.digest).toBe(manifest.digest)
    expect((await extracted.index()).manifests[0]?.annotations).toEqual({
      'io.containerd.image.name': 'localhost:5000/app:1',
      'org.opencontainers.image.ref.name': 'localhost:5000/app:1',
    })
    expect(await extracted.verify(layer.digest)).toBe(true)
  })

  test('equal images give equal bytes, in whichever order their blobs came', async () => {
    const [one, two] = [randomBytes(1000), randomBytes(70_000)]
    const files = []
    for (const order of [
      [one, two],
      [two, one],
    ]) {
      const bundle = archive(join(root, `${files.length}.tar`))
      for (const bytes of order) await put(bundle, bytes)
      await bundle.tag('app:1', await putManifest(bundle, [blob(one), blob(two)]))
      files.push(await readFile(bundle.path))
    }
    expect(files[1]?.equals(files[0] ?? Buffer.alloc(0))).toBe(true)
  })

  test('an archive keeps its other images when one is added, and holds what its names lead to', async () => {
    const first = archive(file)
    const shared = await put(first, randomBytes(5000))
    const old = await put(first, randomBytes(6000))
    const a = await putManifest(first, [shared])
    await first.tag('a', a)
    await first.tag('b', await putManifest(first, [shared, old]))
    const second = archive(file)
    const b = await putManifest(second, [shared])
    await second.tag('b', b)
    await second.close()
    expect(await first.resolve('a')).toEqual(a)
    expect(await first.resolve('b')).toEqual(b)
    await assertComplete(first, a)
    expect(await first.stat(old.digest)).toBeUndefined()
  })

  test('two ways to write one reference name one image, the later one', async () => {
    const bundle = archive(file)
    await bundle.tag('docker.io/library/app:1', await putManifest(bundle, [await put(bundle, randomBytes(10))]))
    const later = await putManifest(bundle, [])
    await bundle.tag('app:1', later)
    expect(await bundle.resolve('docker.io/library/app:1')).toEqual(later)
    expect(await bundle.resolve('app:1')).toEqual(later)
    expect((await bundle.index()).manifests).toHaveLength(1)
  })

  test('an archive whose only image has no name has it by each name', async () => {
    const memory = memorySink()
    const manifest = await putManifest(memory, [])
    await pack(imageOf(manifest, []))
    expect(await archive(file).resolve('whatever:1')).toEqual(manifest)
    expect(await archive(file).resolve(manifest.digest)).toEqual(manifest)
    expect(await archive(file).resolve(blob(randomBytes(3)).digest)).toBeUndefined()
  })

  test('a file that is no archive is left as it was, and so is an archive to which nothing could be added', async () => {
    await writeFile(file, 'dear reader')
    const bundle = archive(file)
    await expect(bundle.ingest(blob(randomBytes(3)))).rejects.toMatchObject({ code: 'ERR_BOX_STORE_INVALID', path: file })
    expect(await readFile(file, 'utf8')).toBe('dear reader')
    await rm(file)
    const layer = await put(bundle, randomBytes(1000))
    await bundle.tag('a', await putManifest(bundle, [layer]))
    const before = await readFile(file)
    const lost = await put(bundle, randomBytes(2000))
    const manifest = await putManifest(bundle, [lost])
    const { algorithm, encoded } = splitDigest(lost.digest)
    await writeFile(join(root, '.images.tar.box', 'blobs', algorithm, encoded), randomBytes(2000))
    await expect(bundle.tag('b', manifest)).rejects.toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
    expect((await readFile(file)).equals(before)).toBe(true)
    await bundle.close()
    expect(await readdir(root)).toEqual(['images.tar'])
  })

  test('it is not closed while something is received, and a folder of that name that is somebody else’s stays', async () => {
    const bundle = archive(file)
    const writer = writing(await bundle.ingest(blob(randomBytes(100))))
    await expect(archive(file).close()).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
    await writer.abort()
    await bundle.close()
    await mkdir(join(root, '.images.tar.box'))
    await writeFile(join(root, '.images.tar.box', 'letter.txt'), 'dear reader')
    await bundle.close()
    expect(await readdir(join(root, '.images.tar.box'))).toEqual(['letter.txt'])
  })

  test('a blob of more than 8 GiB has its size in binary, and a part of it is read where it is', async () => {
    const size = 9 * 1024 ** 3
    const large = { ...blob(Buffer.alloc(0)), size }
    const manifest = blob(json({ schemaVersion: 2 }))
    const index = { schemaVersion: 2 as const, manifests: [manifest] }
    // The hole stands for the blob's bytes; the end mark is zeros, too.
    for await (const piece of archivePieces(index, [large], () => ({ bytes: async function* () {} }))) {
      if (!(piece instanceof Uint8Array)) break
      await writeFile(file, piece, { flag: 'a' })
    }
    await truncate(file, (await stat(file)).size + size + 1024)
    expect(await archive(file).stat(large.digest)).toEqual({ size })
    expect((await readAll(archive(file), large, { start: size - 5 })).equals(Buffer.alloc(5))).toBe(true)
    expect(execFileSync('tar', ['-tvf', file], { encoding: 'utf8' })).toContain(String(size))
  })

  test('a process that is killed while it packs leaves the archive as it was, and who comes next has all that was received', async () => {
    const bundle = archive(file)
    const small = await putManifest(bundle, [])
    await bundle.tag('small', small)
    const before = await readFile(file)
    const large = await put(bundle, Buffer.alloc(64 * 1024 * 1024))
    const manifest = await putManifest(bundle, [large])
    const built = buildProgram()
    const packing = watch(join(root, '.images.tar.box'))
    const begun = once(packing, 'change')
    const program = spawn(process.execPath, [join(__dirname, 'programs/writer.mjs'), 'pack', built, root, JSON.stringify(manifest)], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    const exit = once(program, 'exit')
    try {
      await begun
      program.kill('SIGKILL')
      await exit
    } finally {
      packing.close()
    }
    // Only a machine that packs all of it before the signal comes has the new archive, and then the whole of it.
    const after = await readFile(file)
    if (!after.equals(before)) await assertComplete(archive(file), manifest)
    await bundle.tag('large', manifest)
    await bundle.close()
    expect(await readdir(root)).toEqual(['images.tar'])
    for (const image of [small, manifest]) await assertComplete(archive(file), image)
  })

  test('a process that is killed at any moment leaves a whole archive, and what it acknowledged', async () => {
    const built = buildProgram()
    let acknowledged = 0
    for (let round = 0; round < 4; round += 1) {
      const program = spawn(process.execPath, [join(__dirname, 'programs/writer.mjs'), 'images', built, root, 'archive'], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      const exit = once(program, 'exit')
      let seen = ''
      // The kill comes while the next image is received or packed.
      for await (const chunk of program.stdout) {
        seen += String(chunk)
        if (seen.split('\n').length > round + 2) break
      }
      program.kill('SIGKILL')
      await exit
      acknowledged = Math.max(acknowledged, ...[...seen.matchAll(/image-(\d+)\n/g)].map(([, number]) => Number(number)))
      const bundle = archive(file)
      for (let number = 0; number <= acknowledged; number += 1) {
        const found = await bundle.resolve(`image-${number}`)
        if (found === undefined) throw new Error(`image-${number} is lost`)
        await assertComplete(bundle, found)
      }
    }
    expect(acknowledged).toBeGreaterThan(0)
    await archive(file).close()
    expect(await readdir(root)).toEqual(['images.tar'])
  })
})

/** An archive of these pieces. */
async function pack(pieces: AsyncIterable<Awaited<ReturnType<Pieces['next']>>['value']> | Iterable<unknown>): Promise<void> {
  const out = await open(file, 'w')
  try {
    for await (const piece of pieces) if (piece instanceof Uint8Array) await out.appendFile(piece)
  } finally {
    await out.close()
  }
}

const header = (name: string, size: number, change: (block: Buffer) => void = () => undefined): Buffer => {
  const [block] = tarFile(name, size, Buffer.alloc(0))
  if (!(block instanceof Uint8Array)) throw new Error('a header is bytes')
  const changed = Buffer.from(block)
  change(changed)
  changed.write('        ', 148)
  changed.write(
    `${changed
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
    'latin1',
  )
  return changed
}

/** A header of that type, and what is in it. */
function entry(type: string, content: string | Uint8Array, name = 'x', target = ''): Buffer {
  const bytes = Buffer.from(content)
  const block = header(name, bytes.byteLength, (changed) => {
    changed.write(type, 156)
    changed.write(target, 157)
  })
  return Buffer.concat([block, bytes, Buffer.alloc((512 - (bytes.byteLength % 512)) % 512)])
}

function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = rest.length
  while (`${length}${rest}`.length !== length) length += 1
  return `${length}${rest}`
}

/** An archive of an image without layers, with more entries before its end. */
function imageOf(manifest: Descriptor, more: readonly Uint8Array[]): Iterable<Uint8Array> {
  return [
    entry('0', json({ imageLayoutVersion: '1.0.0' }), 'oci-layout'),
    entry('0', json({ schemaVersion: 2, manifests: [manifest] }), './index.json'),
    ...more,
    tarEnd,
  ]
}

describe('an archive of somebody else’s', () => {
  const bytes = randomBytes(700)
  const held = blob(bytes)
  const name = blobName(held)

  test.each<[string, readonly Buffer[]]>([
    ['pax headers', [entry('x', record('path', name) + record('mtime', '1.5')), entry('0', bytes, 'short')]],
    ['a pax size', [entry('x', record('size', '700')), entry('0', bytes, name)]],
    ['long names of GNU', [entry('L', `${name}\0`), entry('0', bytes, 'short')]],
    ['a hard link', [entry('0', bytes, 'elsewhere'), entry('1', '', name, 'elsewhere')]],
    ['a symbolic link', [entry('0', bytes, 'blobs/elsewhere'), entry('2', '', name, '../elsewhere')]],
    ['comments for all', [entry('g', record('comment', 'by hand')), entry('0', bytes, name)]],
  ])('is read with %s', async (_what, more) => {
    await pack(imageOf(blob(json({})), more))
    expect((await readAll(archive(file), held)).equals(bytes)).toBe(true)
    expect(await readdir(root)).toEqual(['images.tar'])
  })

  const invalid = 'ERR_BOX_STORE_INVALID'
  test.each<[string, string, () => readonly Uint8Array[]]>([
    ['a name twice', invalid, () => [entry('0', bytes, name), entry('0', bytes, `./${name}`)]],
    ['a name that leads out', invalid, () => [entry('0', bytes, '../x')]],
    ['a name that leads out, by pax', invalid, () => [entry('x', record('path', 'a/../../x')), entry('0', bytes)]],
    ['an absolute name', invalid, () => [entry('0', bytes, '/etc/passwd')]],
    ['a link that leads out', invalid, () => [entry('2', '', name, '../../../etc/passwd')]],
    ['a link to an absolute name', invalid, () => [entry('2', '', name, '/etc/passwd')]],
    ['a link to itself', invalid, () => [entry('1', '', name, name)]],
    ['a link to nothing', invalid, () => [entry('1', '', name, 'absent')]],
    ['a device', invalid, () => [entry('3', '', name)]],
    ['a sparse file of GNU', invalid, () => [entry('S', bytes, name)]],
    ['a sparse file of pax', invalid, () => [entry('x', record('GNU.sparse.major', '1')), entry('0', bytes, name)]],
    ['a size for all', invalid, () => [entry('g', record('size', '1')), entry('0', bytes, name)]],
    ['a size beyond the file', invalid, () => [header(name, 1024 ** 4)]],
    ['a size beyond all files', invalid, () => [header(name, 0, (block) => block.fill(0xff, 125, 136).fill(0x80, 124, 125))]],
    ['a size that is none', invalid, () => [header(name, 0, (block) => block.write('9z', 124))]],
    ['a pax size that is none', invalid, () => [entry('x', record('size', '-1')), entry('0', bytes, name)]],
    ['a pax header without an end', invalid, () => [entry('x', '99 path=x\n'), entry('0', bytes, name)]],
    ['a pax header of zeros', invalid, () => [entry('x', Buffer.alloc(600)), entry('0', bytes, name)]],
    ['two names by pax and GNU', invalid, () => [entry('x', record('path', name)), entry('L', 'other\0'), entry('0', bytes)]],
    ['two sizes by pax', invalid, () => [entry('x', record('size', '700') + record('size', '0')), entry('0', bytes, name)]],
    ['a pax header at its end', invalid, () => [entry('x', record('path', name))]],
    ['a hard link with a size', invalid, () => [entry('0', bytes, 'elsewhere'), entry('1', bytes, name, 'elsewhere')]],
    ['a file that is named as a folder', invalid, () => [entry('0', bytes, `${name}/`)]],
    ['a wrong checksum', invalid, () => [Buffer.from(entry('0', bytes, name)).fill('y', 0, 1)]],
    ['a huge pax header', 'ERR_BOX_LIMIT', () => [entry('x', Buffer.alloc(2 * 1024 * 1024))]],
    ['more entries than any image', 'ERR_BOX_LIMIT', () => [Buffer.alloc(512 * 100_001, entry('5', '', 'blobs'))]],
  ])('is refused with %s', async (_what, code, more) => {
    await pack(imageOf(blob(json({})), more()))
    await expect(archive(file).stat(held.digest)).rejects.toMatchObject({ code })
    await expect(readAll(archive(file), held)).rejects.toMatchObject({ code })
  })

  test.each<[string, string, (whole: Buffer) => Uint8Array]>([
    ['gzip', 'ERR_BOX_UNSUPPORTED', (whole) => gzipSync(whole)],
    ['its second half cut off', invalid, (whole) => whole.subarray(0, whole.byteLength / 2)],
    ['its end mark cut off', invalid, (whole) => whole.subarray(0, -1024)],
    ['one byte', invalid, () => Buffer.from('x')],
  ])('is refused as a whole, with %s', async (_what, code, change) => {
    await pack(imageOf(blob(json({})), [entry('0', bytes, name)]))
    await writeFile(file, change(await readFile(file)))
    await expect(archive(file).index()).rejects.toMatchObject({ code, path: file })
  })

  test('is refused without oci-layout, without index.json, and with one that is not valid', async () => {
    await pack([entry('0', json({}), 'manifest.json'), tarEnd])
    await expect(archive(file).index()).rejects.toMatchObject({ code: invalid })
    await pack([entry('0', json({ imageLayoutVersion: '1.0.0' }), 'oci-layout'), tarEnd])
    await expect(archive(file).index()).rejects.toMatchObject({ code: invalid })
    await pack([entry('0', json({ imageLayoutVersion: '1.0.0' }), 'oci-layout'), entry('0', '[]', 'index.json'), tarEnd])
    await expect(archive(file).index()).rejects.toMatchObject({ code: invalid })
  })

  test('content that is not what its name says is found out before its last bytes are given', async () => {
    await pack(imageOf(blob(json({})), [entry('0', randomBytes(700), name)]))
    const given: Uint8Array[] = []
    const reading = (async () => {
      for await (const chunk of archive(file).read(held.digest)) given.push(chunk)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
    expect(given).toEqual([])
  })

  test('a folder, and a link to nothing, in its place', async () => {
    await mkdir(file)
    await expect(archive(file).index()).rejects.toMatchObject({ code: invalid })
    await rm(file, { recursive: true })
    await symlink('absent', file)
    expect((await archive(file).index()).manifests).toEqual([])
  })
})
