import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dockerConfig, podmanConfig, Registry, type Auth } from '../src/index.ts'
import { Memory } from './fixtures/memory.ts'
import { TestRegistry } from './fixtures/registry.ts'

const retry = { attempts: 3, delay: 1, maxDelay: 5 }

interface TokenRequest {
  readonly method: string
  readonly authorization: string | undefined
  readonly form: URLSearchParams
}

/** A registry that wants tokens, and the service that gives them. */
class Guarded {
  readonly asked: TokenRequest[] = []
  readonly valid = new Set<string>()
  knowsGet = true
  accepts: (request: TokenRequest) => boolean = () => true
  readonly server: TestRegistry
  readonly #realm: string

  constructor(server: TestRegistry) {
    this.server = server
    this.#realm = `http://${server.host}/token`
    server.intercept = async (request, response) => await this.#answer(request, response)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const url = new URL(request.url ?? '', this.#realm)
    if (url.pathname !== '/token') return this.#guard(request, response)
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const form = request.method === 'POST' ? new URLSearchParams(body) : url.searchParams
    const asked = { method: request.method ?? '', authorization: request.headers.authorization, form }
    this.asked.push(asked)
    if (request.method === 'GET' && !this.knowsGet) response.writeHead(405).end()
    else if (!this.accepts(asked)) response.writeHead(401).end()
    else {
      const token = `token-${this.asked.length}-${form.getAll('scope').join('+').replaceAll(' ', '+')}`
      this.valid.add(token)
      response.end(JSON.stringify({ token, expires_in: 300 }))
    }
    return true
  }

  #guard(request: IncomingMessage, response: ServerResponse): boolean {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const repository = /^\/v2\/(.+?)\/(?:blobs|manifests|tags)\//.exec(request.url ?? '')?.[1]
    if (this.valid.has(token) && token.includes(`repository:${repository}:`)) return false
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${this.#realm}",service="the registry",scope="x"` }).end('{}')
    return true
  }
}

let server: TestRegistry
let registry: Registry

beforeEach(async () => {
  server = await TestRegistry.start()
})

afterEach(async () => {
  await registry.close()
  await server.close()
})

function client(auth?: Auth): Registry {
  registry = new Registry({ retry, ...(auth === undefined ? {} : { auth }) })
  return registry
}

test('a registry that wants tokens is asked for one token per repository and action, however many requests wait for it', async () => {
  const guarded = new Guarded(server)
  server.addImage(
    'app',
    'v1',
    [1, 2, 3, 4, 5, 6].map((size) => randomBytes(size * 100)),
  )
  await Promise.all([
    client().pull(server.reference('app:v1'), new Memory()),
    registry.pull(server.reference('app:v1'), new Memory()),
    registry.resolve(server.reference('app:v1')),
  ])
  expect(guarded.asked).toHaveLength(1)
  expect(guarded.asked[0]?.form.get('scope')).toBe('repository:app:pull')
  expect(guarded.asked[0]?.form.get('service')).toBe('the registry')
  expect(guarded.asked[0]?.authorization).toBeUndefined()
})

test('a token is for its repository: another repository gets another one, also when both are asked for at once', async () => {
  const guarded = new Guarded(server)
  for (const name of ['one', 'two', 'three']) server.addImage(name, 'v1', [randomBytes(10)])
  client()
  await Promise.all(['one', 'two', 'three'].map(async (name) => await registry.pull(server.reference(`${name}:v1`), new Memory())))
  expect(new Set(guarded.asked.map(({ form }) => form.get('scope')))).toEqual(
    new Set(['one', 'three', 'two'].map((name) => `repository:${name}:pull`)),
  )
  expect(guarded.asked).toHaveLength(3)
  for (const { url, headers } of server.seen) {
    const name = /^\/v2\/(\w+)\//.exec(url)?.[1]
    if (headers.authorization !== undefined && name !== undefined) expect(headers.authorization).toContain(`repository:${name}:`)
  }
})

