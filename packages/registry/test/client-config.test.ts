import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { matchRule } from '../src/config/registry-rules.ts'
import { certsFromFolders, parseRegistriesConf, registriesConf, Registry } from '../src/index.ts'
import { Memory } from './fixtures/memory.ts'
import { TestRegistry } from './fixtures/registry.ts'

const retry = { attempts: 2, delay: 1, maxDelay: 5 }
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-test-config-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

describe('registries.conf', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  const rules = parseRegistriesConf(`
unqualified-search-registries = ["docker.io"]
[[registry]]
location = "registry.example"
[[registry]]
prefix = "registry.example/team"
location = "inner.example:5000/copies"
[[registry]]
prefix = "registry.example/team/app:old"
location = "archive.example/app"
[[registry]]
prefix = "*.wild.example"
location = "one.example/wild"
[[registry]]
prefix = "*.deep.wild.example"
`)

  test.each([
    ['registry.example/other', 'v1', 'registry.example/other'],
    ['registry.example/team/app', 'v1', 'inner.example:5000/copies/app'],
    ['registry.example/team', 'v1', 'inner.example:5000/copies'],
    ['registry.example/teams/app', 'v1', 'registry.example/teams/app'],
    ['registry.example/team/app', 'old', 'archive.example/app'],
    ['a.wild.example/app', 'v1', 'one.example/wild/app'],
    ['a.wild.example:5000/app', 'v1', 'one.example/wild/app'],
    ['a.deep.wild.example/app', 'v1', 'a.deep.wild.example/app'],
    ['wild.example/app', 'v1', undefined],
    ['registry.example:5000/app', 'v1', undefined],
    ['registry.example.org/app', 'v1', undefined],
  ])('the longest prefix that fits leads %s:%s to %s', (name, tag, location) => {
    expect(matchRule(rules, { name, tag, digest: undefined })?.location).toBe(location)
  })

  test('mirrors are for tags, for digests or for both, and one switch makes all of a registry for digests', () => {
    const all = parseRegistriesConf(`
[[registry]]
location = "a.example"
[[registry.mirror]]
location = "both.example/a"
[[registry.mirror]]
location = "digests.example/a"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "tags.example/a"
pull-from-mirror = "tag-only"
[[registry]]
location = "b.example"
mirror-by-digest-only = true
[[registry.mirror]]
location = "both.example/b"
`)
    const both = { location: 'both.example/a/app', digestOnly: false }
    const digests = { location: 'digests.example/a/app', digestOnly: true }
    const tags = { location: 'tags.example/a/app', digestOnly: false }
    expect(matchRule(all, { name: 'a.example/app', tag: 'v1', digest: undefined })?.mirrors).toEqual([both, digests, tags])
    expect(matchRule(all, { name: 'a.example/app', tag: undefined, digest })?.mirrors).toEqual([both, digests])
    expect(matchRule(all, { name: 'b.example/app', tag: 'v1', digest: undefined })?.mirrors).toEqual([
      { location: 'both.example/b/app', digestOnly: true },
    ])
  })

  test.each([
    ['registry = [', 'TOML'],
    ['[registries.search]\nregistries = ["a"]', 'first version'],
    ['[[registry]]\ninsecure = true', 'neither a prefix nor a location'],
    ['[[registry]]\nprefix = "a.example"', 'no location'],
    ['[[registry]]\nlocation = "*.example"', 'wildcard'],
    ['[[registry]]\nprefix = "*.example/app"\nlocation="a.example"', 'wildcard'],
    ['[[registry]]\nlocation = "https://a.example"', 'not a host'],
    ['[[registry]]\nlocation = "a.example/../b"', 'not a host'],
    ['[[registry]]\nlocation = "a.example"\nblocked = "yes"', 'neither true nor false'],
    ['[[registry]]\nlocation = "a.example"\n[[registry.mirror]]\ninsecure = true', 'no location'],
    ['[[registry]]\nlocation = "a.example"\n[[registry.mirror]]\nlocation = "m.example"\npull-from-mirror = "never"', 'pull-from-mirror'],
    [
      '[[registry]]\nlocation = "a.example"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "m.example"\npull-from-mirror = "all"',
      'contradicts',
    ],
    ['registry = "a.example"', 'not a list'],
  ])('%j is an error that names the file', (text, reason) => {
    expect(() => parseRegistriesConf(text, '/etc/some.conf')).toThrow(
      expect.objectContaining({ code: 'ERR_BOX_DOCUMENT_INVALID', path: '/etc/some.conf' }),
    )
    expect(() => parseRegistriesConf(text)).toThrow(reason)
  })

  test('a file of the folder replaces what came before it for the same prefix, and what is not there says nothing', async () => {
    const path = join(folder, 'registries.conf')
    const dropIns = join(folder, 'registries.conf.d')
    await mkdir(dropIns)
    await writeFile(path, '[[registry]]\nlocation = "a.example"\nblocked = true\n[[registry]]\nlocation = "b.example"\n')
    await writeFile(join(dropIns, '10-first.conf'), '[[registry]]\nlocation = "a.example"\ninsecure = true\n')
    await writeFile(join(dropIns, '20-second.conf'), '[[registry]]\nprefix = "a.example"\nlocation = "c.example"\n')
    await writeFile(join(dropIns, 'note.txt'), 'not read')
    const found = await registriesConf({ path, folders: [dropIns, join(folder, 'absent')] })
    expect(found.map(({ prefix, location, blocked, insecure }) => ({ prefix, location, blocked, insecure }))).toEqual([
      { prefix: 'a.example', location: 'c.example', blocked: false, insecure: false },
      { prefix: 'b.example', location: 'b.example', blocked: false, insecure: false },
    ])
    expect(await registriesConf({ path: join(folder, 'absent') })).toEqual([])
  })
})

