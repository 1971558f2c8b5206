import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { digestOf, splitDigest } from '@box/oci'
import { LayerStore } from '../src/index.ts'
import { putImage, tar } from './fixtures.ts'
import { start } from './programs/start.ts'
import { seededLayer } from './seeded-layer.ts'

const linux = process.platform === 'linux' ? describe : describe.skip
const asRoot = process.getuid?.() === 0 ? describe : describe.skip
const size = 4 * 1024 * 1024

// Each test starts several processes, on a machine that may be busy.
jest.setTimeout(60_000)

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-layers-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const go = (program: ReturnType<typeof start>): void => void program.process.stdin?.write('go\n')

async function layersIn(path: string): Promise<string[]> {
  return await readdir(join(path, 'layers/sha256')).catch(() => [])
}

linux('processes that share a store', () => {
  test('of several who want the same layer one receives and unpacks it, the others wait', async () => {
    const seed = randomBytes(8).toString('hex')
    const programs = [1, 2, 3].map(() => start('ingest.ts', [folder, String(size), seed]))
    for (const program of programs) expect(await program.line()).toBe('open')
    programs.forEach(go)
    const outcomes: string[] = []
    for (const program of programs) {
      const lines: string[] = []
      while (!lines.some((line) => line.includes('outcome'))) lines.push(JSON.stringify(await program.line()))
      outcomes.push(lines.join(' '))
      expect(await program.ended).toBe(0)
    }
    expect(outcomes.filter((text) => text.includes('"offset"'))).toEqual(['{"offset":0} {"outcome":"written"}'])
    expect(await layersIn(folder)).toEqual([splitDigest(digestOf(seededLayer(size, seed))).encoded])
    expect(await readdir(join(folder, 'layers/staging'))).toEqual([])
    expect(await readdir(join(folder, 'sessions'))).toEqual([])
  })

  test.each([0, 65_536, 2 * 1024 * 1024])(
    'a process that is killed %d bytes into a layer leaves a store that opens clean and resumes',
    async (stop) => {
      const seed = randomBytes(8).toString('hex')
      const first = start('ingest.ts', [folder, String(size), seed, String(stop)])
      expect(await first.line()).toBe('open')
      go(first)
      expect(await first.line()).toEqual({ offset: 0 })
      expect(await first.line()).toEqual({ stoppedAt: stop })
      expect(await readdir(join(folder, 'layers/staging'))).toHaveLength(1)
      first.process.kill('SIGKILL')
      expect(await first.ended).toBe('SIGKILL')
      const second = start('ingest.ts', [folder, String(size), seed])
      expect(await second.line()).toBe('open')
      expect(await readdir(join(folder, 'layers/staging'))).toEqual([])
      expect(await layersIn(folder)).toEqual([])
      const partial = (await readdir(join(folder, 'staging'))).find((name) => name.startsWith('sha256-') && !name.includes('.'))
      const kept = partial === undefined ? 0 : (await stat(join(folder, 'staging', partial))).size
      expect(kept).toBeLessThanOrEqual(stop)
      go(second)
      expect(await second.line()).toEqual({ offset: kept })
      expect(await second.line()).toEqual({ outcome: 'written' })
      expect(await second.ended).toBe(0)
      expect(await layersIn(folder)).toHaveLength(1)
    },
  )

  test('who waits for a process that is killed takes over from what it left', async () => {
    const seed = randomBytes(8).toString('hex')
    const first = start('ingest.ts', [folder, String(size), seed, String(1024 * 1024)])
    expect(await first.line()).toBe('open')
    go(first)
    await first.line()
    expect(await first.line()).toEqual({ stoppedAt: 1024 * 1024 })
    const second = start('ingest.ts', [folder, String(size), seed])
    expect(await second.line()).toBe('open')
    go(second)
    const next = second.line()
    first.process.kill('SIGKILL')
    expect(await next).toMatchObject({ offset: expect.any(Number) })
    expect(await second.line()).toEqual({ outcome: 'written' })
    expect(await second.ended).toBe(0)
  })

  test('a partial blob with wrong bytes is found out, thrown away and received anew', async () => {
    const seed = randomBytes(8).toString('hex')
    const bytes = seededLayer(size, seed)
    const { encoded } = splitDigest(digestOf(bytes))
    const store = await LayerStore.open(folder)
    await writeFile(join(folder, 'staging', `sha256-${encoded}`), randomBytes(100_000))
    const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf(bytes), size: bytes.byteLength }
    const first = await store.ingest(descriptor)
    if (first.state !== 'writing') throw new Error(first.state)
    expect(first.offset).toBe(100_000)
    await expect(first.write(bytes.subarray(100_000)).then(() => first.commit())).rejects.toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
    expect(await layersIn(folder)).toEqual([])
    const second = await store.ingest(descriptor)
    if (second.state !== 'writing') throw new Error(second.state)
    expect(second.offset).toBe(0)
    await second.write(bytes)
    await second.commit()
    await store.close()
  })

  test('a store is not closed under a layer that arrives', async () => {
    const bytes = seededLayer(size, 'open')
    const store = await LayerStore.open(folder)
    const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf(bytes), size: bytes.byteLength }
    const writer = await store.ingest(descriptor)
    if (writer.state !== 'writing') throw new Error(writer.state)
    await writer.write(bytes.subarray(0, 1000))
    await expect(store.close()).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
    await writer.abort()
    await store.close()
    await expect(store.ingest(descriptor)).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
  })

  test('a blob that is there but was never unpacked is unpacked when it is asked for', async () => {
    const bytes = tar([{ name: 'file', content: 'x' }])
    const before = await LayerStore.open(folder)
    await putImage(before, [bytes], 'image')
    await before.close()
    await rm(join(folder, 'layers/by-blob'), { recursive: true })
    await rm(join(folder, 'layers/sha256'), { recursive: true })
    const store = await LayerStore.open(folder)
    const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf(bytes), size: bytes.byteLength }
    expect((await store.ingest(descriptor)).state).toBe('present')
    expect(await layersIn(folder)).toHaveLength(1)
    await store.close()
  })

  test('a blob that was cut short is received again', async () => {
    const bytes = seededLayer(size, 'cut')
    const store = await LayerStore.open(folder)
    await putImage(store, [bytes], 'image')
    const { encoded } = splitDigest(digestOf(bytes))
    await truncate(join(folder, 'blobs/sha256', encoded), 1000)
    const { problems } = await store.verify()
    expect(problems.map(({ kind, digest }) => [kind, digest])).toEqual([['blob-damaged', digestOf(bytes)]])
    await putImage(store, [bytes], 'image')
    expect((await store.verify()).problems).toEqual([])
    await store.close()
  })

  test('what has other bytes of the same number, and an unpacked layer that lost a file, come again once they were removed', async () => {
    const bytes = tar([
      { name: 'file', content: 'x' },
      { name: 'other', content: 'y' },
    ])
    const store = await LayerStore.open(folder)
    const image = await putImage(store, [bytes], 'image')
    const paths = [digestOf(bytes), image.digest].map((digest) => join(folder, 'blobs/sha256', splitDigest(digest).encoded))
    for (const path of paths) await writeFile(path, (await readFile(path)).fill(0x21, 5, 6))
    const [layer] = await layersIn(folder)
    await rm(join(folder, 'layers/sha256', layer ?? '', 'tree/other'))
    await store.close()

    const again = await LayerStore.open(folder)
    const { problems } = await again.verify()
    expect(problems.filter(({ removed }) => removed)).toEqual([])
    const found = new Set(problems.map(({ kind }) => kind))
    expect(found).toEqual(new Set(['blob-damaged', 'layer-damaged']))
    expect((await again.verify({ repair: true })).problems.filter(({ removed }) => !removed)).toEqual([])
    await putImage(again, [bytes], 'image')
    expect((await again.verify()).problems).toEqual([])
    const root = await again.mount('image')
    expect(await root.readFile('/other', 'utf8')).toBe('y')
    await root.close()
    await again.close()
  })
})

asRoot('containers of dead processes', () => {
  test('what a killed process had mounted and written is swept by the next open, not by one before', async () => {
    const program = start('mounted.ts', [folder])
    expect(await program.line()).toBe('written')
    const beside = await LayerStore.open(folder)
    expect(await readdir(join(folder, 'containers'))).toHaveLength(1)
    expect((await beside.prune({ dryRun: true })).containers).toEqual([])
    program.process.kill('SIGKILL')
    await once(program.process, 'exit')
    expect(await program.ended).toBe('SIGKILL')
    expect((await beside.prune({ dryRun: true })).containers).toHaveLength(1)
    const next = await LayerStore.open(folder)
    expect(await readdir(join(folder, 'containers'))).toEqual([])
    await next.close()
    await beside.close()
    expect(await readdir(join(folder, 'sessions'))).toEqual([])
  })
})