test('a token that the registry no longer takes is replaced once, and one that is over is not used', async () => {
  const guarded = new Guarded(server)
  server.addImage('app', 'v1', [randomBytes(10)])
  await client().resolve(server.reference('app:v1'))
  guarded.valid.clear()
  await registry.resolve(server.reference('app:v1'))
  expect(guarded.asked).toHaveLength(2)
  const before = server.seen.length
  await registry.resolve(server.reference('app:v1'))
  expect(server.seen.length - before).toBe(1)
  const later = Date.now() + 300_000
  const clock = jest.spyOn(Date, 'now').mockReturnValue(later)
  await registry.resolve(server.reference('app:v1'))
  clock.mockRestore()
  expect(guarded.asked).toHaveLength(3)
  // The new token is asked for first: the old one is not tried.
  expect(server.seen.slice(before + 1).map(({ url }) => url.split('?', 1)[0])).toEqual(['/token', '/v2/app/manifests/v1'])
})

test('a name and a password go to the token service by Basic, a refresh token by OAuth2, and a password too where there is no GET', async () => {
  const guarded = new Guarded(server)
  server.addImage('app', 'v1', [])
  await client({ [server.host]: { username: 'me', password: 'pass:word' } }).resolve(server.reference('app:v1'))
  expect(guarded.asked.at(-1)).toMatchObject({ method: 'GET', authorization: `Basic ${Buffer.from('me:pass:word').toString('base64')}` })
  await registry.close()
  await client({ [server.host]: { identityToken: 'refresh me' } }).resolve(server.reference('app:v1'))
  expect(guarded.asked.at(-1)?.method).toBe('POST')
  expect(guarded.asked.at(-1)?.form.get('refresh_token')).toBe('refresh me')
  await registry.close()
  guarded.knowsGet = false
  await client({ [server.host]: { username: 'me', password: 'word' } }).resolve(server.reference('app:v1'))
  expect(guarded.asked.at(-1)?.form.get('grant_type')).toBe('password')
  expect(guarded.asked.at(-1)?.form.get('username')).toBe('me')
})

test('a registry that wants Basic gets it, and none of it goes to who was not named', async () => {
  server.addImage('app', 'v1', [randomBytes(100)])
  server.intercept = (request, response) => {
    if (request.headers.authorization === `Basic ${Buffer.from('me:word').toString('base64')}`) return false
    response.writeHead(401, { 'www-authenticate': 'Basic realm="here"' }).end()
    return true
  }
  await client({ [server.host]: { username: 'me', password: 'word' } }).pull(server.reference('app:v1'), new Memory())
  await registry.close()
  const refused = client({ 'other.example': { username: 'me', password: 'word' } }).resolve(server.reference('app:v1'))
  await expect(refused).rejects.toMatchObject({ code: 'ERR_BOX_REGISTRY_UNAUTHORIZED', status: 401, registry: server.host })
  expect(server.seen.at(-1)?.headers.authorization).toBeUndefined()
})

test('a wrong password is one clear error, without the password and without trying again', async () => {
  const guarded = new Guarded(server)
  guarded.accepts = () => false
  const error: unknown = await client({ [server.host]: { username: 'me', password: 'hunter2' } })
    .resolve(server.reference('app:v1'))
    .catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'ERR_BOX_REGISTRY_UNAUTHORIZED', status: 401 })
  const shown = `${String(error)} ${JSON.stringify(error)} ${error instanceof Object && 'stack' in error ? String(error.stack) : ''}`
  expect(shown).not.toContain('hunter2')
  expect(shown).not.toContain(Buffer.from('me:hunter2').toString('base64'))
  expect(guarded.asked).toHaveLength(1)
})

