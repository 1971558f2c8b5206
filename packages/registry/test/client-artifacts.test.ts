import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layout, Registry, serve } from '../src/index.ts'
import { DistributionRegistry, withPrograms } from './fixtures/peers.ts'
import { sha256, TestRegistry } from './fixtures/registry.ts'

// Registries are started, on a machine that may be busy.
jest.setTimeout(60_000)

const retry = { attempts: 2, delay: 1, maxDelay: 5 }
const bill = {
  artifactType: 'application/spdx+json',
  parts: [{ mediaType: 'application/spdx+json', content: Buffer.from('{"packages":[]}') }],
}
const note = { artifactType: 'text/plain', annotations: { by: 'me' } }
let folder: string
let registry: Registry

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-test-artifacts-'))
  registry = new Registry({ retry })
})

afterEach(async () => {
  await registry.close()
  await rm(folder, { recursive: true })
})

/** Puts an image without layers to a registry. */
async function putImage(host: string): Promise<void> {
  const source = await TestRegistry.start()
  try {
    source.addImage('app', 'v1', [])
    await registry.copy(source.reference('app:v1'), `${host}/team/app:v1`)
  } finally {
    await source.close()
  }
}

async function namesOf(list: AsyncIterable<string>): Promise<string[]> {
  const names: string[] = []
  for await (const name of list) names.push(name)
  return names.toSorted()
}

async function attachAndDiscover(host: string): Promise<void> {
  await putImage(host)
  const reference = `${host}/team/app:v1`
  const subject = await registry.resolve(reference)
  const [first, second] = [await registry.attach(reference, bill), await registry.attach(reference, note)]
  // The same content is the same artifact.
  expect((await registry.attach(reference, note)).digest).toBe(second.digest)
  const found = await registry.referrers(reference)
  expect(found.map(({ digest, artifactType }) => ({ digest, artifactType })).toSorted((a, b) => (a.digest < b.digest ? -1 : 1))).toEqual(
    [
      { digest: first.digest, artifactType: bill.artifactType },
      { digest: second.digest, artifactType: note.artifactType },
    ].toSorted((a, b) => (a.digest < b.digest ? -1 : 1)),
  )
  expect((await registry.referrers(reference, { artifactType: 'text/plain' })).map(({ annotations }) => annotations)).toEqual([
    { by: 'me' },
  ])
  const { value } = await registry.manifest(`${host}/team/app@${first.digest}`)
  expect(value.subject?.digest).toBe(subject.digest)
  const [layer] = 'layers' in value ? value.layers : []
  const chunks: Uint8Array[] = []
  if (layer !== undefined) for await (const chunk of registry.blob(reference, layer.digest)) chunks.push(chunk)
  expect(Buffer.concat(chunks).toString()).toBe('{"packages":[]}')

  await registry.remove(`${host}/team/app@${first.digest}`)
  expect((await registry.referrers(reference)).map(({ digest }) => digest)).toEqual([second.digest])
  expect(await namesOf(registry.repositories(host))).toEqual(['team/app'])
}

test('what is attached to an image is found by it, in a registry that lists referrers', async () => {
  const served = await serve(layout(join(folder, 'served')))
  try {
    await attachAndDiscover(`${served.host}:${served.port}`)
    expect(await namesOf(registry.tags(`${served.host}:${served.port}/team/app`))).toEqual(['v1'])
  } finally {
    await served.close()
  }
})

withPrograms('docker-registry')("the distribution project's registry, which lists none", () => {
  test('has them by the tag in the place of the list', async () => {
    const peer = await DistributionRegistry.start(folder)
    try {
      await attachAndDiscover(peer.host)
      const { digest } = await registry.resolve(`${peer.host}/team/app:v1`)
      expect(await namesOf(registry.tags(`${peer.host}/team/app`))).toEqual([digest.replace(':', '-'), 'v1'])
    } finally {
      await peer.close()
    }
  })
})

describe('a registry of the tests', () => {
  let server: TestRegistry

  beforeEach(async () => {
    server = await TestRegistry.start()
  })

  afterEach(async () => {
    await server.close()
  })

  test('artifacts that are attached at the same time all stand in the tag', async () => {
    const { digest } = server.addImage('app', 'v1', [])
    const types = ['text/a', 'text/b', 'text/c', 'text/d']
    await Promise.all(types.map(async (artifactType) => await registry.attach(server.reference('app:v1'), { artifactType })))
    const found = await registry.referrers(server.reference(`app@${digest}`))
    expect(new Set(found.map(({ artifactType }) => artifactType))).toEqual(new Set(types))
  })

  test('a list of repositories is followed page by page, and names that would lead elsewhere are refused', async () => {
    const answers = [{ repositories: ['a', 'b/c'] }, { repositories: ['d'] }, { repositories: ['../e'] }]
    server.intercept = (request, response) => {
      const page = /^\/v2\/_catalog(?:\?page=(\d))?$/.exec(request.url ?? '')
      if (page === null) return false
      const number = Number(page[1] ?? 0)
      if (number + 1 < answers.length) response.setHeader('link', `</v2/_catalog?page=${number + 1}>; rel="next"`)
      response.end(JSON.stringify(answers[number]))
      return true
    }
    const seen: string[] = []
    const all = async (): Promise<void> => {
      for await (const name of registry.repositories(server.host)) seen.push(name)
    }
    await expect(all()).rejects.toMatchObject({ code: 'ERR_BOX_DOCUMENT_INVALID' })
    expect(seen).toEqual(['a', 'b/c', 'd'])
    server.intercept = () => false
    await expect(all()).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
  })

  test('a media type that is none is refused before anything is sent', async () => {
    server.addImage('app', 'v1', [])
    await expect(registry.attach(server.reference('app:v1'), { artifactType: 'text' })).rejects.toMatchObject({
      code: 'ERR_BOX_INVALID_ARGUMENT',
    })
    expect(server.seen.every(({ method }) => method === 'GET')).toBe(true)
  })

  test('a manifest that nobody can read is deleted nevertheless', async () => {
    const bytes = Buffer.from('{"schemaVersion":1}')
    server.manifests.set(`app:${sha256(bytes)}`, { bytes, mediaType: 'application/vnd.docker.distribution.manifest.v1+json' })
    server.intercept = (request, response) => {
      if (request.method !== 'DELETE') return false
      response.writeHead(202).end()
      return true
    }
    await registry.remove(server.reference(`app@${sha256(bytes)}`))
    expect(server.count('DELETE', /manifests/)).toBe(1)
  })
})
