import { randomBytes } from 'node:crypto'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { layout, Registry } from '@box/registry'
import { DistributionRegistry, makeCertificates, program, run, type PeerOptions } from '../../packages/registry/test/fixtures/peers.ts'
import { makeImage } from '../registry/image.ts'
import { sha256, TestRegistry } from '../../packages/registry/test/fixtures/registry.ts'

const crane = process.env['BOX_CRANE'] ?? ''
const distribution = process.env['BOX_DISTRIBUTION'] ?? ''
const programs = ['docker-registry', 'skopeo', 'htpasswd', 'openssl']
const withAll = crane !== '' && distribution !== '' && programs.every((name) => program(name) !== undefined) ? describe : describe.skip

const credentials = { username: 'me', password: 'pass:word' }
const indexType = 'application/vnd.oci.image.index.v1+json'

/** The blobs of a layout by their names, each with the digest of its bytes on the disk. */
async function blobsOf(path: string): Promise<readonly string[]> {
  const folder = join(path, 'blobs', 'sha256')
  const names = await readdir(folder)
  return (await Promise.all(names.map(async (name) => `${name} ${sha256(await readFile(join(folder, name)))}`))).toSorted()
}

interface Peer {
  readonly registry: DistributionRegistry
  readonly client: Registry
  /** crane and skopeo with the same credentials and authority. */
  readonly crane: (...args: readonly string[]) => Promise<string>
  readonly skopeo: (direction: 'pull' | 'push', from: string, to: string) => Promise<string>
}

