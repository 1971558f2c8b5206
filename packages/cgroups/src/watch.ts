import { setTimeout as delay } from 'node:timers/promises'
import { isQuiet, waitForActivity } from './events-file.ts'
import type { Stats } from './stats.ts'

/**
 * The first reading, and those that differ from the one before, until `ended`.
 * @param v2 The group's folder in the v2 hierarchy, which tells when nothing can happen in the group.
 */
export async function* changesOf(
  read: () => Stats,
  v2: string | undefined,
  interval: number,
  ended: AbortSignal,
): AsyncGenerator<Stats, void, void> {
  let last: string | undefined
  while (!ended.aborted) {
    // Before the reading: what ends in between is read the next time.
    const quiet = v2 !== undefined && isQuiet(v2)
    const stats = read()
    const now = told(stats)
    if (now !== last) yield stats
    last = now
    try {
      await delay(interval, undefined, { signal: ended })
      if (quiet) await waitForActivity(v2, ended)
    } catch (error) {
      if (!ended.aborted) throw error
    }
  }
}

/** What a reading says, without what time alone changes. */
function told(stats: Stats): string {
  return JSON.stringify(stats, (key, value: unknown) => (key === 'time' || /^avg\d+$/.test(key) ? undefined : value))
}
