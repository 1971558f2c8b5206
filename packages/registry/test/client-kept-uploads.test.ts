import { randomBytes } from 'node:crypto'
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { copy, Registry, type TransferEvent } from '../src/index.ts'
import { Memory } from './fixtures/memory.ts'
import { sha256, TestRegistry } from './fixtures/registry.ts'

const retry = { attempts: 3, delay: 1, maxDelay: 5 }
const layer = randomBytes(1_000_000)
/** Where uploads are cut: the registry has so many bytes then, or a few more. */
const cutAt = 400_000
let server: TestRegistry
let folder: string
let uploads: string
let memory: Memory

beforeEach(async () => {
  server = await TestRegistry.start()
  folder = await mkdtemp(join(tmpdir(), 'box-test-kept-'))
  uploads = join(folder, 'uploads')
  memory = new Memory()
  const source = await TestRegistry.start()
  try {
    source.addImage('app', 'v1', [layer])
    await copy(source.reference('app:v1'), { sink: memory, name: 'v1' })
  } finally {
    await source.close()
  }
})

afterEach(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

/** Pushes as a new process would: with a client of its own. Gives where the layer's upload began, each time that it did. */
async function push(to: string = server.reference('app:v1'), options: { readonly attempts?: number } = {}): Promise<readonly number[]> {
  const registry = new Registry({ uploads, retry: { ...retry, ...options } })
  const task = registry.push(memory, to, { name: 'v1' })
  const events: TransferEvent[] = []
  try {
    for await (const event of task) events.push(event)
    await task
  } finally {
    await registry.close()
  }
  return events.filter(({ type, digest }) => type === 'started' && digest === sha256(layer)).map(({ done }) => done)
}

/** A push of which the layer's upload breaks off and is not taken up again. */
async function breakOff(to?: string): Promise<void> {
  server.cutsUp.push(cutAt)
  await expect(push(to, { attempts: 1 })).rejects.toMatchObject({ code: 'ERR_BOX_REGISTRY_UNREACHABLE' })
}

/** The one file that there is. */
async function keptFile(): Promise<string> {
  const names = await readdir(uploads)
  expect(names).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.json$/)])
  return join(uploads, names[0] ?? '')
}

function statusRequests(): number {
  return server.seen.filter(({ method, url }) => method === 'GET' && url.includes('/uploads/')).length
}

function opened(): number {
  return server.count('POST', /\/uploads\/$/)
}

test('a later push goes on where the registry is, and leaves nothing in the folder', async () => {
  await breakOff()
  const began = opened()
  const [start = 0, ...more] = await push()
  expect(start).toBeGreaterThanOrEqual(cutAt)
  expect(more).toEqual([])
  expect(opened()).toBe(began)
  expect(server.blobs.get(sha256(layer))?.equals(layer)).toBe(true)
  expect(await readdir(uploads)).toEqual([])
})

test('of a blob that someone else has brought meanwhile nothing is kept', async () => {
  await breakOff()
  await keptFile()
  server.addBlob(layer)
  expect(await push()).toEqual([])
  expect(await readdir(uploads)).toEqual([])
})

test('without the option nothing is kept, and a later push begins anew', async () => {
  const registry = new Registry({ retry: { attempts: 1 } })
  try {
    server.cutsUp.push(cutAt)
    await expect(registry.push(memory, server.reference('app:v1'), { name: 'v1' })).rejects.toMatchObject({
      code: 'ERR_BOX_REGISTRY_UNREACHABLE',
    })
  } finally {
    await registry.close()
  }
  expect(await push()).toEqual([0])
})

const posix = process.platform === 'win32' ? test.skip : test

posix('file and folder are for their owner alone, also where the umask would have it otherwise', async () => {
  const before = process.umask(0)
  try {
    await breakOff()
  } finally {
    process.umask(before)
  }
  expect(((await lstat(await keptFile())).mode & 0o777).toString(8)).toBe('600')
  expect(((await lstat(uploads)).mode & 0o777).toString(8)).toBe('700')
})

posix.each([
  ['a folder that others can write to', async () => await mkdir(uploads).then(async () => await chmod(uploads, 0o777))],
  ['a link to a folder', async () => await mkdir(join(folder, 'other')).then(async () => await symlink('other', uploads))],
  ['a file', async () => await writeFile(uploads, '')],
])('%s is refused before a byte of the layer is sent', async (_, make) => {
  await make()
  await expect(push()).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_BOX_(?:STORE_INVALID|SYSTEM)$/), path: uploads })
  expect(server.count('PATCH', /./)).toBe(0)
})

posix.each([
  ['others could read or change', async (path: string) => await chmod(path, 0o644)],
  [
    'is a link',
    async (path: string) => {
      await rename(path, join(folder, 'elsewhere'))
      await symlink(join(folder, 'elsewhere'), path)
    },
  ],
  ['is half written', async (path: string) => await writeFile(path, (await readFile(path)).subarray(0, 100))],
  ['is older than a day', async (path: string) => await utimes(path, new Date(), new Date(Date.now() - 25 * 60 * 60 * 1000))],
])('an address that %s is not used', async (_, spoil) => {
  await breakOff()
  await spoil(await keptFile())
  expect(await push()).toEqual([0])
  expect(statusRequests()).toBe(0)
  expect(await readdir(uploads)).toEqual([])
})

