import assert from 'node:assert/strict'
import { measure, summarize } from '../../bench/harness.mjs'
import { compare, table } from '../../bench/report.mjs'

export async function testBench(tally) {
  await tally.test('bench: every row has its turn in every round, and the order turns', async () => {
    const order = []
    const row = (name) => ({ name, run: async () => order.push(name) })
    const samples = await measure([row('a'), row('b')], { rounds: 2, burst: 1 })
    assert.deepEqual(order, ['a', 'b', 'a', 'b', 'b', 'a'])
    assert.deepEqual([samples.get('a').length, samples.get('b').length], [2, 2])
  })
  await tally.test('bench: the first of a burst is not counted; with a pause every run is', async () => {
    const row = { name: 'a', run: async () => ({ '': 2, 'to exit': 1 }) }
    const burst = await measure([row], { rounds: 5, burst: 4 })
    assert.deepEqual([burst.get('a').length, burst.get('a to exit').length], [15, 15])
    const paused = await measure([row], { rounds: 3, pauseMs: 1, suffix: 'one a second' })
    assert.deepEqual(
      [...paused],
      [
        ['a one a second', [2, 2, 2]],
        ['a to exit one a second', [1, 1, 1]],
      ],
    )
  })
  await tally.test('bench: median, min and spread', () => {
    assert.deepEqual(summarize([3, 1, 2]), { median: 2, min: 1, low: 1, high: 3, n: 3 })
    assert.equal(summarize([4, 1, 2, 3]).median, 2.5)
  })
  await tally.test('bench: a target passes, falls short, or is not measured', () => {
    const figures = [
      { row: 'box all', median: 2 },
      { row: 'floor all', median: 1 },
    ]
    const target = (atMost, against = 'floor all') => ({ row: 'box all', against, atMost })
    const passed = compare(figures, [target(2), target(1.9), target(9, 'crun all')]).map((found) => found.passed)
    assert.deepEqual(passed, [true, false, false])
    const absolute = (row, atMostMs) => compare(figures, [{ row, atMostMs }])[0]
    assert.deepEqual(absolute('box all', 2), { passed: true, text: 'pass          box all ≤ 2 ms: 2.00 ms' })
    assert.equal(absolute('box all', 1.9).passed, false)
    assert.equal(absolute('crun all', 9).passed, false)
  })
  await tally.test('bench: the table holds each ratio to the floor', () => {
    const figure = (row, median) => ({ row, median, min: median, low: median, high: median, n: 1 })
    const lines = table([figure('box', 3), figure('floor', 2)], 'ms', () => 'floor').split('\n')
    assert.match(lines[1], /^box .* 1\.50$/)
  })
}
