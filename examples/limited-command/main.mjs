// Holds a command to half a CPU, 512 MB and 20 Mbit/s, and draws what it uses. Needs root.
//
//   node examples/limited-command/main.mjs COMMAND…
import { Cgroup } from '@box/cgroups'
import { spawn } from '@box/namespaces'

const cpus = 0.5
const memory = 512e6
const megabits = 20
const interval = 1000

const command = process.argv.slice(2)
if (command.length === 0) {
  process.stderr.write('usage: main.mjs COMMAND…\n')
  process.exit(64)
}

const group = await Cgroup.create('limited-command', { cpus, memory, network: `${megabits}mbit` }, { temporary: true })
try {
  process.exitCode = await follow(await spawn(command, { cgroup: group, stdio: 'inherit' }))
} finally {
  await group.close()
}

async function follow(child) {
  const stop = new AbortController()
  const forward = (signal) => child.kill(signal)
  process.on('SIGINT', forward).on('SIGTERM', forward)
  const drawn = draw(stop.signal)
  const { exitCode, oomKilled } = await child.exited
  stop.abort()
  await drawn
  process.off('SIGINT', forward).off('SIGTERM', forward)
  const { cpu, memory: used, network } = await group.stats()
  const [seconds, most] = [(cpu.usage ?? 0) / 1000, (used.peak ?? 0) / 1e6]
  const [received, sent] = [network.received ?? 0, network.sent ?? 0].map((bytes) => (bytes / 1e6).toFixed(1))
  process.stderr.write(`${seconds.toFixed(1)} s of CPU, at most ${most.toFixed(0)} MB, ${received} MB received, ${sent} MB sent\n`)
  if (oomKilled || (used.oomKills ?? 0) > 0) process.stderr.write('it needed more memory than it has\n')
  return exitCode ?? 1
}

/** A line for each interval in which something has changed. */
async function draw(signal) {
  let before
  const began = Date.now()
  try {
    for await (const now of group.watch({ interval, signal })) {
      if (before !== undefined) {
        const rate = (of) => ((of(now) ?? 0) - (of(before) ?? 0)) / (now.time - before.time)
        const second = Math.round((now.time - began) / interval)
        const shown = [
          bar('CPU', rate(({ cpu }) => cpu.usage) * 100, cpus * 100, '%'),
          bar('memory', (now.memory.current ?? 0) / 1e6, memory / 1e6, ' MB'),
          bar('in', rate(({ network }) => network.received) * 0.008, megabits, ' Mbit/s'),
          bar('out', rate(({ network }) => network.sent) * 0.008, megabits, ' Mbit/s'),
        ]
        process.stderr.write(`${String((second * interval) / 1000).padStart(4)} s  ${shown.join('  ')}\n`)
      }
      before = now
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function bar(name, value, limit, unit) {
  const width = 10
  const full = Math.min(width, Math.round((value / limit) * width))
  return `${name} ${'█'.repeat(full)}${'·'.repeat(width - full)} ${value.toFixed(0)}${unit}`
}