test('an address is used for the blob, the repository and the origin that it was given for only', async () => {
  await breakOff()
  const first = await keptFile()
  const second = await TestRegistry.start()
  try {
    expect(await push(second.reference('app:v1'))).toEqual([0])
    await breakOff(server.reference('other:v1'))
    const other = (await readdir(uploads)).map((name) => join(uploads, name)).find((name) => name !== first) ?? ''
    // Whatever the file is named, it says what it is for.
    await rename(first, other)
    expect(await push(server.reference('other:v1'))).toEqual([0])
    expect(statusRequests()).toBe(0)
    expect(second.seen.filter(({ method, url }) => method === 'GET' && url.includes('/uploads/'))).toEqual([])
  } finally {
    await second.close()
  }
})

test('an address on another origin is not kept, and one that was put there is not asked', async () => {
  const elsewhere = await TestRegistry.start()
  try {
    server.intercept = (request, response) => {
      if (request.method !== 'POST') return false
      elsewhere.uploads.set('there', { chunks: [], size: 0 })
      response.writeHead(202, { location: `http://${elsewhere.host}/v2/app/blobs/uploads/there` }).end()
      return true
    }
    elsewhere.cutsUp.push(cutAt)
    await expect(push(undefined, { attempts: 1 })).rejects.toMatchObject({ code: 'ERR_BOX_REGISTRY_UNREACHABLE' })
    expect(await readdir(uploads)).toEqual([])
    server.intercept = () => false
    await breakOff()
    const path = await keptFile()
    const document: unknown = JSON.parse(await readFile(path, 'utf8'))
    const location = `http://${elsewhere.host}/v2/app/blobs/uploads/there`
    await writeFile(path, JSON.stringify({ ...Object(document), location }))
    const asked = elsewhere.seen.length
    expect(await push()).toEqual([0])
    expect(elsewhere.seen.length).toBe(asked)
  } finally {
    await elsewhere.close()
  }
})

test.each([400, 403, 404, 416])('where the registry answers %d to the question how far it is, the upload begins anew', async (status) => {
  await breakOff()
  const began = opened()
  server.intercept = (request, response) => {
    if (request.method !== 'GET' || request.url?.includes('/uploads/') !== true) return false
    response.writeHead(status).end()
    return true
  }
  expect(await push()).toEqual([0])
  expect(opened()).toBeGreaterThan(began)
  expect(server.blobs.get(sha256(layer))?.equals(layer)).toBe(true)
  expect(await readdir(uploads)).toEqual([])
})

test('an upload that holds other bytes than those that were sent begins anew, once', async () => {
  await breakOff()
  for (const upload of server.uploads.values()) upload.chunks[0]?.fill(0)
  const [first = 0, ...more] = await push()
  expect(first).toBeGreaterThanOrEqual(cutAt)
  expect(more).toEqual([0])
  expect(server.blobs.get(sha256(layer))?.equals(layer)).toBe(true)
})

test('a push of a blob whose upload another one goes on with sends it by an upload of its own', async () => {
  await breakOff()
  let arrived = (): void => undefined
  const there = new Promise<void>((resolve) => (arrived = resolve))
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  server.intercept = async ({ method }) => {
    if (method !== 'PATCH') return false
    server.intercept = () => false
    arrived()
    await released
    return false
  }
  const first = push()
  await there
  expect(await push()).toEqual([0])
  release()
  expect((await first)[0]).toBeGreaterThanOrEqual(cutAt)
  expect(server.blobs.get(sha256(layer))?.equals(layer)).toBe(true)
  expect(await readdir(uploads)).toEqual([])
})

test('a shortest chunk that the registry asked for holds for a later push, too', async () => {
  server.intercept = (request, response) => {
    if (request.method !== 'POST') return false
    server.uploads.set('one', { chunks: [], size: 0 })
    response.writeHead(202, { location: '/v2/app/blobs/uploads/one', 'oci-chunk-min-length': '300000' }).end()
    return true
  }
  const registry = new Registry({ uploads, retry: { attempts: 1 } })
  try {
    server.cutsUp.push(10_000_000, 100_000)
    const chunked = registry.push(memory, server.reference('app:v1'), { name: 'v1', chunkSize: 1000 })
    await expect(chunked).rejects.toMatchObject({ code: 'ERR_BOX_REGISTRY_UNREACHABLE' })
  } finally {
    await registry.close()
  }
  const later = new Registry({ uploads, retry })
  try {
    await later.push(memory, server.reference('app:v1'), { name: 'v1', chunkSize: 1000 })
  } finally {
    await later.close()
  }
  const lengths = server.seen.filter(({ method }) => method === 'PATCH').map(({ headers }) => Number(headers['content-length']))
  expect(lengths.slice(0, -1).every((length) => length === 300_000)).toBe(true)
  expect(server.blobs.get(sha256(layer))?.equals(layer)).toBe(true)
})
