import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { copy, layout, Registry, serve } from '../src/index.ts'
import { DistributionRegistry, makeCertificates, run, withPrograms } from './fixtures/peers.ts'
import { TestRegistry } from './fixtures/registry.ts'

// Registries and other programs are started, on a machine that may be busy.
jest.setTimeout(60_000)

const retry = { attempts: 3, delay: 1, maxDelay: 50 }
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-test-peers-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

/** Every blob of a layout by its digest, as bytes on the disk. */
async function blobsOf(path: string): Promise<Map<string, Buffer>> {
  const names = await readdir(join(path, 'blobs', 'sha256'))
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(path, 'blobs', 'sha256', name))] as const)))
}

function same(one: ReadonlyMap<string, Buffer>, other: ReadonlyMap<string, Buffer>): boolean {
  return one.size === other.size && [...one].every(([name, bytes]) => other.get(name)?.equals(bytes) === true)
}

/** A layout with an index of two platforms that share a layer. */
async function original(): Promise<string> {
  const source = await TestRegistry.start()
  try {
    // Packed, because skopeo packs what is not.
    const shared = gzipSync(randomBytes(3_000_000))
    const manifests = ['amd64', 'arm64'].map((architecture) => {
      const { digest, size } = source.addImage('app', architecture, [shared, gzipSync(randomBytes(50_000)), gzipSync(architecture)])
      return { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size, platform: { os: 'linux', architecture } }
    })
    const mediaType = 'application/vnd.oci.image.index.v1+json'
    source.addManifest('app', 'v1', { schemaVersion: 2, mediaType, manifests }, mediaType)
    const path = join(folder, 'original')
    await copy(source.reference('app:v1'), { sink: layout(path), name: 'app:v1' })
    return path
  } finally {
    await source.close()
  }
}

/** Pushes, lists, pulls back, copies within, refers, removes. */
async function roundTrip(host: string, registry: Registry): Promise<void> {
  const path = await original()
  const pushed = await registry.push(layout(path), `${host}/team/app:v1`, { name: 'app:v1' })
  const again: string[] = []
  for await (const event of registry.push(layout(path), `${host}/team/app:v1`, { name: 'app:v1' })) again.push(event.type)
  expect(again.filter((type) => type === 'started')).toEqual([])
  const back = join(folder, 'back')
  const pulled = await registry.copy(`${host}/team/app:v1`, { sink: layout(back), name: 'app:v1' })
  expect(pulled.digest).toBe(pushed.digest)
  expect(same(await blobsOf(path), await blobsOf(back))).toBe(true)

  const mounted: string[] = []
  for await (const event of registry.copy(`${host}/team/app:v1`, `${host}/other/app:v2`)) mounted.push(event.type)
  expect(mounted).toContain('mounted')
  expect(mounted).not.toContain('started')

  await registry.push(layout(path), `${host}/team/app:v2`, { name: 'app:v1', chunkSize: 1_000_000 })
  const tags: string[] = []
  for await (const tag of registry.tags(`${host}/team/app`)) tags.push(tag)
  expect(tags.toSorted()).toEqual(['v1', 'v2'])
  expect(await registry.referrers(`${host}/team/app:v1`)).toEqual([])
  await registry.remove(`${host}/team/app@${pushed.digest}`)
  await expect(registry.resolve(`${host}/team/app:v1`)).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
}

test('our own registry gives back byte for byte what it was given', async () => {
  const served = await serve(layout(join(folder, 'served')))
  const registry = new Registry({ retry })
  try {
    await roundTrip(`${served.host}:${served.port}`, registry)
  } finally {
    await registry.close()
    await served.close()
  }
})

