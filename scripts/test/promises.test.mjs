import assert from 'node:assert/strict'
import { brokenPromises, promisesIn } from '../promises.mjs'

export async function testPromises(tally) {
  await tally.test('promises: files and titles are read', () => {
    assert.deepEqual(promisesIn('| x | `a/b.test.ts`: "it holds" |\n- y (`c.rs`: "no_panic", `d.mjs`: "z")'), [
      { file: 'a/b.test.ts', title: 'it holds' },
      { file: 'c.rs', title: 'no_panic' },
      { file: 'd.mjs', title: 'z' },
    ])
  })
  await tally.test('promises: a test that is not there is named', () => {
    const text = '`a.rs`: "x", `scripts/promises.mjs`: "brokenPromises", `promises.mjs`: "never so called"'
    assert.deepEqual(
      brokenPromises(['scripts/page.md'], () => text),
      ['scripts/page.md: there is no file a.rs', 'scripts/page.md: promises.mjs has no test "never so called"'],
    )
  })
}
