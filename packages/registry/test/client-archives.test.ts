import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { archive, memorySink, Registry, serve, layout, type ServedRegistry } from '../src/index.ts'
import { killWhileReceiving, pullTheRest } from './fixtures/killed-pull.ts'
import { sha256, TestRegistry } from './fixtures/registry.ts'

// Each process compiles the sources as it starts.
jest.setTimeout(60_000)

const mebibyte = 1024 * 1024
const skopeoTest = spawnSync('skopeo', ['--version']).status === 0 ? test : test.skip
let server: TestRegistry
let inside: ServedRegistry
let registry: Registry
let folder: string
let file: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-test-archives-'))
  file = join(folder, 'bundle.tar')
  server = await TestRegistry.start()
  inside = await serve(layout(join(folder, 'inside')))
  registry = new Registry({ retry: { attempts: 1 } })
})

afterEach(async () => {
  await Promise.all([registry.close(), inside.close(), server.close()])
  await rm(folder, { recursive: true })
})

function insideReference(rest: string): string {
  return `${inside.host}:${inside.port}/${rest}`
}

test('an image goes from a registry to an archive and on to a registry, byte for byte', async () => {
  const layers = [randomBytes(2 * mebibyte), randomBytes(10), Buffer.alloc(0)]
  const image = server.addImage('app', 'v1', layers)
  const bundle = archive(file)
  expect((await registry.pull(server.reference('app:v1'), bundle, { name: 'app:v1' })).digest).toBe(image.digest)
  await bundle.close()
  expect(await readdir(folder)).toEqual(['bundle.tar'])
  await registry.push(archive(file), insideReference('app:v1'), { name: 'app:v1' })
  const [one, other] = [await registry.manifest(server.reference('app:v1')), await registry.manifest(insideReference('app:v1'))]
  expect(Buffer.from(other.bytes).equals(one.bytes)).toBe(true)
  const memory = memorySink()
  await registry.copy(insideReference('app:v1'), { sink: memory, name: 'x' })
  for (const layer of layers) {
    const chunks: Uint8Array[] = []
    for await (const chunk of memory.read(sha256(layer))) chunks.push(chunk)
    expect(Buffer.concat(chunks).equals(layer)).toBe(true)
  }
})

test('an image that an archive has is not asked for again, and a second one shares its layers', async () => {
  const shared = randomBytes(100_000)
  server.addImage('app', 'v1', [shared])
  server.addImage('app', 'v2', [shared, randomBytes(50)])
  await registry.pull(server.reference('app:v1'), archive(file))
  await registry.pull(server.reference('app:v2'), archive(file))
  expect(server.count('GET', new RegExp(sha256(shared)))).toBe(1)
  const { manifests } = await archive(file).index()
  expect(manifests).toHaveLength(2)
})

test('a pull that fails leaves the archive as it was', async () => {
  server.addImage('app', 'v1', [randomBytes(1000)])
  const broken = randomBytes(2000)
  server.addImage('app', 'v2', [broken])
  const bundle = archive(file)
  await registry.pull(server.reference('app:v1'), bundle)
  const before = await readFile(file)
  server.intercept = (request, response) => {
    if (!(request.url ?? '').endsWith(sha256(broken))) return false
    response.writeHead(200, { 'content-length': broken.length })
    response.end(randomBytes(broken.length))
    return true
  }
  await expect(registry.pull(server.reference('app:v2'), bundle)).rejects.toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
  expect((await readFile(file)).equals(before)).toBe(true)
  await bundle.close()
  expect(await readdir(folder)).toEqual(['bundle.tar'])
})

test('a process that is killed leaves no half archive, and the next one goes on from what it received', async () => {
  const layer = randomBytes(8 * mebibyte)
  server.addImage('app', 'v1', [layer])
  const args = ['--conditions=@box/source', join(__dirname, 'fixtures', 'pull.mjs'), server.reference('app:v1'), file]
  await killWhileReceiving(server, layer, args)
  await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' })
  await pullTheRest(server, layer, args)
  expect(await archive(file).stat(sha256(layer))).toEqual({ size: layer.length })
})

skopeoTest('skopeo reads what we write, and we read what skopeo writes, named or not', async () => {
  const image = server.addImage('app', 'v1', [randomBytes(100_000)])
  const reference = server.reference('app:v1')
  await registry.pull(reference, archive(file))
  const ours: { readonly Digest: string } = JSON.parse(
    execFileSync('skopeo', ['inspect', '--no-tags', `oci-archive:${file}`], { encoding: 'utf8' }),
  )
  expect(ours.Digest).toBe(image.digest)
  for (const [place, name] of [
    [join(folder, 'named.tar'), 'app:v1'],
    [join(folder, 'nameless.tar'), ''],
  ] as const) {
    const target = `oci-archive:${place}${name === '' ? '' : `:${name}`}`
    execFileSync('skopeo', ['copy', '--quiet', '--insecure-policy', '--preserve-digests', `oci-archive:${file}`, target])
    const { digest } = await registry.push(archive(place), insideReference('app:v1'), { name: 'app:v1' })
    expect(digest).toBe(image.digest)
  }
})