withPrograms('docker-registry')("the distribution project's registry", () => {
  test('gives back byte for byte what it was given', async () => {
    const peer = await DistributionRegistry.start(folder)
    const registry = new Registry({ retry })
    try {
      await roundTrip(peer.host, registry)
    } finally {
      await registry.close()
      await peer.close()
    }
  })

  withPrograms('htpasswd', 'openssl')('with names and passwords, over TLS', () => {
    test('is spoken to with its own authority and credentials, and by nobody else', async () => {
      makeCertificates(folder)
      const tls = { cert: join(folder, 'server.pem'), key: join(folder, 'server.key') }
      const peer = await DistributionRegistry.start(folder, { htpasswd: { username: 'me', password: 'pass:word' }, tls })
      const certs = { [peer.host]: { ca: await readFile(join(folder, 'ca.pem')) } }
      const registry = new Registry({ retry, certs, auth: { [peer.host]: { username: 'me', password: 'pass:word' } } })
      const anonymous = new Registry({ retry, certs })
      const distrustful = new Registry({ retry, certs: { [peer.host]: {} } })
      try {
        await roundTrip(peer.host, registry)
        const reference = `${peer.host}/team/app:v1`
        await expect(anonymous.resolve(reference)).rejects.toMatchObject({ code: 'ERR_BOX_REGISTRY_UNAUTHORIZED', status: 401 })
        await expect(distrustful.resolve(reference)).rejects.toMatchObject({
          code: 'ERR_BOX_REGISTRY_UNREACHABLE',
          hint: expect.stringContaining('certs'),
        })
      } finally {
        await Promise.all([registry.close(), anonymous.close(), distrustful.close()])
        await peer.close()
      }
    })
  })

  withPrograms('skopeo')('and skopeo', () => {
    test('skopeo reads what we push, and we read what skopeo pushes, byte for byte', async () => {
      const peer = await DistributionRegistry.start(folder)
      const registry = new Registry({ retry })
      const plain = ['copy', '--insecure-policy', '--all', '--src-tls-verify=false', '--dest-tls-verify=false']
      try {
        const path = await original()
        await registry.push(layout(path), `${peer.host}/ours:v1`, { name: 'app:v1' })
        await run('skopeo', [...plain, `docker://${peer.host}/ours:v1`, `oci:${join(folder, 'skopeo')}:v1`])
        expect(same(await blobsOf(path), await blobsOf(join(folder, 'skopeo')))).toBe(true)
        await run('skopeo', [...plain, `oci:${join(folder, 'skopeo')}:v1`, `docker://${peer.host}/theirs:v1`])
        const back = join(folder, 'back')
        await registry.copy(`${peer.host}/theirs:v1`, { sink: layout(back), name: 'v1' })
        expect(same(await blobsOf(path), await blobsOf(back))).toBe(true)
      } finally {
        await registry.close()
        await peer.close()
      }
    })

    test("an image in Docker's second schema is read and written with its bytes as they are", async () => {
      const peer = await DistributionRegistry.start(folder)
      const registry = new Registry({ retry })
      const plain = ['copy', '--insecure-policy', '--src-tls-verify=false', '--dest-tls-verify=false']
      try {
        const path = await original()
        await run('skopeo', [...plain, '--format', 'v2s2', `oci:${path}:app:v1`, `docker://${peer.host}/docker:v1`])
        const { descriptor, bytes } = await registry.manifest(`${peer.host}/docker:v1`)
        expect(descriptor.mediaType).toBe('application/vnd.docker.distribution.manifest.v2+json')
        await registry.copy(`${peer.host}/docker:v1`, `${peer.host}/copied:v1`)
        expect(Buffer.from((await registry.manifest(`${peer.host}/copied:v1`)).bytes).equals(bytes)).toBe(true)
      } finally {
        await registry.close()
        await peer.close()
      }
    })
  })
})

withPrograms('openssl')('client certificates', () => {
  test('are shown to the registry that they are for, and not where it redirects to', async () => {
    makeCertificates(folder)
    const pem = async (name: string): Promise<Buffer> => await readFile(join(folder, name))
    const [ca, cert, key] = await Promise.all([pem('ca.pem'), pem('server.pem'), pem('server.key')])
    const own = { ca, cert: await pem('client.pem'), key: await pem('client.key') }
    const shown: (string | undefined)[] = []
    const servers = [0, 1].map(() => createServer({ ca, cert, key, requestCert: true, rejectUnauthorized: false }))
    const ports = await Promise.all(
      servers.map(
        async (server) =>
          await new Promise<number>((resolve) => {
            server.listen(0, '127.0.0.1', () => {
              const address: string | AddressInfo | null = server.address()
              resolve(typeof address === 'object' && address !== null ? address.port : 0)
            })
          }),
      ),
    )
    servers[0]?.on('request', (request, response) => {
      shown.push(request.socket instanceof TLSSocket ? JSON.stringify(request.socket.getPeerCertificate()) : undefined)
      response.writeHead(307, { location: `https://127.0.0.1:${ports[1]}/` }).end()
    })
    servers[1]?.on('request', (_, response) => void response.end())
    const host = `127.0.0.1:${ports[0]}`
    const registry = new Registry({ retry, certs: { [host]: own } })
    try {
      // The authority is for the registry alone too: where it redirects to is not trusted by it.
      await expect(registry.resolve(`${host}/app:v1`)).rejects.toMatchObject({ code: 'ERR_BOX_REGISTRY_UNREACHABLE' })
      expect(shown[0]).toContain('"CN":"client"')
    } finally {
      await registry.close()
      for (const server of servers) server.closeAllConnections()
      await Promise.all(servers.map(async (server) => await new Promise((resolve) => server.close(resolve))))
    }
  })
})
