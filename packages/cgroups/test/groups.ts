import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { basename } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { groupsBelow } from '../src/files.ts'
import { thisHost } from '../src/hierarchies/host.ts'
import { Cgroup, type CgroupOptions, type Limits, type Stats } from '../src/index.ts'

/** Groups of one test file, and the processes in them. */
export class Groups {
  readonly prefix = `box-test-${process.pid}-`
  readonly #groups: Cgroup[] = []
  readonly #children: ChildProcess[] = []
  #made = 0

  nextName(): string {
    return `${this.prefix}${this.#made++}`
  }

  async create(limits?: Limits, options?: CgroupOptions): Promise<Cgroup> {
    return this.keep(await Cgroup.create(this.nextName(), limits, options))
  }

  /** Closed with the others. */
  keep(group: Cgroup): Cgroup {
    this.#groups.push(group)
    return group
  }

  /** A shell that waits for a line before it runs the script: it is in its group by then. Its input stays open where that is asked for. */
  async runIn(group: Cgroup, script: string, open = false): Promise<ChildProcess & { readonly pid: number }> {
    const child = spawn('sh', ['-c', `read _; ${script}`], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#children.push(child)
    const { pid } = child
    if (pid === undefined) throw new Error('sh did not start')
    await group.add(pid)
    if (open) child.stdin.write('\n')
    else child.stdin.end('\n')
    return Object.assign(child, { pid })
  }

  async closeAll(): Promise<void> {
    for (const group of this.#groups.splice(0)) await group.close()
    for (const child of this.#children.splice(0)) if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }

  /** What is still there of the groups. */
  left(): string[] {
    const { v2, v1 } = thisHost().hierarchies
    const folders = [...(v2 === undefined ? [] : [v2]), ...v1].flatMap(({ mountPoint }) => allBelow(mountPoint))
    return folders.filter((folder) => basename(folder).startsWith(this.prefix))
  }
}

/** Groups of others may go while this looks. */
function allBelow(folder: string): string[] {
  return groupsBelow(folder).flatMap((name) => [`${folder}/${name}`, ...allBelow(`${folder}/${name}`)])
}

/** The first reading that fits. */
export async function until(group: Cgroup, fits: (stats: Stats) => boolean): Promise<Stats> {
  const signal = AbortSignal.timeout(30_000)
  while (true) {
    const stats = await group.stats()
    if (fits(stats)) return stats
    await delay(20, undefined, { signal })
  }
}

/** How a counter grows in a second, over three seconds after the first half. */
export async function ratePerSecond(group: Cgroup, counter: (stats: Stats) => number | undefined): Promise<number> {
  // The first period may spend what was saved up.
  const { time } = await group.stats()
  const before = await until(group, (stats) => stats.time >= time + 500)
  const after = await until(group, (stats) => stats.time >= before.time + 3000)
  return (((counter(after) ?? 0) - (counter(before) ?? 0)) * 1000) / (after.time - before.time)
}

/**
 * How much of one CPU a group with a quota gets. Emulated machines stand still when theirs is busy: there the kernel's count of periods is the clock, and
 * the mean is taken until it is within a tenth of what is expected, or of five times as many periods: a tick that comes late is paid back later.
 */
export async function cpuShare(group: Cgroup, expected: number, period = 100): Promise<number> {
  if (process.env['BOX_TEST_EMULATED'] === undefined) return (await ratePerSecond(group, ({ cpu }) => cpu.usage)) / 1000
  const { cpu: start } = await group.stats()
  const { cpu: before } = await until(group, ({ cpu }) => (cpu.periods ?? 0) >= (start.periods ?? 0) + 5)
  let share = 0
  for (let periods = 30; periods <= 150 && Math.abs(share / expected - 1) >= 0.09; periods += 30) {
    const { cpu: after } = await until(group, ({ cpu }) => (cpu.periods ?? 0) >= (before.periods ?? 0) + periods)
    share = ((after.usage ?? 0) - (before.usage ?? 0)) / ((after.periods ?? 0) - (before.periods ?? 0)) / period
  }
  return share
}