describe('configuration files', () => {
  let folder: string
  const path = process.env['PATH']

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'box-test-auth-'))
    registry = new Registry()
  })

  afterEach(async () => {
    process.env['PATH'] = path
    await rm(folder, { recursive: true })
  })

  async function config(content: unknown): Promise<string> {
    const file = join(folder, 'config.json')
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
    return file
  }

  async function helper(name: string, script: string): Promise<void> {
    const file = join(folder, `docker-credential-${name}`)
    await writeFile(file, `#!/bin/sh\n${script}\n`)
    await chmod(file, 0o755)
    process.env['PATH'] = `${folder}:${path}`
  }

  const auth = Buffer.from('me:a:b').toString('base64')

  test("Docker's entries are found under all their names, and a missing file holds nothing", async () => {
    const provider = dockerConfig({
      path: await config({
        auths: { 'https://index.docker.io/v1/': { auth }, 'https://old.example/v2/': { auth }, 'id.example': { identitytoken: 'i' } },
      }),
    })
    expect(await provider('docker.io', { repository: 'library/alpine' })).toEqual({ username: 'me', password: 'a:b' })
    expect(await provider('old.example', {})).toEqual({ username: 'me', password: 'a:b' })
    expect(await provider('id.example', {})).toEqual({ identityToken: 'i' })
    expect(await provider('evil.old.example', {})).toBeUndefined()
    expect(await dockerConfig({ path: join(folder, 'absent.json') })('docker.io', {})).toBeUndefined()
  })

  test("podman's most particular entry wins", async () => {
    const other = Buffer.from('team:c').toString('base64')
    const provider = podmanConfig({ path: await config({ auths: { 'quay.io': { auth }, 'quay.io/team': { auth: other } } }) })
    expect(await provider('quay.io', { repository: 'team/app' })).toEqual({ username: 'team', password: 'c' })
    expect(await provider('quay.io', { repository: 'teammate/app' })).toEqual({ username: 'me', password: 'a:b' })
  })

  test('a file that is broken is an error that names it', async () => {
    await expect(dockerConfig({ path: await config('{"auths":') })('a.example', {})).rejects.toMatchObject({
      code: 'ERR_BOX_DOCUMENT_INVALID',
    })
    const noColon = await config({ auths: { 'a.example': { auth: 'bm9jb2xvbg==' } } })
    await expect(dockerConfig({ path: noColon })('a.example', {})).rejects.toMatchObject({
      code: 'ERR_BOX_DOCUMENT_INVALID',
      path: noColon,
    })
  })

  test('a credential helper is given the server on its standard input, and "not found" is none', async () => {
    await helper('good', 'read server; printf \'{"Username":"%s","Secret":"%s"}\' "$1" "$server"')
    await helper('empty', 'echo "credentials not found in native keychain"; exit 1')
    await helper('token', 'printf \'{"Username":"<token>","Secret":"t"}\'')
    const credHelpers = { 'good.example': 'good', 'empty.example': 'empty', 'token.example': 'token' }
    const provider = dockerConfig({ path: await config({ credHelpers }) })
    expect(await provider('good.example', {})).toEqual({ username: 'get', password: 'good.example' })
    expect(await provider('empty.example', {})).toBeUndefined()
    expect(await provider('token.example', {})).toEqual({ identityToken: 't' })
  })

  test('a helper that hangs, floods, fails or is not a name ends in an error without its output', async () => {
    await helper('hangs', 'exec sleep 60')
    await helper('floods', 'exec yes secret-flood')
    await helper('fails', 'echo secret-output; exit 3')
    const names = ['hangs', 'floods', 'fails', '../evil', 'a b', '', 'absent']
    const credHelpers = Object.fromEntries(names.map((name, index) => [`r${index}.example`, name]))
    const provider = dockerConfig({ path: await config({ credHelpers }), helperTimeout: 300 })
    for (const index of names.keys()) {
      const error: unknown = await provider(`r${index}.example`, {}).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_BOX_(?:REGISTRY_UNAUTHORIZED|INVALID_ARGUMENT|NOT_FOUND)$/) })
      expect(String(error)).not.toContain('secret')
    }
  })

  test('a folder of PATH that is relative is never looked into', async () => {
    await helper('near', 'printf \'{"Username":"a","Secret":"b"}\'')
    const before = process.cwd()
    process.chdir(folder)
    try {
      process.env['PATH'] = '.::/nonexistent'
      const provider = dockerConfig({ path: await config({ credHelpers: { 'a.example': 'near' } }) })
      await expect(provider('a.example', {})).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
    } finally {
      process.chdir(before)
    }
  })
})
