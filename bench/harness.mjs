/**
 * Measures rows side by side: in each round every row has its turn, and the order turns with the rounds, so that the machine's moods meet all rows alike.
 * A row is { name, includes, run }: run() does the thing once and gives the milliseconds that it took, or several under names of their own,
 * as { '': 2.1, 'to exit': 1.8 }.
 */
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * @param rows the rows
 * @param options.rounds how many rounds are measured; at least 30 for figures that are quoted
 * @param options.burst how often a row runs in its turn; the first of a burst is not counted, since it pays for the row before it
 * @param options.pauseMs rest before each run; then every run is counted
 * @returns a Map from the name of a row to its samples in milliseconds
 */
export async function measure(rows, { rounds, burst = 4, pauseMs = 0, suffix = '', progress = () => {} }) {
  const samples = new Map()
  for (let round = -1; round < rounds; round += 1) {
    progress(round)
    for (let turn = 0; turn < rows.length; turn += 1) {
      const row = rows[(turn + Math.max(round, 0)) % rows.length]
      await takeTurn(row, { burst, pauseMs, suffix, samples, count: round >= 0 })
    }
  }
  return samples
}

async function takeTurn(row, { burst, pauseMs, suffix, samples, count }) {
  const times = pauseMs > 0 ? 1 : burst
  for (let index = 0; index < times; index += 1) {
    if (pauseMs > 0) await sleep(pauseMs)
    const result = await row.run()
    if (!count || (pauseMs === 0 && index === 0 && times > 1)) continue
    for (const [part, value] of Object.entries(typeof result === 'number' ? { '': result } : result)) {
      const name = [row.name, part, suffix].filter(Boolean).join(' ')
      if (!samples.has(name)) samples.set(name, [])
      samples.get(name).push(value)
    }
  }
}

/** @returns { median, min, low, high, n }: low and high are the tenth and the ninetieth of a hundred */
export function summarize(samples) {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
  const middle = sorted.length / 2
  const median = sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, min: sorted[0], low: at(0.1), high: at(0.9), n: sorted.length }
}
