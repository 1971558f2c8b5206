import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from '../../src/index.ts'
import { failure } from '../fixtures/attack.ts'
import { Memory } from '../fixtures/memory.ts'
import { makeCertificates, withPrograms } from '../fixtures/peers.ts'
import { TestRegistry } from '../fixtures/registry.ts'

withPrograms('openssl')('a registry over HTTPS', () => {
  let folder: string
  let server: TestRegistry
  let victim: TestRegistry
  let registry: Registry

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'box-test-downgrade-'))
    makeCertificates(folder)
  })

  afterAll(async () => await rm(folder, { recursive: true }))

  beforeEach(async () => {
    const [cert, key, ca] = await Promise.all(['server.pem', 'server.key', 'ca.pem'].map((name) => readFile(join(folder, name))))
    if (cert === undefined || key === undefined || ca === undefined) throw new Error('no certificates')
    server = await TestRegistry.start({ cert, key })
    victim = await TestRegistry.start()
    registry = new Registry({
      retry: { attempts: 1 },
      certs: { [server.host]: { ca } },
      // Even a host that may be spoken to over plain HTTP is not to be led to from HTTPS.
      insecure: [victim.host],
    })
  })

  afterEach(async () => {
    await registry.close()
    await Promise.all([server.close(), victim.close()])
  })

  async function image(): Promise<Memory> {
    const sink = new Memory()
    server.addImage('app', 'v1', [Buffer.from('layer')])
    await registry.pull(server.reference('app:v1'), sink, { name: 'mine' })
    return sink
  }

  test.each(['127.0.0.1', 'localhost'])('does not lead to plain HTTP on this machine (%s), in whatever way', async (host) => {
    const sink = await image()
    server.blobs.clear()
    const url = `http://${host}:${victim.port}/v2/x/blobs/uploads/1`
    const answers = [
      { status: 401, headers: { 'www-authenticate': `Bearer realm="${url}"` } },
      { status: 307, headers: { location: url } },
      { status: 202, headers: { location: url } },
    ]
    for (const { status, headers } of answers) {
      server.intercept = (request, response) => {
        if (status === 202 && request.method !== 'POST') return false
        response.writeHead(status, headers).end()
        return true
      }
      const work =
        status === 202 ? registry.push(sink, server.reference('app:v2'), { name: 'mine' }) : registry.resolve(server.reference('app:v1'))
      expect(await failure(work)).toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED', message: expect.stringContaining('plain HTTP') })
    }
    expect(victim.seen).toHaveLength(0)
  })

  test('is not spoken to by who does not know its authority, and no credential is sent', async () => {
    await image()
    const seen = server.seen.length
    const distrustful = new Registry({
      certs: { [server.host]: {} },
      retry: { attempts: 1 },
      auth: { [server.host]: { username: 'me', password: 'word' } },
    })
    expect(await failure(distrustful.resolve(server.reference('app:v1')))).toMatchObject({ code: 'ERR_BOX_REGISTRY_UNREACHABLE' })
    await distrustful.close()
    expect(server.seen).toHaveLength(seen)
  })
})
