import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { meaningsOf } from '../src/config/short-names.ts'
import { parseShortNames, Registry, shortNamesConf, type RegistryOptions } from '../src/index.ts'
import { failure } from './fixtures/attack.ts'
import { Memory } from './fixtures/memory.ts'
import { TestRegistry } from './fixtures/registry.ts'

const shortNames = parseShortNames(`
unqualified-search-registries = ["one.example", "docker.io"]
short-name-mode = "permissive"
[aliases]
"fedora" = "registry.fedoraproject.org/fedora"
"team/app" = "localhost:5000/copies/app"
"constructor" = ""
`)

const digest = `sha256:${'a'.repeat(64)}`

test.each([
  ['fedora', ['registry.fedoraproject.org/fedora:latest']],
  ['fedora:40', ['registry.fedoraproject.org/fedora:40']],
  [`fedora:40@${digest}`, [`registry.fedoraproject.org/fedora:40@${digest}`]],
  ['team/app:v1', ['localhost:5000/copies/app:v1']],
  ['alpine:3', ['one.example/alpine:3', 'docker.io/library/alpine:3']],
  ['other/app', ['one.example/other/app:latest', 'docker.io/other/app:latest']],
  ['fedora/app', ['one.example/fedora/app:latest', 'docker.io/fedora/app:latest']],
  ['docker.io/alpine', ['docker.io/library/alpine:latest']],
  ['localhost/fedora', ['localhost/fedora:latest']],
  ['registry:5000/fedora', ['registry:5000/fedora:latest']],
])('%s means %j', (text, meanings) => {
  const found = meaningsOf(text, shortNames).map(
    ({ registry, repository, tag, digest: named }) =>
      `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${named === undefined ? '' : `@${named}`}`,
  )
  expect(found).toEqual(meanings)
})

test("where nothing is said of short names they are Docker's, and an alias that was taken back, or is an object's own property, is none", () => {
  expect(meaningsOf('fedora', undefined)).toEqual([{ registry: 'docker.io', repository: 'library/fedora', tag: 'latest' }])
  expect(meaningsOf('fedora', { aliases: { fedora: '' }, search: ['one.example'] })[0].registry).toBe('one.example')
  expect(meaningsOf('constructor', { search: ['one.example'] })[0].registry).toBe('one.example')
})

test('what nothing is known of is an error, and so is what could be several where that is enforced', () => {
  expect(() => meaningsOf('alpine', {})).toThrow(expect.objectContaining({ code: 'ERR_BOX_REFERENCE_INVALID', hint: expect.any(String) }))
  expect(() => meaningsOf('alpine', { search: ['a.example', 'b.example'], mode: 'enforcing' })).toThrow(
    'may be in any of a.example, b.example',
  )
  expect(meaningsOf('alpine', { search: ['a.example'], mode: 'enforcing' })).toHaveLength(1)
})

test.each([
  ['[aliases]\n"a:1" = "b.example/a"', 'the alias "a:1"'],
  ['[aliases]\n"b.example/a" = "b.example/a"', 'the alias "b.example/a"'],
  ['[aliases]\n"a" = "b.example/a:1"', 'the alias "a"'],
  ['[aliases]\n"a" = "other/a"', 'the alias "a"'],
  ['[aliases]\n"a" = 3', 'the alias "a"'],
  ['aliases = []', 'not a table'],
  ['unqualified-search-registries = "docker.io"', 'not a list'],
  ['unqualified-search-registries = ["docker.io/library"]', 'not a host'],
  ['unqualified-search-registries = ["*.example"]', 'not a host'],
  ['short-name-mode = "strict"', 'neither "enforcing"'],
  ['[registries.search]\nregistries = ["a"]', 'first version'],
])('%j is an error that names the file', (text, reason) => {
  expect(() => parseShortNames(text, '/etc/some.conf')).toThrow(
    expect.objectContaining({ code: 'ERR_BOX_DOCUMENT_INVALID', path: '/etc/some.conf', message: expect.stringContaining(reason) }),
  )
})

test.each([
  [{ aliases: { 'a:1': 'b.example/a' } }],
  [{ aliases: { a: 'b' } }],
  [{ search: ['a/b'] }],
  [Object({ mode: 'strict' })],
  [Object({ alias: {} })],
])('a client does not take %j', (given: NonNullable<RegistryOptions['shortNames']>) => {
  expect(() => new Registry({ shortNames: given })).toThrow(expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }))
})

