import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { skipRules } from '../testing/skips.mjs'

export async function testSkips(tally) {
  const folder = mkdtempSync(join(tmpdir(), 'box-skips-'))
  const file = join(folder, 'skips.json')
  const rules = [
    { pattern: 'absent', reason: 'not here', probe: ['false'] },
    { pattern: 'present', reason: 'not here', probe: ['true'] },
  ]
  writeFileSync(file, JSON.stringify(rules))
  await tally.test('skips: one that is not in the list is a problem', () => {
    assert.match(skipRules(file, false)({ name: 'other' }).problem, /not in/)
  })
  await tally.test('skips: one in the list has its reason', () => {
    assert.deepEqual(skipRules(file, true)({ name: 'absent thing' }), { reason: 'not here' })
  })
  await tally.test('skips: under CI, one whose need is there is a problem; elsewhere it is not', () => {
    assert.match(skipRules(file, true)({ name: 'present' }).problem, /is there/)
    assert.equal(skipRules(file, false)({ name: 'present' }).problem, undefined)
  })
  rmSync(folder, { recursive: true })
}
