import { digestOf, mediaTypes } from '@box/oci'
import { serve, type ServedRegistry } from '../../src/server/index.ts'
import { type Answer, ask, codeOf, pushBlob, pushImage, pushManifest } from './client.ts'
import { MapStore } from './store.ts'

let registry: ServedRegistry
let config: { mediaType: string; digest: string; size: number }

beforeEach(async () => {
  registry = await serve(new MapStore())
  config = { mediaType: mediaTypes.config, digest: await pushBlob(registry, 'a', '{}'), size: 2 }
})

afterEach(async () => await registry.close())

function manifestWith(extra: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [], ...extra })
}

async function put(reference: string, body: string | Uint8Array, mediaType: string = mediaTypes.manifest): Promise<Answer> {
  return await ask(registry, 'PUT', `/v2/a/manifests/${reference}`, { body, headers: { 'Content-Type': mediaType } })
}

test('the answer says where the manifest is, in the algorithm that was asked for', async () => {
  const manifest = manifestWith()
  const tagged = await put('v1', manifest)
  expect(tagged.headers).toMatchObject({ 'docker-content-digest': digestOf(manifest), location: `/v2/a/manifests/${digestOf(manifest)}` })
  const long = digestOf(manifest, 'sha512')
  const byDigest = await put(long, manifest)
  expect(byDigest.headers).toMatchObject({ 'docker-content-digest': long, location: `/v2/a/manifests/${long}` })
  const back = await ask(registry, 'GET', `/v2/a/manifests/${long}`)
  expect({ text: back.text, digest: back.headers['docker-content-digest'] }).toEqual({ text: manifest, digest: long })
})

test('one request may give many tags', async () => {
  const manifest = manifestWith()
  const tags = Array.from({ length: 20 }, (_, index) => `v${index}`)
  const answer = await put(`${digestOf(manifest)}?${tags.map((tag) => `tag=${tag}`).join('&')}`, manifest)
  expect({ status: answer.status, tags: answer.headers['oci-tag'] }).toEqual({ status: 201, tags: tags.join(', ') })
  expect(JSON.parse((await ask(registry, 'GET', '/v2/a/tags/list')).text).tags).toEqual(tags.toSorted())
})

test('a manifest without a content type is what it says itself', async () => {
  const manifest = manifestWith()
  await ask(registry, 'PUT', '/v2/a/manifests/v1', { body: manifest })
  expect((await ask(registry, 'HEAD', '/v2/a/manifests/v1')).headers['content-type']).toBe(mediaTypes.manifest)
})

test('a tag moves to what was pushed last, and the former manifest stays by its digest', async () => {
  const former = manifestWith()
  const next = manifestWith({ annotations: { a: 'b' } })
  await put('v1', former)
  await put('v1', next)
  expect((await ask(registry, 'GET', '/v2/a/manifests/v1')).text).toBe(next)
  expect((await ask(registry, 'GET', `/v2/a/manifests/${digestOf(former)}`)).text).toBe(former)
})

test.each([
  { wrong: 'no JSON', body: '{', code: 'MANIFEST_INVALID' },
  { wrong: 'a key twice', body: '{"schemaVersion":2,"schemaVersion":2}', code: 'MANIFEST_INVALID' },
  { wrong: 'nothing', body: '', code: 'MANIFEST_INVALID' },
  { wrong: 'no config', body: JSON.stringify({ schemaVersion: 2, layers: [] }), code: 'MANIFEST_INVALID' },
])('$wrong is refused', async ({ body, code }) => {
  const answer = await put('v1', body)
  expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 400, code })
})

test('a manifest that could be taken for an index is refused', async () => {
  expect(codeOf(await put('v1', manifestWith({ manifests: [] })))).toBe('MANIFEST_INVALID')
})

test('a manifest that is sent as something else is refused', async () => {
  expect(codeOf(await put('v1', manifestWith(), mediaTypes.index))).toBe('MANIFEST_INVALID')
})

test('a manifest by another digest than its own is refused, also where only white space differs', async () => {
  const manifest = manifestWith()
  const answer = await put(digestOf(manifest), `${manifest}\n`)
  expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 400, code: 'DIGEST_INVALID' })
})

test('a manifest whose parts are not in the repository is refused, and the answer names them', async () => {
  const layer = { mediaType: mediaTypes.layer, digest: await pushBlob(registry, 'elsewhere', 'a layer'), size: 7 }
  const answer = await put('v1', manifestWith({ layers: [layer] }))
  expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 404, code: 'MANIFEST_BLOB_UNKNOWN' })
  expect(JSON.parse(answer.text).errors[0].detail).toEqual([{ digest: layer.digest }])
  expect((await ask(registry, 'GET', '/v2/a/manifests/v1')).status).toBe(404)
})

test('a layer with addresses elsewhere need not be here', async () => {
  const layer = {
    mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
    digest: digestOf('far away'),
    size: 8,
    urls: ['https://example.com/layer'],
  }
  expect((await put('v1', manifestWith({ layers: [layer] }))).status).toBe(201)
})

test('an index is refused until its manifests are here, and keeps them reachable', async () => {
  const child = manifestWith()
  const entry = { mediaType: mediaTypes.manifest, digest: digestOf(child), size: child.length }
  const index = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [entry] })
  expect(codeOf(await put('v1', index, mediaTypes.index))).toBe('MANIFEST_BLOB_UNKNOWN')
  await put(digestOf(child), child)
  expect((await put('v1', index, mediaTypes.index)).status).toBe(201)
  expect((await ask(registry, 'GET', `/v2/a/manifests/${digestOf(child)}`)).text).toBe(child)
})

