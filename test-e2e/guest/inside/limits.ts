import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, statSync, watch, writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { Cgroup, type CgroupEvent, type EventKind, type Stats } from '@box/cgroups'
import { cpuShare, Groups, ratePerSecond, until } from '../../../packages/cgroups/test/groups.ts'

const groups = new Groups()

/** The disk that may be written to. */
const data = '/data'
const { dev } = statSync(data)
const device = `${dev >> 8}:${dev & 255}` as const

async function first(events: AsyncGenerator<CgroupEvent, void, void>, kind: EventKind): Promise<CgroupEvent> {
  for await (const event of events) if (event.kind === kind) return event
  throw new Error(`the events ended without ${kind}`)
}

describe('limits of cgroup v2', () => {
  afterEach(async () => {
    await groups.closeAll()
    expect(groups.left()).toEqual([])
  })

  async function shares(one: Cgroup, other: Cgroup): Promise<number> {
    for (const group of [one, other]) await groups.runIn(group, 'while :; do :; done')
    const [first, second] = await Promise.all([one, other].map((group) => ratePerSecond(group, ({ cpu }) => cpu.usage)))
    return (second ?? 0) / (first ?? 0)
  }

  test('groups that want the same CPU share it by their weights', async () => {
    const one = await groups.create({ cpu: { weight: 100 }, cpuset: { cpus: '1' } })
    const other = await groups.create({ cpu: { weight: 400 }, cpuset: { cpus: '1' } })
    const ratio = await shares(one, other)
    expect(ratio).toBeGreaterThan(4 * 0.8)
    expect(ratio).toBeLessThan(4 * 1.25)
  })

  test('an idle group gets almost nothing of a CPU that another one wants', async () => {
    const busy = await groups.create({ cpuset: { cpus: '1' } })
    const idle = await groups.create({ cpu: { idle: true }, cpuset: { cpus: '1' } })
    expect(await shares(busy, idle)).toBeLessThan(0.1)
  })

  test('what was saved up in quiet periods is spent at once', async () => {
    const group = await groups.create({ cpus: 0.2, cpu: { burst: 20 } })
    await groups.runIn(group, 'while :; do :; done')
    await until(group, ({ cpu }) => (cpu.periods ?? 0) > 5)
    expect(Math.abs((await cpuShare(group, 0.2)) / 0.2 - 1)).toBeLessThan(0.1)
  })

  test('above memory.high the page cache is given back, and it is told', async () => {
    const group = await groups.create({ memory: { high: '16MiB' } })
    const told = first(group.events({ kinds: ['memoryHigh'] }), 'memoryHigh')
    const child = await groups.runIn(group, `cat ${process.execPath} > /dev/null`)
    expect((await told).count).toBeGreaterThan(0)
    expect(await once(child, 'exit')).toEqual([0, null])
    const { memory } = await group.stats()
    expect(memory.highEvents).toBeGreaterThan(0)
    expect(memory.peak).toBeLessThan(24 * 2 ** 20)
  })

  test('an OOM kill is told, and with oomGroup it ends every process', async () => {
    for (const oomGroup of [false, true]) {
      const group = await groups.create({ memory: { max: '16MiB', oomGroup } })
      const killed = first(group.events({ kinds: ['oomKill'] }), 'oomKill')
      const limit = group.paths.v2?.replace('/sys/fs/cgroup', '')
      const bystander = await groups.runIn(group, 'exec sleep 60')
      const child = await groups.runIn(group, 'exec dd if=/dev/zero of=/dev/null bs=200M count=1')
      expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
      expect(await killed).toMatchObject({ count: 1, process: { pid: child.pid, command: 'dd', uid: 0, limit } })
      if (oomGroup) expect(bystander.signalCode ?? (await once(bystander, 'exit'))[1]).toBe('SIGKILL')
      else expect(await group.processes()).toEqual([bystander.pid])
    }
  })

  test('swap is used where it is allowed, and only there', async () => {
    const allocate = 'exec dd if=/dev/zero of=/dev/null bs=48M count=1'
    const without = await groups.create({ memory: { max: '24MiB', swap: 0 } })
    expect(await once(await groups.runIn(without, allocate), 'exit')).toEqual([null, 'SIGKILL'])
    const group = await groups.create({ memory: { max: '24MiB', swap: '64MiB' } })
    expect(await once(await groups.runIn(group, allocate), 'exit')).toEqual([0, null])
    const { memory, swap } = await group.stats()
    expect(memory.peak).toBeLessThanOrEqual(24 * 2 ** 20)
    expect(swap.max).toBe(64 * 2 ** 20)
  })

  test('memory that is protected stays while another group takes what there is', async () => {
    const outer = await groups.create({ memory: '64MiB' })
    const file = (name: string): string => `${data}/${name}`
    const inside = async (name: string, limits: Parameters<typeof Cgroup.create>[1]): Promise<Cgroup> =>
      groups.keep(await Cgroup.create(name, limits, { parent: outer }))
    const protectedGroup = await inside('protected', { memory: { min: '24MiB' } })
    const greedy = await inside('greedy', {})
    for (const [name, megabytes] of [
      ['kept', 20],
      ['large', 96],
    ] as const)
      writeFileSync(file(name), Buffer.alloc(megabytes << 20))
    await once(await groups.runIn(protectedGroup, `cat ${file('kept')} > /dev/null`), 'exit')
    const before = (await protectedGroup.stats()).memory.file ?? 0
    await once(await groups.runIn(greedy, `cat ${file('large')} > /dev/null`), 'exit')
    expect((await protectedGroup.stats()).memory.file).toBeGreaterThanOrEqual(before * 0.95)
    await greedy.close()
    await protectedGroup.close()
  })

  test('huge pages of 2 MiB beyond the limit are refused and counted', async () => {
    const folder = '/run/huge'
    mkdirSync(folder)
    writeFileSync('/proc/sys/vm/nr_hugepages', '8')
    execFileSync('mount', ['-t', 'hugetlbfs', 'none', folder])
    try {
      const group = await groups.create({ hugetlb: { '2MB': '4MiB' } })
      const child = await groups.runIn(group, `fallocate -l 4M ${folder}/one && echo fits; fallocate -l 2M ${folder}/two || echo refused`)
      if (child.stdout === null) throw new Error('no stdout')
      expect(await text(child.stdout)).toBe('fits\nrefused\n')
      const pages = (await group.stats()).hugetlb['2MB']
      expect(pages).toMatchObject({ current: 4 << 20, max: 4 << 20 })
      expect(pages?.refused).toBeGreaterThan(0)
    } finally {
      execFileSync('umount', [folder])
      writeFileSync('/proc/sys/vm/nr_hugepages', '0')
    }
  })

  test('a cpuset holds for processes that are in the group already', async () => {
    const group = await groups.create({ cpuset: { cpus: '0-1' } })
    const child = await groups.runIn(group, 'read _; grep Cpus_allowed_list /proc/self/status', true)
    await group.update({ cpuset: { cpus: '1' } })
    child.stdin?.end('\n')
    if (child.stdout === null) throw new Error('no stdout')
    expect(await text(child.stdout)).toBe('Cpus_allowed_list:\t1\n')
  })

  test('what this machine has not is refused: RDMA devices, scarce resources, latency of I/O; nothing is made for what the kernel lacks', async () => {
    // Only where there is a group can be seen which files the kernel has.
    await groups.create({ io: { devices: [{ device, read: '1MB/s' }] } })
    const made: string[] = []
    const watcher = watch('/sys/fs/cgroup', (_, name) => {
      if (name?.startsWith(groups.prefix) === true) made.push(name)
    })
    try {
      await expect(groups.create({ io: { devices: [{ device, latency: 5 }] } })).rejects.toMatchObject({
        code: 'ERR_BOX_CGROUP_UNSUPPORTED',
        step: 'io.devices[0].latency',
      })
      expect(groups.left()).toHaveLength(1)
      const last = groups.nextName()
      await expect(Cgroup.create(last, { rdma: { mlx5_0: { handles: 3 } } })).rejects.toMatchObject({ errno: 'ENODEV' })
      await expect(groups.create({ misc: { sev: 1 } })).rejects.toMatchObject({ errno: 'EINVAL' })
      while (!made.includes(last)) await once(watcher, 'change')
      expect(made[0]).toBe(last)
    } finally {
      watcher.close()
    }
  })

  test('refused forks are told', async () => {
    const group = await groups.create({ pids: 3 })
    const refused = first(group.events({ kinds: ['pidsMax'] }), 'pidsMax')
    await groups.runIn(group, 'for i in 1 2 3 4; do sleep 60 & done; wait')
    expect((await refused).count).toBeGreaterThan(0)
  })

  // So slow, and with so many that wait, that the emulated disk keeps up however busy the machine below is: who stands still for half a second has as much work at hand.
  // The kernel lets whole operations through in each tenth of a second (block/blk-throttle.c).
  const transfers = [
    { what: 'bytes read', limit: { read: '1MiB/s' }, dd: 'if=FILE of=/dev/null iflag=direct bs=64k', count: 'readBytes', rate: 2 ** 20 },
    {
      what: 'bytes written',
      limit: { write: '1MiB/s' },
      dd: 'if=/dev/zero of=FILE oflag=direct conv=notrunc bs=64k count=16',
      count: 'writtenBytes',
      rate: 2 ** 20,
    },
    { what: 'reads', limit: { readOperations: '20/s' }, dd: 'if=FILE of=/dev/null iflag=direct bs=4k', count: 'reads', rate: 20 },
    {
      what: 'writes',
      limit: { writeOperations: '20/s' },
      dd: 'if=/dev/zero of=FILE oflag=direct conv=notrunc bs=4k count=256',
      count: 'writes',
      rate: 20,
    },
  ] as const
  test.each(transfers)('$what of a disk are held to their rate', async ({ limit, dd, count, rate }) => {
    // Blocks that are there are written in place, side by side.
    for (let number = 0; number < 16; number++) writeFileSync(`/data/file-${number}`, Buffer.alloc(1 << 20))
    execFileSync('sync')
    const group = await groups.create({ io: { devices: [{ device, ...limit }] } })
    const loop = `while :; do dd ${dd.replace('FILE', '/data/file-$i')}; done`
    await groups.runIn(group, `i=0; while [ $i -lt 16 ]; do ${loop} & i=$((i + 1)); done; wait`)
    const counted = ({ io }: Stats): number => io.find((it) => it.device === device)?.[count] ?? 0
    // Once all of them wait, what four seconds let through.
    const before = await until(group, (stats) => counted(stats) >= rate)
    const after = await until(group, (stats) => counted(stats) >= counted(before) + 4 * rate)
    const reached = ((counted(after) - counted(before)) * 1000) / (after.time - before.time) / rate
    expect(reached).toBeLessThan(1.1)
    expect(reached).toBeGreaterThan(0.9)
  })

  test('a limit of a group above holds for the groups below it', async () => {
    const outer = await groups.create({ cpus: 0.2, pids: 4 })
    const inner = groups.keep(await Cgroup.create('inner', { cpus: 1, pids: 100 }, { parent: outer }))
    const child = await groups.runIn(inner, 'for i in 1 2 3 4 5; do sleep 60 & done; wait')
    if (child.stderr === null) throw new Error('no stderr')
    const said = text(child.stderr)
    await once(child, 'exit')
    await inner.kill()
    expect(await said).toMatch(/fork/i)
    await groups.runIn(inner, 'while :; do :; done')
    expect(Math.abs((await cpuShare(outer, 0.2)) / 0.2 - 1)).toBeLessThan(0.1)
    await inner.close()
  })

  test('a file that no option names is written by its name', async () => {
    const group = await groups.create({ unified: { 'memory.swap.high': '1048576' } })
    const [child] = [await groups.runIn(group, `cat ${group.paths.v2}/memory.swap.high`)]
    if (child.stdout === null) throw new Error('no stdout')
    expect(await text(child.stdout)).toBe('1048576\n')
  })

  test('an update replaces the rules for devices', async () => {
    const group = await groups.create({ devices: [{ allow: false }] })
    await group.update({ devices: [{ allow: true }] })
    const child = await groups.runIn(group, 'cat /dev/null')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('a group that was opened by its name gets other rules for devices, and other bandwidth', async () => {
    const name = groups.nextName()
    groups.keep(await Cgroup.create(name, { devices: [{ allow: false }], network: { egressPackets: '1/s' } }))
    const opened = await Cgroup.open(name)
    await opened.update({ devices: [{ allow: true }], network: { egressPackets: 'max' } })
    const child = await groups.runIn(opened, 'cat /dev/null && ping -c 5 -i 0.1 127.0.0.1 > /dev/null')
    expect(await once(child, 'exit')).toEqual([0, null])
    expect((await opened.stats()).network).toMatchObject({ sentDroppedPackets: 0 })
    await opened.close()
  })

  test('what cgroup v2 lacks is refused by its name before anything is made', async () => {
    for (const [limits, step] of [
      [{ memory: { disableOomKiller: true } }, 'memory.disableOomKiller'],
      [{ memory: { swappiness: 10 } }, 'memory.swappiness'],
      [{ cpu: { realtime: { runtime: 10 } } }, 'cpu.realtime'],
    ] as const)
      await expect(groups.create(limits)).rejects.toMatchObject({ code: 'ERR_BOX_CGROUP_UNSUPPORTED', step })
  })
})
