import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { layout } from '../src/layout/layout.ts'
import { assertComplete } from '../src/layout/references.ts'
import { socketLocks } from '../src/layout/socket-locks.ts'
import { blob, putManifest, writing } from './blob-sink.contract.ts'

const repository = join(__dirname, '..', '..', '..')
const built = join(repository, 'packages/oci/dist/index.js')

let root: string

beforeAll(() => {
  // The programs run in plain Node, which reads what tsc makes of the sources.
  execFileSync(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '-b', 'packages/oci'], { cwd: repository })
})
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'box-oci-'))
})
afterEach(async () => {
  await rm(root, { recursive: true })
})

type Program = ChildProcessByStdio<Writable, Readable, null>

function run(work: string, ...rest: string[]): Program {
  return spawn(process.execPath, [join(__dirname, 'programs/writer.mjs'), work, built, root, ...rest], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
}

async function exitCode(program: Program): Promise<unknown> {
  const [code] = await once(program, 'exit')
  return code
}

test('two processes never hold the same lock', async () => {
  const programs = Array.from({ length: 4 }, () => run('exclude', '40'))
  expect(await Promise.all(programs.map(exitCode))).toEqual([0, 0, 0, 0])
  expect(await readdir(root)).toEqual([])
})

test('names that several processes give are all kept', async () => {
  const store = layout(root)
  const manifest = await putManifest(store, [])
  const programs = ['a', 'b', 'c'].map((name) => run('tag', name, '15', JSON.stringify(manifest)))
  expect(await Promise.all(programs.map(exitCode))).toEqual([0, 0, 0])
  expect(await store.list()).toHaveLength(45)
  expect(await readdir(join(root, 'staging'))).toEqual(['locks'])
})

test('a writer that is killed leaves its bytes and its lock to who waits', async () => {
  const bytes = Buffer.alloc(1_000_000, 7)
  const descriptor = blob(bytes)
  const program = run('half', String(bytes.byteLength))
  await once(program.stdout, 'data')
  const store = layout(root)
  const busy = await store.ingest(descriptor)
  if (busy.state !== 'busy') throw new Error(`expected busy, got ${busy.state}`)
  const released = busy.released
  program.kill('SIGKILL')
  await once(program, 'exit')
  await released
  const writer = writing(await store.ingest(descriptor))
  expect(writer.offset).toBe(500_000)
  await writer.write(bytes.subarray(writer.offset))
  await writer.commit()
  expect(await store.verify(descriptor.digest)).toBe(true)
  expect(await readdir(join(root, 'staging'))).toEqual(['locks'])
})

test('a writer that was killed before anybody waited is in nobody’s way', async () => {
  const descriptor = blob(Buffer.alloc(1_000_000, 7))
  const program = run('half', '1000000')
  await once(program.stdout, 'data')
  program.kill('SIGKILL')
  await once(program, 'exit')
  const writer = writing(await layout(root).ingest(descriptor))
  expect(writer.offset).toBe(500_000)
  await writer.abort()
})

test('processes that are killed at any moment leave a layout that opens, and nothing lost that was acknowledged', async () => {
  const seed = Number(process.env['BOX_SEED'] ?? Date.now() % 1_000_000)
  process.stdout.write(`seed ${seed} (BOX_SEED)\n`)
  const random = generator(seed)
  const acknowledged = new Set<string>()
  for (let round = 0; round < 8; round += 1) {
    const programs = [run('images'), run('images')]
    const said = programs.map((program) => collect(program.stdout))
    await Promise.race(programs.map((program) => once(program.stdout, 'data')))
    await delay(random() * 150)
    for (const program of programs) program.kill('SIGKILL')
    await Promise.all(programs.map((program) => once(program, 'close')))
    for (const text of said) for (const name of (await text).split('\n').slice(0, -1)) acknowledged.add(name)
    const store = layout(root)
    const names = new Set((await store.list()).map(({ name }) => name))
    expect([...acknowledged].filter((name) => !names.has(name))).toEqual([])
    for await (const { digest } of store.blobs()) expect(await store.verify(digest)).toBe(true)
    for (const { descriptor } of await store.list()) await assertComplete(store, descriptor)
  }
  const store = layout(root)
  await store.tag('after', await putManifest(store, []))
  expect(await store.resolve('after')).toBeDefined()
}, 60_000)

/** Numbers from 0 to 1 that a seed decides (Mulberry32). */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

async function collect(stream: Readable): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}

test('who no longer wants to wait stops waiting at once', async () => {
  const descriptor = blob(Buffer.alloc(1_000_000, 7))
  const program = run('half', '1000000')
  await once(program.stdout, 'data')
  const controller = new AbortController()
  const busy = await layout(root).ingest(descriptor, { signal: controller.signal })
  if (busy.state !== 'busy') throw new Error(`expected busy, got ${busy.state}`)
  const waiting = busy.released
  controller.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  program.stdin.end()
  await once(program, 'exit')
})

test('what a killed writer left is swept and thrown away, what a living one has is not', async () => {
  const bytes = Buffer.alloc(1_000_000, 7)
  const { digest } = blob(bytes)
  const program = run('half', String(bytes.byteLength))
  await once(program.stdout, 'data')
  const store = layout(root)
  const staging = join(root, 'staging')
  const names = (await readdir(staging)).toSorted()
  expect(names).toHaveLength(4)
  await socketLocks().sweep?.(staging)
  expect((await readdir(staging)).toSorted()).toEqual(names)
  await expect(store.discard(digest)).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
  for await (const partial of store.partials()) expect(partial).toEqual({ digest, size: 500_000 })
  program.kill('SIGKILL')
  await once(program, 'exit')
  await socketLocks().sweep?.(staging)
  expect((await readdir(staging)).toSorted()).toEqual(['locks', digest.replace(':', '-')])
  expect(await store.discard(digest)).toBe(true)
  expect(await store.discard(digest)).toBe(false)
  expect(await readdir(staging)).toEqual(['locks'])
})