describe('a client with rules', () => {
  let server: TestRegistry
  let registry: Registry

  beforeEach(async () => {
    server = await TestRegistry.start()
  })

  afterEach(async () => {
    await registry.close()
    await server.close()
  })

  test('reads from the mirror, then from the location, and the image keeps its name', async () => {
    const mirror = await TestRegistry.start()
    try {
      const layer = randomBytes(1000)
      const image = server.addImage('copies/app', 'v1', [layer])
      const rules = parseRegistriesConf(`
[[registry]]
prefix = "registry.example/team"
location = "${server.host}/copies"
[[registry.mirror]]
location = "${mirror.host}/hub"
`)
      registry = new Registry({ retry, rules })
      const sink = new Memory()
      expect((await registry.pull('registry.example/team/app:v1', sink)).digest).toBe(image.digest)
      expect([...sink.names.keys()]).toEqual(['registry.example/team/app:v1'])
      expect(mirror.seen[0]?.url).toBe('/v2/hub/app/manifests/v1')
      mirror.addImage('hub/app', 'v1', [layer])
      const before = server.seen.length
      await registry.pull('registry.example/team/app:v1', new Memory())
      expect(server.seen).toHaveLength(before)
    } finally {
      await mirror.close()
    }
  })

  test('asks nothing of what is blocked, and speaks plain HTTP only where that was said', async () => {
    const rules = parseRegistriesConf(`
[[registry]]
location = "${server.host}/blocked"
blocked = true
[[registry]]
prefix = "open.example"
location = "localhost.localdomain:${server.port}"
insecure = true
[[registry]]
prefix = "*.wild.example"
insecure = true
`)
    registry = new Registry({ retry, rules })
    const blocked = server.reference('blocked/app:v1')
    await expect(registry.resolve(blocked)).rejects.toMatchObject({ code: 'ERR_BOX_EGRESS_DENIED' })
    expect(() => registry.push(new Memory(), blocked)).toThrow(expect.objectContaining({ code: 'ERR_BOX_EGRESS_DENIED' }))
    expect(server.seen).toEqual([])
    const seen: string[] = []
    const recording = new Registry({
      retry: { attempts: 1 },
      rules,
      // Whoever is asked for a proxy sees the address that is about to be asked.
      proxy: (url) => {
        seen.push(url.protocol + url.host)
        return 'http://127.0.0.1:1'
      },
    })
    for (const host of ['open.example', 'a.wild.example', 'strict.example'])
      await expect(recording.resolve(`${host}/app:v1`)).rejects.toMatchObject({ code: 'ERR_BOX_REGISTRY_UNREACHABLE' })
    await recording.close()
    expect(new Set(seen)).toEqual(new Set([`http:localhost.localdomain:${server.port}`, 'http:a.wild.example', 'https:strict.example']))
  })
})

describe('certs.d', () => {
  test('gives each registry its authorities beside the built-in ones, and its client certificate; the first folder counts', async () => {
    const [first, second] = [join(folder, 'first'), join(folder, 'second')]
    const write = async (path: string, text: string): Promise<void> => {
      await mkdir(join(path, '..'), { recursive: true })
      await writeFile(path, text)
    }
    await write(join(first, 'a.example:5000', 'ca.crt'), 'authority of a')
    await write(join(first, 'a.example:5000', 'client.cert'), 'certificate')
    await write(join(first, 'a.example:5000', 'client.key'), 'key')
    await write(join(second, 'a.example:5000', 'ca.crt'), 'another')
    await write(join(second, 'b.example', 'ca.crt'), 'authority of b')
    await write(join(second, 'empty.example', 'README'), 'nothing')
    const found = await certsFromFolders([first, second, join(folder, 'absent')])
    expect(Object.keys(found)).toEqual(['a.example:5000', 'b.example'])
    expect(found['a.example:5000']).toEqual({
      ca: [...rootCertificates, Buffer.from('authority of a')],
      cert: Buffer.from('certificate'),
      key: Buffer.from('key'),
    })
    expect(found['b.example']).toEqual({ ca: [...rootCertificates, Buffer.from('authority of b')] })
  })

  test('a certificate without its key is an error that names the folder', async () => {
    await mkdir(join(folder, 'a.example'))
    await writeFile(join(folder, 'a.example', 'client.cert'), '')
    await expect(certsFromFolders([folder])).rejects.toMatchObject({ code: 'ERR_BOX_DOCUMENT_INVALID', path: join(folder, 'a.example') })
    await writeFile(join(folder, 'a.example', 'client.key'), '')
    await writeFile(join(folder, 'a.example', 'other.key'), '')
    await expect(certsFromFolders([folder])).rejects.toThrow('more than one')
  })
})
