/** A thousand launches of one process: whether the last costs what the second did, how many a second, and what is left of them. */
import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { makeWorkplace } from './launch/workplace.mjs'
import { summarize } from './harness.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const count = 1000

export const bench = {
  name: 'launch-many',
  unit: 'ms',
  needs: () => (process.getuid?.() === 0 ? undefined : 'root'),
  floorOf: () => undefined,
  phases: [{ burst: 1 }],
  open() {
    const place = makeWorkplace()
    const notes = []
    const row = (configuration, batch) => ({
      name: `box ${configuration}${batch === 1 ? '' : `, ${batch} at once`}`,
      includes: `${count} launches in a process of its own: milliseconds a launch`,
      run: async () => {
        const { figures, note } = await runMany(place.root, configuration, batch)
        notes.push(`${configuration}, ${batch} at once: ${note}`)
        return figures
      },
      close: () => {},
    })
    return {
      rows: [row('none', 1), row('all', 1), row('none', 16), row('all', 16)],
      notes: [],
      versions: {},
      beside: () => notes.join('\n'),
      close: () => place.close(),
    }
  },
}

async function runMany(root, configuration, batch) {
  const program = [join(here, 'launch/many.mjs'), root, String(count), configuration, String(batch)]
  const { stdout } = await promisify(execFile)(process.execPath, program)
  const { times, calls, total, leaked, launcherKiB, nodeMiB } = JSON.parse(stdout)
  const note = `${leaked} descriptors left, ${launcherKiB} KiB of launcher, ${nodeMiB} MiB of Node, ${Math.round((count / total) * 1000)} launches a second`
  const figures = { '': total / count }
  if (batch === 1) {
    figures['2nd to 101st'] = summarize(times.slice(1, 101)).median
    figures['901st to 1,000th'] = summarize(times.slice(-100)).median
    figures['event loop held'] = summarize(calls.slice(1)).median
    figures['event loop held, 9 of 10'] = calls.slice(1).toSorted((a, b) => a - b)[Math.floor(0.9 * (calls.length - 1))]
  }
  return { figures, note }
}
