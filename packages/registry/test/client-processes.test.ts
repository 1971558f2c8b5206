import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { layout } from '../src/index.ts'
import { sha256, TestRegistry } from './fixtures/registry.ts'

// Each process compiles the sources as it starts.
jest.setTimeout(60_000)

const mebibyte = 1024 * 1024
let server: TestRegistry
let folder: string

beforeEach(async () => {
  server = await TestRegistry.start()
  folder = await mkdtemp(join(tmpdir(), 'box-test-processes-'))
})

afterEach(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

function args(reference: string): string[] {
  return ['--conditions=@box/source', join(__dirname, 'fixtures', 'pull.mjs'), reference, folder]
}

test('a process that is killed leaves what it received, and the next one goes on from there', async () => {
  const layer = randomBytes(8 * mebibyte)
  server.addImage('app', 'v1', [layer])
  const child = spawn(process.execPath, args(server.reference('app:v1')), { stdio: 'ignore' })
  const ended = once(child, 'exit')
  server.intercept = (request, response) => {
    if (request.method !== 'GET' || !(request.url ?? '').endsWith(sha256(layer)) || request.headers.range !== undefined) return false
    response.writeHead(200, { 'content-length': layer.length })
    // The second part shows that the first was taken: then the process is killed in the middle of receiving.
    response.write(layer.subarray(0, 5 * mebibyte), () => {
      response.write(layer.subarray(5 * mebibyte, 6 * mebibyte), () => child.kill('SIGKILL'))
    })
    return true
  }
  expect((await ended)[1]).toBe('SIGKILL')
  await promisify(execFile)(process.execPath, args(server.reference('app:v1')))
  const ranges = server.seen
    .filter(({ method, url }) => method === 'GET' && url.endsWith(sha256(layer)))
    .map(({ headers }) => headers.range)
  expect(ranges).toHaveLength(2)
  expect(Number(/^bytes=(\d+)-$/.exec(ranges[1] ?? '')?.[1])).toBeGreaterThan(0)
  expect(await layout(folder).verify(sha256(layer))).toBe(true)
})

test('processes that pull one image into one folder at the same time download each blob once', async () => {
  const layers = [randomBytes(4 * mebibyte), randomBytes(mebibyte)]
  server.addImage('app', 'v1', layers)
  const children = Array.from({ length: 8 }, async () => await promisify(execFile)(process.execPath, args(server.reference('app:v1'))))
  const outputs = (await Promise.all(children)).map(({ stdout }) => stdout)
  for (const layer of layers) {
    expect(server.count('GET', new RegExp(sha256(layer)))).toBe(1)
    expect(outputs.filter((output) => output.includes(`copied ${sha256(layer)}`))).toHaveLength(1)
  }
})
