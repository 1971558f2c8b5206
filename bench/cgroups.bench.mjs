/** What a group costs: made, limited, filled and removed; its statistics; the bandwidth limiter's share of a transfer. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Cgroup } from '@box/cgroups'
import { findPeer } from '../scripts/peers.mjs'
import { driveApart, startDriver } from './driver.mjs'
import { makeWorkplace } from './launch/workplace.mjs'

const limits = { memory: '64MiB', cpus: 0.5, pids: 64 }
const times = 1000
const bytes = String(1 << 30)

export const bench = {
  name: 'cgroups',
  unit: 'ms',
  needs: () => (process.getuid?.() === 0 ? undefined : 'root'),
  floorOf: (row) => row.replace(/^(?:box|crun)/, 'floor'),
  async open() {
    const folder = mkdtempSync(join(tmpdir(), 'box-bench-'))
    const closing = [async () => rmSync(folder, { recursive: true, force: true })]
    const close = async () => {
      for (const step of closing.splice(0).toReversed()) await step()
    }
    try {
      const floor = join(folder, 'floor')
      execFileSync('rustc', ['-O', '--edition', '2024', '-o', floor, join(import.meta.dirname, 'floor/cgroups.rs')])
      const drive = (...args) => {
        const driver = startDriver(floor, args)
        closing.push(driver.close)
        return driver
      }
      const group = await Cgroup.create(`box-bench-${process.pid}`, limits)
      closing.push(() => group.close())
      const counted = await Cgroup.create(`box-bench-${process.pid}-network`, { network: 'max' }, { controllers: [] })
      closing.push(() => counted.close())
      const held = drive('transfer', bytes)
      await counted.add(held.pid)
      const rows = [
        {
          name: 'box group',
          includes: 'made with limits of CPU, memory and processes, a process moved in and ended, removed',
          run: onceGroup,
        },
        { name: 'floor group', includes: 'the same system calls, in Rust alone', ...drive('group', ...parentsOf(group)) },
        { name: 'box stats', includes: `stats() of a group ${times} times`, run: () => readStats(group) },
        { name: 'floor stats', includes: 'the same files read in Rust, not parsed', ...drive('stats', String(times), ...filesOf(group)) },
        { name: 'box transfer', includes: "a GiB over loopback, both ends in a group with network: 'max'", ...held },
        { name: 'floor transfer', includes: 'the same without it', ...drive('transfer', bytes) },
      ]
      const crun = findPeer('crun')
      if (crun.missing !== undefined) return { rows, notes: [crun.missing], versions: {}, close }
      const place = makeWorkplace()
      closing.push(async () => place.close())
      rows.push(shareOfCrun(crun.path, place.folder, closing))
      return { rows, notes: [], versions: { crun: crun.version }, close }
    } catch (error) {
      await close()
      throw error
    }
  },
}

/** What a container of crun costs with its groups, less what it costs without. */
function shareOfCrun(program, folder, closing) {
  const drive = (...args) => {
    const driver = driveApart(program, '--root', join(folder, 'state'), ...args, 'run', '--bundle', folder, '{}')
    closing.push(driver.close)
    return driver
  }
  const [grouped, alone] = [drive('--cgroup-manager=cgroupfs'), drive('--cgroup-manager=disabled')]
  const includes = 'the same limits: a container with its groups, less one without'
  return { name: 'crun group', includes, run: async () => (await grouped.run()) - (await alone.run()) }
}

let made = 0

async function onceGroup() {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  await once(child, 'spawn')
  const ended = once(child, 'exit')
  const began = performance.now()
  const group = await Cgroup.create(`box-bench-${process.pid}-${made++}`, limits)
  await group.add(child.pid)
  child.kill('SIGKILL')
  await ended
  await group.close()
  return performance.now() - began
}

async function readStats(group) {
  const began = performance.now()
  for (let index = 0; index < times; index += 1) await group.stats()
  return performance.now() - began
}

const limitFiles = {
  'memory.limit_in_bytes': 64 << 20,
  'memory.max': 64 << 20,
  'cpu.cfs_period_us': 100_000,
  'cpu.cfs_quota_us': 50_000,
  'cpu.max': '50000 100000',
  'pids.max': 64,
}

/** Where the group is, with the limits of each hierarchy, as the floor takes it. */
function parentsOf(group) {
  return foldersOf(group).map((folder) => {
    const files = Object.entries(limitFiles).filter(([file]) => existsSync(join(folder, file)))
    return [dirname(folder), ...files.map(([file, value]) => `${file}=${value}`)].join('|')
  })
}

const statFiles = `
  cpu.stat memory.current memory.peak memory.max memory.stat memory.events memory.swap.current memory.swap.peak memory.swap.max
  memory.usage_in_bytes memory.max_usage_in_bytes memory.limit_in_bytes memory.kmem.usage_in_bytes memory.kmem.tcp.usage_in_bytes
  memory.failcnt memory.oom_control memory.memsw.limit_in_bytes pids.current pids.peak pids.max pids.events io.stat
  cpu.pressure memory.pressure io.pressure
`
  .trim()
  .split(/\s+/)

function filesOf(group) {
  return foldersOf(group).flatMap((folder) => statFiles.map((file) => join(folder, file)).filter((path) => existsSync(path)))
}

function foldersOf({ paths }) {
  return [...(paths.v2 === undefined ? [] : [paths.v2]), ...paths.v1]
}
