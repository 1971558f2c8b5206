import { randomBytes } from 'node:crypto'
import { Attack, failure, indexType, manifestType } from '../fixtures/attack.ts'
import { Memory } from '../fixtures/memory.ts'
import { sha256 } from '../fixtures/registry.ts'

let attack: Attack

beforeEach(async () => {
  attack = await Attack.start()
})

afterEach(async () => await attack.close())

describe('the documents that a registry sends are checked', () => {
  test('a manifest must be the one that its digest promises, whether we named it or the registry did', async () => {
    const { digest } = attack.server.addImage('app', 'v1', [])
    const found = attack.server.manifests.get('app:v1')
    if (found === undefined) throw new Error('no image')
    attack.server.manifests.set(`app:${digest}`, { ...found, bytes: Buffer.concat([found.bytes, Buffer.from(' ')]) })
    expect(await failure(attack.client().resolve(attack.server.reference(`app:v1@${digest}`)))).toMatchObject({
      code: 'ERR_BOX_DIGEST_MISMATCH',
    })
    for (const stated of [sha256(Buffer.from('other')), 'sha256:../../etc', 'sha256:ABC', 'md5:abc']) {
      attack.answer(/manifests/, (_, response) => {
        response.writeHead(200, { 'content-type': manifestType, 'docker-content-digest': stated }).end(found.bytes)
      })
      const error = await failure(attack.client().resolve(attack.server.reference('app:v1')))
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_BOX_DIGEST_/) })
    }
  })

  const descriptor = (digest: string, size: unknown): unknown => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size })
  const good = sha256(Buffer.from('{}'))
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: good, size: 2 }

  test.each([
    ['two kinds of document at once', JSON.stringify({ schemaVersion: 2, config, layers: [], manifests: [] })],
    [
      'another media type inside',
      JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', config, layers: [] }),
    ],
    ['a key twice', `{"schemaVersion":2,"config":${JSON.stringify(config)},"layers":[],"layers":[]}`],
    ['a digest that is a path', JSON.stringify({ schemaVersion: 2, config, layers: [descriptor('sha256:../../../etc/passwd', 1)] })],
    ['a digest that is too short', JSON.stringify({ schemaVersion: 2, config, layers: [descriptor('sha256:abc', 1)] })],
    ['a negative size', JSON.stringify({ schemaVersion: 2, config, layers: [descriptor(good, -1)] })],
    [
      'a size beyond 2^53',
      `{"schemaVersion":2,"config":${JSON.stringify(config)},"layers":[{"mediaType":"a/b","digest":"${good}","size":9007199254740993}]}`,
    ],
    ['a key twice, once in another spelling', `{"schemaVersion":2,"config":${JSON.stringify(config)},"layers":[],"l\\u0061yers":[]}`],
    ['a key twice further in', `{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"${good}","size":2,"size":3},"layers":[]}`],
    ['no JSON', 'null'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ])('a manifest with %s is refused before anything it names is asked for', async (_, body) => {
    attack.answer(/manifests/, (_request, response) => {
      response.writeHead(200, { 'content-type': manifestType }).end(body)
    })
    expect(await failure(attack.client().pull(attack.server.reference('app:v1'), new Memory()))).toMatchObject({
      code: 'ERR_BOX_DOCUMENT_INVALID',
    })
    expect(attack.server.count('GET', /blobs/)).toBe(0)
  })

  test('__proto__ in a document changes nothing', async () => {
    const body = `{"schemaVersion":2,"__proto__":{"polluted":true},"config":${JSON.stringify(config)},"layers":[]}`
    attack.answer(/manifests/, (_, response) => {
      response.writeHead(200, { 'content-type': manifestType }).end(body)
    })
    attack.server.blobs.set(good, Buffer.from('{}'))
    await attack
      .client()
      .pull(attack.server.reference('app:v1'), new Memory())
      .catch(() => undefined)
    expect('polluted' in {}).toBe(false)
  })

  test("Docker's first manifest schema is refused with the reason", async () => {
    for (const type of ['application/vnd.docker.distribution.manifest.v1+prettyjws', 'application/json']) {
      attack.answer(/manifests/, (_, response) => {
        response.writeHead(200, { 'content-type': type }).end('{"schemaVersion":1,"name":"app","fsLayers":[]}')
      })
      expect(await failure(attack.client().resolve(attack.server.reference('app:v1')))).toMatchObject({
        code: 'ERR_BOX_UNSUPPORTED',
        hint: expect.stringContaining('push the image anew'),
      })
    }
  })

  test('a digest from a caller is checked before it is part of an address', async () => {
    const registry = attack.client()
    for (const digest of ['sha256:../../x', `sha256:${'A'.repeat(64)}`, 'sha256:baddigeststring'] as const)
      expect(() => registry.blob(attack.server.reference('app:v1'), digest)).toThrow(
        expect.objectContaining({ code: 'ERR_BOX_DIGEST_INVALID' }),
      )
    expect(attack.server.seen).toHaveLength(0)
  })

  test('indexes in indexes without an end are given up', async () => {
    const mediaType = 'application/vnd.oci.image.index.v1+json'
    let inner: object = { schemaVersion: 2, mediaType, manifests: [] }
    for (let depth = 0; depth < 12; depth += 1) {
      const { digest, size } = attack.server.addManifest('app', 'deep', inner, mediaType)
      inner = { schemaVersion: 2, mediaType, manifests: [{ mediaType, digest, size }] }
    }
    expect(await failure(attack.client().copy(attack.server.reference('app:deep'), new Memory()))).toMatchObject({ code: 'ERR_BOX_LIMIT' })
  })

  const manifest = { schemaVersion: 2, config, layers: [] }
  const index = { schemaVersion: 2, manifests: [] }
  const dockerType = 'application/vnd.docker.distribution.manifest.v2+json'

  test.each([
    ['an index that is sent as a manifest', manifestType, index],
    ['a manifest that is sent as an index', indexType, manifest],
    ['a manifest that calls itself an index', manifestType, { ...manifest, mediaType: indexType }],
    ["Docker's manifest that is sent as OCI's", manifestType, { ...manifest, mediaType: dockerType }],
    ['an index that calls itself a manifest', 'application/json', { ...index, mediaType: manifestType }],
    ['a document of another kind', 'text/html', manifest],
  ])('%s is refused: header, media type and shape must agree', async (_, type, body) => {
    attack.answer(/manifests/, (_request, response) => void response.writeHead(200, { 'content-type': type }).end(JSON.stringify(body)))
    expect(await failure(attack.client().pull(attack.server.reference('app:v1'), new Memory()))).toMatchObject({
      code: 'ERR_BOX_DOCUMENT_INVALID',
    })
    expect(attack.server.count('GET', /blobs/)).toBe(0)
  })

  test('of a name with tag and digest only the digest is asked for, wherever the tag has moved to', async () => {
    const { digest } = attack.server.addImage('app', 'v1', [randomBytes(10)])
    const moved = attack.server.addImage('app', 'v1', [randomBytes(20)])
    const sink = new Memory()
    const pulled = await attack.client().pull(attack.server.reference(`app:v1@${digest}`), sink)
    expect(pulled.digest).toBe(digest)
    expect(attack.server.seen.some(({ url }) => url.endsWith('/v1'))).toBe(false)
    // What is sent to such a name must be what it says, or the tag is not given.
    await attack.client().pull(attack.server.reference(`app@${moved.digest}`), sink, { name: 'moved' })
    const push = attack.client().push(sink, attack.server.reference(`copy:v1@${digest}`), { name: 'moved' })
    expect(await failure(push)).toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
    expect(attack.server.manifests.has('copy:v1')).toBe(false)
  })

  test.each(['sha256:../../x', `sha256:${'A'.repeat(64)}`, 'sha256:baddigeststring', 'md5:d41d8cd98f00b204e9800998ecf8427e', ''])(
    'the digest %j is part of no address, whichever document has it',
    async (digest) => {
      const entry = { mediaType: manifestType, digest, size: 10 }
      const list = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [entry] })
      attack.server.addImage('app', 'v1', [])
      attack.answer(/manifests\/index|referrers/, (_, response) => void response.writeHead(200, { 'content-type': indexType }).end(list))
      const registry = attack.client()
      const works = [
        () => registry.copy(attack.server.reference('app:index'), new Memory()),
        () => registry.referrers(attack.server.reference('app:v1')),
        () => registry.resolve(attack.server.reference(`app@${digest}`)),
      ]
      for (const work of works) expect(await failure(work())).toMatchObject({ code: expect.stringMatching(/_INVALID$/) })
      expect(attack.server.seen.some(({ url }) => url.includes(digest === '' ? 'sha256:/' : digest.slice(7)))).toBe(false)
    },
  )

  test('a tag that would be a path is refused', async () => {
    attack.answer(/tags/, (_, response) => void response.end(JSON.stringify({ name: 'app', tags: ['v1', '../../evil/manifests/v1'] })))
    const list = async (): Promise<void> => {
      for await (const tag of attack.client().tags(attack.server.reference('app'))) expect(tag).toBe('none is given')
    }
    expect(await failure(list())).toMatchObject({ code: 'ERR_BOX_DOCUMENT_INVALID' })
  })
})
