import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { basicAuth, serve, type ServableStore, type ServedRegistry, type ServeOptions } from '@box/registry'
import { layout } from '@box/oci'
import { MapStore } from '../../packages/registry/test/server/store.ts'

/** The distribution specification's own program: `github.com/opencontainers/distribution-spec/conformance`, its path. */
const program = process.env['BOX_CONFORMANCE'] ?? ''
const withProgram = program === '' ? describe.skip : describe

withProgram('the OCI distribution conformance program', () => {
  let results: string
  let registry: ServedRegistry | undefined

  beforeEach(async () => {
    results = await mkdtemp(join(tmpdir(), 'box-conformance-'))
  })

  afterEach(async () => {
    await registry?.close()
    await rm(results, { recursive: true, force: true })
  })

  test.each([
    { version: '1.0', least: 800 },
    { version: '1.1', least: 858 },
    { version: 'dev', least: 982 },
  ])(
    'finds no failure at version $version',
    async ({ version, least }) => {
      const { failed, errors, tests, skipped } = await run(version)
      expect({ failed, errors, skipped }).toEqual({ failed: [], errors: 0, skipped: 0 })
      expect(tests).toBeGreaterThanOrEqual(least)
    },
    60_000,
  )

  test('finds no failure where credentials are asked for', async () => {
    const authorize = basicAuth((username, password) => username === 'someone' && password === 'secret')
    const { failed, errors } = await run('dev', { authorize })
    expect({ failed, errors }).toEqual({ failed: [], errors: 0 })
  }, 60_000)

  test('finds no failure with an image layout as the store', async () => {
    const { failed, errors } = await run('dev', {}, layout(join(results, 'layout')))
    expect({ failed, errors }).toEqual({ failed: [], errors: 0 })
  }, 60_000)

  /** The program's exit code is 0 also where it could not begin, so its files say how it went. */
  async function run(version: string, options: ServeOptions = {}, store: ServableStore = new MapStore()): Promise<Summary> {
    registry = await serve(store, options)
    const env = {
      OCI_VERSION: version,
      OCI_REGISTRY: `127.0.0.1:${registry.port}`,
      OCI_TLS: 'disabled',
      OCI_REPO1: 'conformance/one',
      OCI_REPO2: 'conformance/two',
      OCI_USERNAME: 'someone',
      OCI_PASSWORD: 'secret',
      OCI_RESULTS_DIR: results,
    }
    await new Promise<void>((resolve) => execFile(program, { env, cwd: results, maxBuffer: 1 << 28 }, () => resolve()))
    return summarize(await readFile(join(results, 'results.yaml'), 'utf8'), await readFile(join(results, 'junit.xml'), 'utf8'))
  }
})

interface Summary {
  /** What is neither passed nor switched off by the version. */
  readonly failed: readonly string[]
  readonly tests: number
  readonly errors: number
  readonly skipped: number
}

function summarize(yaml: string, junit: string): Summary {
  const outcomes = yaml.slice(yaml.indexOf('\napis:\n')).match(/^ {2}\S.*$/gm) ?? []
  const [, attributes = ''] = /<testsuite ([^>]*)>/.exec(junit) ?? []
  const number = (name: string): number => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(attributes)?.[1])
  return {
    failed: outcomes.filter((line) => !/: (?:Pass|Disabled)$/.test(line)),
    tests: number('tests'),
    errors: number('errors') + number('failures'),
    // The program leaves the attribute out where it is 0.
    skipped: attributes.includes('skipped=') ? number('skipped') : 0,
  }
}
