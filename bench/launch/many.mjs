/**
 * `node many.mjs ROOT COUNT all|none BATCH`: launches COUNT times, BATCH at once, in one process, and prints as one line of JSON how long each
 * took, how long the call kept the event loop, and what the process and its launcher hold at the end.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { launchAll, launchNone } from './box.mjs'

const [root, count, configuration, batch] = process.argv.slice(2)
const row = configuration === 'all' ? launchAll(root) : launchNone(`${root}/bin/true`)
const [times, calls] = [[], []]
// From the third on a process waits for the next launch in namespaces that were made ahead: this process holds its pidfd.
for (let index = 0; index < 3; index += 1) await launchOne()
const before = descriptors()
let left = Number(count) - 1
const began = performance.now()
await Promise.all(
  Array.from({ length: Number(batch) }, async () => {
    while (left-- > 0) await launchOne()
  }),
)
const total = performance.now() - began
const leaked = descriptors() - before
process.stdout.write(
  `${JSON.stringify({ times, calls, total, leaked, launcherKiB: launcherKiB(), nodeMiB: process.memoryUsage.rss() >> 20 })}\n`,
)
row.close()

async function launchOne() {
  const start = performance.now()
  const running = row.run()
  // It comes after the call and all that follows from it without waiting.
  setImmediate(() => calls.push(performance.now() - start))
  await running
  times.push(performance.now() - start)
}

function descriptors() {
  return readdirSync('/proc/self/fd').length
}

function launcherKiB() {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const status = statusOf(pid)
    if (status.includes(`\nPPid:\t${process.pid}\n`) && /^Name:\s+(?:memfd:)?box-launc/.test(status))
      return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1])
  }
  return undefined
}

function statusOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return ''
  }
}
