import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { layout } from '../src/index.ts'
import { killWhileReceiving, pullTheRest } from './fixtures/killed-pull.ts'
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
  await killWhileReceiving(server, layer, args(server.reference('app:v1')))
  await pullTheRest(server, layer, args(server.reference('app:v1')))
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
