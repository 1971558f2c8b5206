import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cosignPolicy, layout, memorySink, Registry, serve, type CosignOptions, type ServedRegistry } from '@box/registry'
import { makeImage } from '../registry/image.ts'

const program = process.env['BOX_COSIGN'] ?? ''
const withCosign = program === '' ? describe.skip : describe
const run = promisify(execFile)

withCosign('cosign', () => {
  let folder: string
  let served: ServedRegistry
  let host: string
  let digest: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'box-cosign-'))
    served = await serve(layout(join(folder, 'served')))
    host = `127.0.0.1:${served.port}`
    const source = layout(join(folder, 'source'))
    digest = await makeImage(source)
    const registry = new Registry()
    await registry.push(source, `${host}/team/app:v1`, { name: 'one' })
    await registry.push(source, `${host}/unsigned:v1`, { name: 'one' })
    await registry.close()
    for (const prefix of ['mine', 'other']) await cosign('generate-key-pair', `--output-key-prefix=${prefix}`)
    const sign = ['sign', '--yes', '--key=mine.key', '--tlog-upload=false', '--allow-http-registry', '-a', 'team=core']
    await cosign(...sign, `${host}/team/app@${digest}`)
  }, 120_000)

  afterAll(async () => {
    await served.close()
    await rm(folder, { recursive: true })
  })

  /** With a home of its own, and no transparency log. */
  async function cosign(...args: readonly string[]): Promise<void> {
    const env = { PATH: process.env['PATH'], HOME: folder, COSIGN_PASSWORD: 'word' }
    await run(program, [...args], { cwd: folder, env, timeout: 60_000 })
  }

  async function pull(name: string, options: Omit<CosignOptions, 'keys'> = {}, key: string = 'mine'): Promise<string> {
    const keys = [await readFile(join(folder, `${key}.pub`))]
    const registry = new Registry({ policy: cosignPolicy({ keys, ...options }) })
    try {
      return (await registry.pull(`${host}/${name}`, memorySink(), { platform: 'all' })).digest
    } finally {
      await registry.close()
    }
  }

  test('what it has signed passes by its key, and says what was said beside', async () => {
    expect(await pull('team/app:v1')).toBe(digest)
    expect(await pull('team/app:v1', { annotations: { team: 'core' } })).toBe(digest)
    // And it says the same.
    await cosign('verify', '--key=mine.pub', '--insecure-ignore-tlog', '--allow-http-registry', `${host}/team/app:v1`)
  }, 60_000)

  test.each([
    ['by another key', 'team/app:v1', {}, 'other'],
    ['for another repository', 'unsigned:v1', {}, 'mine'],
    ['without what must be said beside', 'team/app:v1', { annotations: { team: 'other' } }, 'mine'],
  ])('what it has not signed %s does not pass', async (_, name, options, key) => {
    await expect(pull(name, options, key)).rejects.toMatchObject({ code: 'ERR_BOX_SIGNATURE_INVALID' })
  })
})
