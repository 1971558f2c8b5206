import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

const repository = path.join(import.meta.dirname, '../..')
const page = readFileSync(path.join(repository, 'SECURITY.md'), 'utf8')

/** Every advisory that a line names: of a list, the first number says what the others are. */
function advisories(line: string): string[] {
  const listed = [...line.matchAll(/CVE-(\d{4}-\d+(?:, \d{4}-\d+)*)/g)].flatMap(([, numbers = '']) => numbers.split(', '))
  return [...listed.map((number) => `CVE-${number}`), ...[...line.matchAll(/\b[a-z]+#\d+\b/g)].map(([name]) => name)]
}

/** The first cells of a table's rows, and the last. */
function rowsAfter(heading: string): { readonly named: string[]; readonly last: string }[] {
  const [, rest = ''] = page.split(heading)
  const lines = rest.slice(rest.indexOf('| ---')).split('\n').slice(1)
  const end = lines.findIndex((line) => !line.startsWith('|'))
  return lines.slice(0, end).map((line) => {
    const cells = line.split(' | ')
    return { named: advisories(cells[0] ?? ''), last: cells.at(-1)?.replace(/ \|$/, '') ?? '' }
  })
}

const files = new Map(
  ['test-e2e/hostile', 'packages/namespaces/test'].flatMap((folder) =>
    readdirSync(path.join(repository, folder))
      .filter((name) => name.endsWith('.test.ts') && name !== path.basename(import.meta.filename))
      .map((name): [string, string] => {
        const short = `${folder === 'test-e2e/hostile' ? 'hostile' : 'namespaces'}/${name.replace('.test.ts', '')}`
        return [short, readFileSync(path.join(repository, folder, name), 'utf8')]
      }),
  ),
)

/** The advisories in the titles of a file's tests: a title is a string that begins with what it is about. */
function titled(source: string): string[] {
  return [...source.matchAll(/^[^/*\n]*'((?:[a-zA-Z-]+(?:, [a-zA-Z-]+)* CVE-|[a-z]+#\d).*)/gm)].flatMap(([, title = '']) =>
    advisories(title),
  )
}

test('every advisory that SECURITY.md names has a test of its own in each file that the table names, and every one in a title is named', () => {
  const rows = rowsAfter('## What has gone wrong elsewhere')
  expect(rows.length).toBeGreaterThan(25)
  for (const { named, last } of rows) {
    expect(named).not.toEqual([])
    const titles = last.split(', ').flatMap((file) => titled(files.get(file) ?? ''))
    expect({ named, missing: named.filter((one) => !titles.includes(one)) }).toEqual({ named, missing: [] })
    for (const file of last.split(', '))
      expect([file, titled(files.get(file) ?? '').filter((one) => named.includes(one))]).not.toEqual([file, []])
  }
  const inTable = rows.flatMap(({ named }) => named)
  expect([...new Set(inTable)]).toHaveLength(inTable.length)
  const inTitles = [...files.values()].flatMap(titled)
  expect([...new Set(inTitles)].filter((one) => !inTable.includes(one))).toEqual([])
})

test('what cannot happen by construction has no test, and a reason', () => {
  const rows = rowsAfter('These cannot happen by construction:')
  const inTitles = [...files.values()].flatMap(titled)
  for (const { named, last } of rows) {
    expect(named).not.toEqual([])
    expect(last).toMatch(/\w+ \w+/)
    expect(named.filter((one) => inTitles.includes(one))).toEqual([])
  }
})
