import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { type ImageLayout, layout } from '@box/oci'
import { basicAuth, serve, type ServedRegistry } from '@box/registry'
import { makeImage } from './image.ts'

const run = promisify(execFile)
const program = join(__dirname, '../../packages/registry/dist/server/program.js')
const withSkopeo = spawnSync('skopeo', ['--version']).status === 0 ? describe : describe.skip

let folder: string
let source: ImageLayout
let digest: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-serve-e2e-'))
  source = layout(join(folder, 'source'))
  digest = await makeImage(source)
})

afterAll(async () => await rm(folder, { recursive: true, force: true }))

describe('box-registry', () => {
  let child: ChildProcess | undefined

  afterEach(async () => {
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await ended(child)
    }
    child = undefined
  })

  async function start(args: readonly string[]): Promise<string> {
    const started = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    child = started
    for await (const line of createInterface({ input: started.stdout })) return line
    throw new Error('the program ended without its line')
  }

  test('prints one line, its address, serves, and ends at SIGTERM with nothing left over', async () => {
    const root = join(folder, 'program')
    const url = await start(['--root', root, '--port', '0'])
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    const { headers } = await fetch(`${url}/v2/a/blobs/uploads/`, { method: 'POST' })
    await fetch(`${url}${headers.get('location')}`, { method: 'PATCH', body: 'some bytes' })
    child?.kill('SIGTERM')
    expect(await ended(child)).toBe(0)
    expect(await readdir(join(root, 'staging/uploads'))).toEqual([])
  })

  test('that is killed leaves nothing of an upload', async () => {
    const root = join(folder, 'killed')
    const url = await start(['--root', root, '--port', '0'])
    const { headers } = await fetch(`${url}/v2/a/blobs/uploads/`, { method: 'POST' })
    expect((await fetch(`${url}${headers.get('location')}`, { method: 'PATCH', body: 'some bytes' })).status).toBe(202)
    child?.kill('SIGKILL')
    await ended(child)
    expect(await readdir(join(root, 'staging/uploads'))).toEqual([])
  })

  test.each([[[]], [['--root', 'x', '--port', 'many']], [['--root', 'x', '--unknown']], [['--root', 'x', '--tls-key', 'y']]])(
    'does not understand %j, and says why',
    async (args) => {
      const failure = await run(process.execPath, [program, ...args]).catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 64, stdout: '', stderr: expect.stringMatching(/^box-registry: .+\n$/) })
    },
  )

  test('does not touch a folder that is something else', async () => {
    const other = join(folder, 'other')
    await mkdir(other)
    await writeFile(join(other, 'letter.txt'), 'dear')
    const failure = await run(process.execPath, [program, '--root', other]).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 74, stdout: '', stderr: expect.stringMatching(/^box-registry: .+ is not an image layout .+\n$/) })
    expect(await readdir(other)).toEqual(['letter.txt'])
  })
})

withSkopeo('skopeo', () => {
  let registry: ServedRegistry | undefined

  afterEach(async () => await registry?.close())

  test('pushes and pulls an image, byte for byte', async () => {
    const store = layout(join(folder, 'plain'))
    registry = await serve(store)
    const remote = `docker://127.0.0.1:${registry.port}/some/image:v1`
    await skopeo('copy', '--dest-tls-verify=false', `oci:${source.path}:one`, remote)
    expect(await store.resolve('some/image:v1')).toMatchObject({ digest })
    await skopeo('copy', '--src-tls-verify=false', remote, `oci:${join(folder, 'pulled')}:one`)
    expect(await blobsOf(join(folder, 'pulled'))).toEqual(await blobsOf(source.path))
    const tags = await skopeo('list-tags', '--tls-verify=false', remote.slice(0, -':v1'.length))
    expect(JSON.parse(tags)).toMatchObject({ Tags: ['v1'] })
    await skopeo('delete', '--tls-verify=false', remote)
    expect(await store.list()).toEqual([])
  }, 30_000)

  test('reads what is served as it lies in the folder of another tool', async () => {
    registry = await serve(source, { repository: 'image', readOnly: true })
    const inspected = await skopeo('inspect', '--tls-verify=false', `docker://127.0.0.1:${registry.port}/image:one`)
    expect(JSON.parse(inspected)).toMatchObject({ Digest: digest, RepoTags: ['one'] })
  }, 30_000)

  test('comes in with a certificate and a password, and not without', async () => {
    const certificates = join(folder, 'certificates')
    await mkdir(certificates)
    const key = join(folder, 'key.pem')
    const cert = join(certificates, 'ca.crt')
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
    await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-keyout', key, '-out', cert, ...subject])
    const tls = { key: await readFile(key), cert: await readFile(cert) }
    const authorize = basicAuth((username, password) => username === 'someone' && password === 'a secret')
    registry = await serve(layout(join(folder, 'tls')), { tls, authorize })
    expect(registry.url).toMatch(/^https:/)
    const remote = `docker://127.0.0.1:${registry.port}/image:v1`
    const push = ['copy', '--dest-cert-dir', certificates, `oci:${source.path}:one`, remote]
    await expect(skopeo(...push, '--dest-no-creds')).rejects.toThrow(/unauthorized|authentication required/i)
    await skopeo(...push, '--dest-creds', 'someone:a secret')
    await expect(skopeo('inspect', '--creds', 'someone:a secret', remote)).rejects.toThrow(/certificate/)
    await skopeo('inspect', '--cert-dir', certificates, '--creds', 'someone:a secret', remote)
  }, 30_000)
})

async function skopeo(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('skopeo', ['--insecure-policy', ...args], { env: { PATH: process.env['PATH'], HOME: folder } })
  return stdout
}

async function ended(child: ChildProcess | undefined): Promise<number | null> {
  if (child === undefined) return null
  if (child.exitCode !== null) return child.exitCode
  return await new Promise((resolve) => child.once('exit', (code) => resolve(code)))
}

async function blobsOf(path: string): Promise<readonly string[]> {
  return (await readdir(join(path, 'blobs/sha256'))).toSorted()
}
