import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import * as names from '../src/option-names.ts'
import { layout } from '../src/index.ts'
import { TestRegistry } from './fixtures/registry.ts'

const root = join(__dirname, '../../..')
const readme = readFileSync(join(__dirname, '../README.md'), 'utf8')
const page = readFileSync(join(root, 'docs/registry-client.md'), 'utf8')

/** The titles of a file's tests, as they stand in its source. */
function titlesOf(file: string): string[] {
  const source = readFileSync(join(__dirname, file), 'utf8')
  const calls = source.matchAll(/(describe|withPrograms\([^()]*\)|\.on|\.once)?\(\s*(['"])((?:\\.|(?!\2).)+)\2,\s*(?:async )?\(/g)
  return [...calls].flatMap(([, group, , title = '']) => (group === undefined ? [title.replaceAll(/\\(.)/g, '$1')] : []))
}

test('each promise of docs/registry-client.md names tests that there are', () => {
  const rows = page.split('\n').filter((line) => line.startsWith('| **'))
  expect(rows.length).toBeGreaterThan(10)
  for (const row of rows) {
    const named = [...row.matchAll(/`([\w/-]+\.test\.ts) › ([^`]+)`/g)]
    expect(named.length).toBeGreaterThan(0)
    for (const [, file = '', title = ''] of named) expect(titlesOf(file)).toContain(title)
  }
})

test('each test against a hostile registry stands in docs/registry-client.md', () => {
  const files = readdirSync(join(__dirname, 'hostile'))
  const titles = files.flatMap((file) => titlesOf(`hostile/${file}`).map((title) => `\`hostile/${file} › ${title}\``))
  expect(titles.length).toBeGreaterThan(25)
  for (const title of titles) expect(page).toContain(title)
})

test('each test against a hostile client of the server stands in the README', () => {
  const titles = titlesOf('server/hostile.test.ts').map((title) => `\`test/server/hostile.test.ts\`: "${title}"`)
  expect(titles.length).toBeGreaterThan(12)
  for (const title of titles.filter((one) => !one.endsWith(': "$path"'))) expect(readme).toContain(title)
})

test('the README has a row for each option and each part of one, and for nothing else', () => {
  const parts = (prefix: string, table: object): string[] => Object.keys(table).map((name) => `${prefix}${name}`)
  const options = [
    ...parts('', names.registryOptions),
    ...parts('', names.copyOptions),
    ...parts('', names.serveOptions),
    ...parts('hooks.', names.copyHooks),
    ...parts('retry.', names.retryOptions),
    ...parts('egress.', names.egressOptions),
    ...parts('shortNames.', names.shortNamesOptions),
    ...parts('cosign.', names.cosignOptions),
    ...parts('limits.', names.serveLimits),
  ]
  const cells = readme.split('\n').flatMap((line) => /^\| ((?:`[\w.]+`(?:, )?)+) \|/.exec(line)?.[1]?.split(', ') ?? [])
  expect(cells.toSorted()).toEqual(options.map((name) => `\`${name}\``).toSorted())
})

test("the README's example copies an image between two registries in five lines", async () => {
  const example = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
  expect(example.trim().split('\n')).toHaveLength(5)
  const source = await TestRegistry.start()
  const folder = mkdtempSync(join(tmpdir(), 'box-test-readme-'))
  // Inside the repository, so that it resolves the package as a reader's own file would.
  const file = join(root, 'node_modules/.cache/box/registry-example.mjs')
  try {
    const { digest } = source.addImage('alpine', '3', [Buffer.from('layer')])
    const code = example
      .replace("'docker.io/library/alpine:3'", `'${source.reference('alpine:3')}'`)
      .replace("'localhost:5000/alpine:3'", '`localhost:${registry.port}/alpine:3`')
      .replace('port: 5000', 'port: 0')
    expect(code).not.toContain('docker.io')
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, code)
    const hooks = pathToFileURL(join(__dirname, 'fixtures/typescript-hooks.mjs'))
    const register = `data:text/javascript,import{register}from"node:module";register("${hooks.href}")`
    const args = ['--conditions=@box/source', '--import', register, file]
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder })
    expect(stdout.trim()).toBe(digest)
    expect((await layout(join(folder, 'blobs')).resolve('alpine:3'))?.digest).toBe(digest)
  } finally {
    rmSync(file, { force: true })
    rmSync(folder, { recursive: true })
    await source.close()
  }
})
