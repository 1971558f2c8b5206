import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const page = readFileSync(join(__dirname, '../../../docs/registry-client.md'), 'utf8')

/** The titles of a file's tests, as they stand in its source. */
function titlesOf(file: string): string[] {
  const source = readFileSync(join(__dirname, file), 'utf8')
  const calls = source.matchAll(/(describe|withPrograms\([^()]*\))?\(\s*(['"])((?:\\.|(?!\2).)+)\2,\s*(?:async )?\(/g)
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
