import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { countCargo, countJest, countLines } from '../testing/counts.mjs'

export async function testCounts(tally) {
  await tally.test('counts: cargo test, over its binaries, with the reasons of what is ignored', () => {
    const output =
      'test a::b ... ok\ntest c ... FAILED\ntest d ... ignored, needs root\ntest result: FAILED. 1 passed; 1 failed\ntest e - f (line 3) ... ok\n'
    const { passed, failures, skipped } = countCargo(output)
    assert.deepEqual([passed, failures, skipped], [2, ['cargo › c'], [{ name: 'cargo › d', reason: 'needs root' }]])
  })
  await tally.test('counts: a program of lines must end with a counting line that agrees', () => {
    assert.deepEqual(countLines('ok a\nskip b: no root: at all\n1 passed, 0 failed, 1 skipped\n'), {
      passed: 1,
      failed: 0,
      skipped: [{ name: 'b', reason: 'no root: at all' }],
      failures: [],
    })
    assert.equal(countLines('ok a\n').failed, 1)
    assert.equal(countLines('ok a\n2 passed, 0 failed, 0 skipped\n').failed, 1)
    assert.deepEqual(countLines('not ok a\n0 passed, 1 failed, 0 skipped\n').failures, ['a'])
  })
  await tally.test('counts: a jest file that cannot be run is a failure', () => {
    const folder = mkdtempSync(join(tmpdir(), 'box-counts-'))
    try {
      const report = join(folder, 'report.json')
      const file = { name: 'x.test.ts', status: 'failed', assertionResults: [] }
      const whole = {
        name: 'y.test.ts',
        status: 'passed',
        assertionResults: ['passed', 'pending', 'todo'].map((status) => ({ status, fullName: status })),
      }
      writeFileSync(report, JSON.stringify({ testResults: [file, whole] }))
      const { passed, failed, skipped } = countJest(report)
      assert.deepEqual([passed, failed, skipped.length], [1, 1, 2])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}
