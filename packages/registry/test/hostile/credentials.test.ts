import { randomBytes } from 'node:crypto'
import { RegistryError } from '../../src/index.ts'
import { Attack, failure, manifestType } from '../fixtures/attack.ts'
import { Memory } from '../fixtures/memory.ts'
import { sha256 } from '../fixtures/registry.ts'

let attack: Attack

beforeEach(async () => {
  attack = await Attack.start()
})

afterEach(async () => await attack.close())

describe('credentials stay with the registry that they are for', () => {
  beforeEach(() => {
    attack.server.addImage('app', 'v1', [randomBytes(1000)])
    for (const [digest, bytes] of attack.server.blobs) attack.victim.blobs.set(digest, bytes)
  })

  test('a redirect to another origin carries none, and a challenge from there is not answered', async () => {
    attack.basicAnd((request, response) => {
      if (!(request.url ?? '').includes('/blobs/')) return false
      response.writeHead(307, { location: `http://${attack.victim.host}${request.url ?? ''}` }).end()
      return true
    })
    await attack.client().pull(attack.server.reference('app:v1'), new Memory())
    expect(attack.victim.seen.length).toBeGreaterThan(0)
    expect(attack.victim.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true)
    attack.victim.intercept = (_, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      return true
    }
    const error = await failure(attack.client().pull(attack.server.reference('app:v1'), new Memory()))
    expect(error).toMatchObject({ code: 'ERR_BOX_REGISTRY_UNAUTHORIZED' })
    expect(attack.victim.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true)
  })

  test('a redirect that comes back from another origin carries none', async () => {
    attack.basicAnd((request, response) => {
      if (!(request.url ?? '').includes('/blobs/')) return false
      response.writeHead(307, { location: `http://${attack.victim.host}/back` }).end()
      return true
    })
    attack.victim.intercept = (_, response) => {
      response.writeHead(307, { location: `http://${attack.server.host}/v2/private/manifests/v1` }).end()
      return true
    }
    await failure(attack.client().pull(attack.server.reference('app:v1'), new Memory()))
    const returned = attack.server.seen.filter(({ url }) => url.includes('private'))
    expect(returned.length).toBeGreaterThan(0)
    expect(returned.every(({ headers }) => headers.authorization === undefined)).toBe(true)
  })

  test('an upload that is to go to another origin carries none', async () => {
    const sink = new Memory()
    await attack.client().pull(attack.server.reference('app:v1'), sink, { name: 'mine' })
    attack.server.blobs.clear()
    attack.victim.uploads.set('stolen', { chunks: [], size: 0 })
    attack.basicAnd((request, response) => {
      if (!(request.url ?? '').endsWith('/uploads/')) return false
      response.writeHead(202, { location: `http://${attack.victim.host}/v2/x/blobs/uploads/stolen` }).end()
      return true
    })
    await failure(attack.client().push(sink, attack.server.reference('app:v2'), { name: 'mine' }))
    expect(attack.victim.count('PUT', /stolen/)).toBeGreaterThan(0)
    expect(attack.victim.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true)
  })

  test("a token service that is not the registry's own is not given them, unless it was named", async () => {
    const realm = `http://localhost:${attack.victim.port}/token`
    attack.answer(/./, (_, response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end()
    })
    const error = await failure(attack.client().resolve(attack.server.reference('app:v1')))
    expect(error).toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED', hint: expect.stringContaining('egress.realms') })
    expect(attack.victim.seen).toHaveLength(0)
    await failure(attack.client({ egress: { realms: { [attack.server.host]: ['localhost'] } } }).resolve(attack.server.reference('app:v1')))
    expect(attack.victim.seen[0]?.headers.authorization).toMatch(/^Basic /)
  })

  test('a page of a list on another origin is not asked for, and pages without an end are given up', async () => {
    const links = [`<http://${attack.victim.host}/v2/app/tags/list>; rel="next"`, '</v2/app/tags/list>; rel="next"']
    for (const link of links) {
      attack.answer(/tags/, (_, response) => {
        response.writeHead(200, { link }).end('{"name":"app","tags":["a"]}')
      })
      const list = async (): Promise<void> => {
        for await (const tag of attack.client().tags(attack.server.reference('app'))) expect(tag).toBe('a')
      }
      expect(await failure(list())).toMatchObject({ code: 'ERR_BOX_REGISTRY' })
    }
    expect(attack.victim.seen).toHaveLength(0)
  })

  test('a layer with addresses of its own is asked of the registry only', async () => {
    const layer = attack.server.addBlob(randomBytes(10))
    const config = attack.server.addBlob(Buffer.from('{}'))
    const foreign = { ...layer, urls: [`http://${attack.victim.host}/layer`] }
    attack.server.addManifest('app', 'v2', { schemaVersion: 2, mediaType: manifestType, config, layers: [foreign] }, manifestType)
    attack.server.blobs.delete(layer.digest)
    expect(await failure(attack.client().pull(attack.server.reference('app:v2'), new Memory()))).toMatchObject({
      code: 'ERR_BOX_BLOB_ABSENT',
    })
    expect(attack.victim.seen).toHaveLength(0)
  })

  test('a layer with addresses of its own is received from there where that is asked for, without credentials and by the same rules', async () => {
    attack.basicAnd(() => false)
    const bytes = randomBytes(1000)
    const config = attack.server.addBlob(Buffer.from('{}'))
    const addImage = (tag: string, urls: readonly string[]): void => {
      const layers = [{ ...attack.server.addBlob(bytes), urls }]
      attack.server.addManifest('app', tag, { schemaVersion: 2, mediaType: manifestType, config, layers }, manifestType)
      attack.server.blobs.delete(sha256(bytes))
    }
    const own = `http://${attack.victim.host}/v2/app/blobs/${sha256(bytes)}`
    addImage('elsewhere', [`http://${attack.victim.host}/absent`, own])
    attack.victim.blobs.set(sha256(bytes), bytes)
    const sink = new Memory()
    await attack.client().pull(attack.server.reference('app:elsewhere'), sink, { foreignLayers: true })
    expect(sink.blobs.get(sha256(bytes))?.equals(bytes)).toBe(true)
    expect(attack.victim.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined])
    addImage('metadata', ['http://169.254.169.254/layer'])
    const metadata = attack.client().pull(attack.server.reference('app:metadata'), new Memory(), { foreignLayers: true })
    expect(await failure(metadata)).toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED' })
    attack.victim.blobs.set(sha256(bytes), Buffer.from(bytes.toReversed()))
    addImage('changed', [own])
    const changed = attack.client().pull(attack.server.reference('app:changed'), new Memory(), { foreignLayers: true })
    expect(await failure(changed)).toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
  })

  test('an error shows none, also where the registry sends them back', async () => {
    attack.basicAnd((request, response) => {
      const message = `\u001b[31mno ${request.headers.authorization ?? ''}`
      response.writeHead(418).end(JSON.stringify({ errors: [{ code: 'DENIED', message }] }))
      return true
    })
    const error = await failure(attack.client().resolve(attack.server.reference('app:v1')))
    expect(error).toBeInstanceOf(RegistryError)
    expect(error).toMatchObject({ code: 'ERR_BOX_REGISTRY', status: 418, errors: [{ code: 'DENIED' }] })
    const shown = `${String(error)}${JSON.stringify(error)}${error instanceof RegistryError ? (error.stack ?? '') : ''}`
    expect(shown).not.toContain(attack.password)
    expect(shown).not.toContain(Buffer.from(`me:${attack.password}`).toString('base64'))
    expect(shown).not.toContain('\u001b')
  })
})