test('a later file replaces the aliases of the same names, the list and the mode; what is not there says nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'box-test-names-'))
  try {
    const path = join(folder, 'registries.conf')
    const more = join(folder, 'registries.conf.d')
    await mkdir(more)
    await writeFile(
      path,
      'unqualified-search-registries = ["a.example"]\nshort-name-mode = "enforcing"\n[aliases]\na = "a.example/a"\nb = "a.example/b"',
    )
    await writeFile(join(more, '1.conf'), 'unqualified-search-registries = ["b.example"]\n[aliases]\nb = "b.example/b"')
    await writeFile(join(more, '2.conf'), '[aliases]\na = ""')
    expect(await shortNamesConf({ path, folders: [more] })).toEqual({
      aliases: { a: '', b: 'b.example/b' },
      search: ['b.example'],
      mode: 'enforcing',
    })
    expect(await shortNamesConf({ path: join(folder, 'absent') })).toEqual({ aliases: {} })
  } finally {
    await rm(folder, { recursive: true })
  }
})

describe('a client with short names', () => {
  let first: TestRegistry
  let second: TestRegistry
  const clients: Registry[] = []

  beforeEach(async () => {
    first = await TestRegistry.start()
    second = await TestRegistry.start()
  })

  afterEach(async () => {
    await Promise.all(clients.splice(0).map(async (registry) => await registry.close()))
    await Promise.all([first.close(), second.close()])
  })

  function client(options: RegistryOptions = {}): Registry {
    const registry = new Registry({ retry: { attempts: 1 }, shortNames: { search: [first.host, second.host] }, ...options })
    clients.push(registry)
    return registry
  }

  test('reads from the first registry that has the image, and names it by the whole reference that it was found at', async () => {
    const { digest: wanted } = second.addImage('app', 'v1', [randomBytes(1000)])
    const sink = new Memory()
    await client().pull('app:v1', sink)
    expect(sink.names.get(`${second.host}/app:v1`)?.digest).toBe(wanted)
    expect(first.count('GET', /blobs/)).toBe(0)
    expect((await client().resolve('app:v1')).digest).toBe(wanted)
    const { digest: nearer } = first.addImage('app', 'v1', [randomBytes(1000)])
    expect((await client().resolve('app:v1')).digest).toBe(nearer)
  })

  test('passes over a registry that fails, and tells of every failure where none has the image', async () => {
    first.intercept = (_, response) => {
      response.writeHead(403).end()
      return true
    }
    const { digest: wanted } = second.addImage('app', 'v1', [])
    expect((await client().resolve('app:v1')).digest).toBe(wanted)
    const refused = { code: 'ERR_BOX_REGISTRY_UNAUTHORIZED', message: expect.stringContaining(first.host) }
    expect(await failure(client().resolve('app:v2'))).toMatchObject(refused)
    first.intercept = () => false
    expect(await failure(client().pull('app:v2', new Memory()))).toMatchObject({
      code: 'ERR_BOX_NOT_FOUND',
      message: expect.stringContaining(`${first.host}/app, ${second.host}/app`),
    })
  })

  test('a policy that refuses is the end: no other registry is asked', async () => {
    first.addImage('app', 'v1', [])
    second.addImage('app', 'v1', [])
    const asked: string[] = []
    const refusing = client({
      policy: ({ reference }) => {
        asked.push(reference)
        throw new Error('not this one')
      },
    })
    expect(await failure(refusing.pull('app:v1', new Memory()))).toMatchObject({ message: 'not this one' })
    expect(asked).toEqual([`${first.host}/app:v1`])
    expect(second.seen).toHaveLength(0)
  })

  test('an alias is used for reading and writing, and what is written to is never looked for', async () => {
    first.addImage('inner/app', 'v1', [randomBytes(10)])
    const registry = client({ shortNames: { aliases: { app: `${first.host}/inner/app` }, search: [first.host, second.host] } })
    const sink = new Memory()
    await registry.pull('app:v1', sink, { name: 'mine' })
    await registry.push(sink, 'app:v2', { name: 'mine' })
    expect(first.manifests.has('inner/app:v2')).toBe(true)
    expect(() => registry.push(sink, 'other:v2', { name: 'mine' })).toThrow(expect.objectContaining({ code: 'ERR_BOX_REFERENCE_INVALID' }))
    expect(await failure(registry.remove('other:v2'))).toMatchObject({ code: 'ERR_BOX_REFERENCE_INVALID' })
  })
})