test('a manifest of 4 MiB is taken, one more byte is not', async () => {
  const padded = (bytes: number): string => manifestWith({ annotations: { a: 'x'.repeat(bytes) } })
  const most = 4 * 1024 * 1024
  const fitting = padded(most - padded(0).length)
  expect((await put('v1', fitting)).status).toBe(201)
  const answer = await put('v2', padded(most - padded(0).length + 1))
  expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 413, code: 'MANIFEST_INVALID' })
})

describe('a manifest with a subject', () => {
  const subject = { mediaType: mediaTypes.manifest, digest: digestOf('an image that is not here'), size: 25 }

  test('is taken where the subject is not there, and the answer says that referrers are kept', async () => {
    const answer = await put('v1', manifestWith({ subject }))
    expect({ status: answer.status, subject: answer.headers['oci-subject'] }).toEqual({ status: 201, subject: subject.digest })
  })

  test('is listed with its artifact type, or that of its config, and its annotations', async () => {
    const typed = manifestWith({ subject, artifactType: 'application/x.signature', annotations: { a: 'b' } })
    const untyped = manifestWith({ subject })
    for (const manifest of [typed, untyped]) await put(digestOf(manifest), manifest)
    const answer = await ask(registry, 'GET', `/v2/a/referrers/${subject.digest}`)
    expect(answer.headers['content-type']).toBe(mediaTypes.index)
    const { schemaVersion, mediaType, manifests } = JSON.parse(answer.text)
    expect({ schemaVersion, mediaType }).toEqual({ schemaVersion: 2, mediaType: mediaTypes.index })
    expect(manifests).toHaveLength(2)
    expect(manifests).toEqual(
      expect.arrayContaining([
        {
          mediaType: mediaTypes.manifest,
          digest: digestOf(typed),
          size: typed.length,
          artifactType: 'application/x.signature',
          annotations: { a: 'b' },
        },
        { mediaType: mediaTypes.manifest, digest: digestOf(untyped), size: untyped.length, artifactType: mediaTypes.config },
      ]),
    )
  })

  test('is found by the filter for its artifact type alone', async () => {
    const wanted = manifestWith({ subject, artifactType: 'application/x.wanted' })
    const other = manifestWith({ subject, artifactType: 'application/x.other' })
    for (const manifest of [wanted, other]) await put(digestOf(manifest), manifest)
    const answer = await ask(registry, 'GET', `/v2/a/referrers/${subject.digest}?artifactType=application%2Fx.wanted`)
    expect(answer.headers['oci-filters-applied']).toBe('artifactType')
    expect(JSON.parse(answer.text).manifests.map(({ digest }: { digest: string }) => digest)).toEqual([digestOf(wanted)])
  })

  test('is no referrer in another repository, or once it is removed', async () => {
    const manifest = manifestWith({ subject })
    await put(digestOf(manifest), manifest)
    expect(JSON.parse((await ask(registry, 'GET', `/v2/b/referrers/${subject.digest}`)).text).manifests).toEqual([])
    await ask(registry, 'DELETE', `/v2/a/manifests/${digestOf(manifest)}`)
    expect(JSON.parse((await ask(registry, 'GET', `/v2/a/referrers/${subject.digest}`)).text).manifests).toEqual([])
  })

  test('is one of many: the pages are small enough to be read, and lead to each other', async () => {
    const annotations = { a: 'x'.repeat(1_500_000) }
    const digests = []
    for (const b of ['1', '2', '3', '4', '5']) {
      const manifest = manifestWith({ subject, annotations: { ...annotations, b } })
      await put(digestOf(manifest), manifest)
      digests.push(digestOf(manifest))
    }
    const seen: string[] = []
    let pages = 0
    for (let path: string | undefined = `/v2/a/referrers/${subject.digest}`; path !== undefined; pages += 1) {
      const { headers, body, text } = await ask(registry, 'GET', path)
      expect(body.byteLength).toBeLessThan(4 * 1024 * 1024)
      for (const { digest } of JSON.parse(text).manifests) seen.push(digest)
      path = /^<([^>]+)>; rel="next"$/.exec(String(headers['link'] ?? ''))?.[1]
    }
    expect({ seen, pages }).toEqual({ seen: digests.toSorted(), pages: 3 })
  })
})

test('Docker’s media types are kept as they are', async () => {
  const docker = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.dockerManifest,
    config: { ...config, mediaType: mediaTypes.dockerConfig },
    layers: [],
  })
  await pushManifest(registry, 'a', 'v1', docker, mediaTypes.dockerManifest)
  expect((await ask(registry, 'GET', '/v2/a/manifests/v1')).headers['content-type']).toBe(mediaTypes.dockerManifest)
})

test('requests for one tag at the same time leave one of their manifests', async () => {
  const manifests = Array.from({ length: 8 }, (_, index) => manifestWith({ annotations: { a: String(index) } }))
  await Promise.all(manifests.map(async (manifest) => await put('v1', manifest)))
  expect(manifests).toContain((await ask(registry, 'GET', '/v2/a/manifests/v1')).text)
  for (const manifest of manifests) expect((await ask(registry, 'GET', `/v2/a/manifests/${digestOf(manifest)}`)).text).toBe(manifest)
})

test('an image is a whole: pushed, listed, pulled', async () => {
  const digest = await pushImage(registry, 'b', 'v1')
  expect((await ask(registry, 'GET', '/v2/b/manifests/v1')).headers['docker-content-digest']).toBe(digest)
})