withAll.each([
  ['distribution v3', distribution, false],
  ['distribution v3 with names and passwords, over TLS', distribution, true],
  ["Debian's docker-registry", 'docker-registry', false],
  ["Debian's docker-registry with names and passwords, over TLS", 'docker-registry', true],
])('%s', (_, registryProgram, guarded) => {
  let folder: string
  let original: string
  let peer: Peer

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'box-peers-'))
    original = join(folder, 'original')
    await makeIndex(original)
    peer = await start()
  }, 60_000)

  afterAll(async () => {
    await peer.client.close()
    await peer.registry.close()
    await rm(folder, { recursive: true })
  })

  async function start(): Promise<Peer> {
    const options: PeerOptions = { program: program(registryProgram) ?? registryProgram }
    if (!guarded) {
      const registry = await DistributionRegistry.start(folder, options)
      return {
        registry,
        client: new Registry(),
        crane: async (...args) => await run(crane, [...args, '--insecure']),
        skopeo: async (direction, from, to) =>
          await run('skopeo', [
            'copy',
            '--insecure-policy',
            '--all',
            `--${direction === 'pull' ? 'src' : 'dest'}-tls-verify=false`,
            from,
            to,
          ]),
      }
    }
    makeCertificates(folder)
    const tls = { cert: join(folder, 'server.pem'), key: join(folder, 'server.key') }
    const registry = await DistributionRegistry.start(folder, { ...options, tls, htpasswd: credentials })
    const ca = await readFile(join(folder, 'ca.pem'))
    await mkdir(join(folder, 'certs'))
    await writeFile(join(folder, 'certs/ca.crt'), ca)
    const auth = Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')
    await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }))
    await writeFile(join(folder, 'auth.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }))
    await chmod(join(folder, 'auth.json'), 0o600)
    const environment = { DOCKER_CONFIG: folder, SSL_CERT_FILE: join(folder, 'ca.pem') }
    return {
      registry,
      client: new Registry({ certs: { [registry.host]: { ca } }, auth: { [registry.host]: credentials } }),
      crane: async (...args) => await run(crane, args, environment),
      skopeo: async (direction, from, to) => {
        const side = direction === 'pull' ? 'src' : 'dest'
        const trust = [`--${side}-cert-dir=${join(folder, 'certs')}`, `--authfile=${join(folder, 'auth.json')}`]
        return await run('skopeo', ['copy', '--insecure-policy', '--all', ...trust, from, to])
      },
    }
  }

  /** An index of two platforms that share a layer. */
  async function makeIndex(path: string): Promise<void> {
    const source = await TestRegistry.start()
    const client = new Registry()
    try {
      // Packed, because skopeo packs what is not.
      const shared = gzipSync(randomBytes(2_000_000))
      const manifests = ['amd64', 'arm64'].map((architecture) => {
        const { digest, size } = source.addImage('app', architecture, [shared, gzipSync(architecture)])
        return { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size, platform: { os: 'linux', architecture } }
      })
      source.addManifest('app', 'v1', { schemaVersion: 2, mediaType: indexType, manifests }, indexType)
      await client.copy(source.reference('app:v1'), { sink: layout(path), name: 'v1' })
    } finally {
      await client.close()
      await source.close()
    }
  }

  test('we read back what we have written, byte for byte', async () => {
    const { client, registry } = peer
    await client.push(layout(original), `${registry.host}/ours:v1`, { name: 'v1' })
    await client.copy(`${registry.host}/ours:v1`, { sink: layout(join(folder, 'back')), name: 'v1' })
    expect(await blobsOf(join(folder, 'back'))).toEqual(await blobsOf(original))
  }, 60_000)

  test('crane reads what we write, and we read what crane writes, byte for byte', async () => {
    const { client, registry } = peer
    const pulled = join(folder, 'crane')
    await client.push(layout(original), `${registry.host}/for-crane:v1`, { name: 'v1' })
    await peer.crane('pull', '--format=oci', `${registry.host}/for-crane:v1`, pulled)
    expect(await blobsOf(pulled)).toEqual(await blobsOf(original))
    await peer.crane('push', '--index', await inner(pulled), `${registry.host}/by-crane:v1`)
    const { digest } = await client.copy(`${registry.host}/by-crane:v1`, { sink: layout(join(folder, 'from-crane')), name: 'v1' })
    expect(digest).toBe((await layout(original).resolve('v1'))?.digest)
    expect(await blobsOf(join(folder, 'from-crane'))).toEqual(await blobsOf(original))
  }, 60_000)

  /** A layout whose own index is the image's, as crane pushes one. */
  async function inner(path: string): Promise<string> {
    const made = `${path}-inner`
    const index: unknown = JSON.parse(await readFile(join(path, 'index.json'), 'utf8'))
    const [digest = ''] = Object(index).manifests.map((entry: { readonly digest: string }) => entry.digest)
    const bytes = await readFile(join(path, 'blobs/sha256', digest.slice('sha256:'.length)))
    await mkdir(made)
    await writeFile(join(made, 'index.json'), bytes)
    await writeFile(join(made, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
    await cp(join(path, 'blobs'), join(made, 'blobs'), { recursive: true })
    return made
  }

  test('skopeo reads what we write, and we read what skopeo writes, byte for byte', async () => {
    const { client, registry } = peer
    const pulled = join(folder, 'skopeo')
    await client.push(layout(original), `${registry.host}/for-skopeo:v1`, { name: 'v1' })
    await peer.skopeo('pull', `docker://${registry.host}/for-skopeo:v1`, `oci:${pulled}:v1`)
    expect(await blobsOf(pulled)).toEqual(await blobsOf(original))
    await peer.skopeo('push', `oci:${pulled}:v1`, `docker://${registry.host}/by-skopeo:v1`)
    await client.copy(`${registry.host}/by-skopeo:v1`, { sink: layout(join(folder, 'from-skopeo')), name: 'v1' })
    expect(await blobsOf(join(folder, 'from-skopeo'))).toEqual(await blobsOf(original))
  }, 60_000)

  test("an image in Docker's format that we have written is read by both, and is what each of them makes", async () => {
    const { client, registry } = peer
    const image = layout(join(folder, 'image'))
    await makeImage(image)
    const { digest } = await client.push(image, `${registry.host}/docker:v1`, { name: 'one', format: 'docker' })
    expect((await peer.crane('digest', `${registry.host}/docker:v1`)).trim()).toBe(digest)
    await peer.crane('validate', '--remote', `${registry.host}/docker:v1`)
    await peer.skopeo('pull', `docker://${registry.host}/docker:v1`, `dir:${join(folder, 'docker')}`)
    const manifest = await readFile(join(folder, 'docker/manifest.json'))
    expect(manifest.equals(Buffer.from((await client.manifest(`${registry.host}/docker:v1`)).bytes))).toBe(true)
  }, 60_000)
})
