import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { checkLimits } from '../src/check.ts'
import { createPlaces } from '../src/create.ts'
import { DeviceFilter } from '../src/devices.ts'
import { thisHost } from '../src/hierarchies/host.ts'
import { Cgroup, type Stats } from '../src/index.ts'
import { markName, thisProcess } from '../src/names.ts'
import { cpuShare, Groups, until } from './groups.ts'

const asRoot = process.getuid?.() === 0 ? describe : describe.skip

const groups = new Groups()

asRoot('on this machine', () => {
  const huge = (process.getuid?.() === 0 && process.platform === 'linux' && thisHost().hierarchies.v2?.mountPoint) || ''
  const enabled = huge === '' || readFileSync(`${huge}/cgroup.subtree_control`, 'utf8').includes('hugetlb')
  // What a group needs is enabled above it and stays so for others; here there are none.
  afterAll(() => {
    if (!enabled) writeFileSync(`${huge}/cgroup.subtree_control`, '-hugetlb')
  })

  afterEach(async () => {
    await groups.closeAll()
    expect(groups.left()).toEqual([])
  })

  test('a busy loop gets its share of CPU time, and another one after an update', async () => {
    // The weight lets it have its share on a busy machine, so that the limit alone decides.
    const group = await groups.create({ cpus: 0.2, cpu: { weight: 10_000 } })
    await groups.runIn(group, 'while :; do :; done')
    expect(Math.abs((await cpuShare(group, 0.2)) - 0.2)).toBeLessThan(0.02)
    await group.update({ cpus: 0.1 })
    expect(Math.abs((await cpuShare(group, 0.1)) - 0.1)).toBeLessThan(0.01)
    const { cpu } = await group.stats()
    expect(cpu.throttledPeriods).toBeGreaterThan(0)
    expect(cpu.throttled).toBeGreaterThan(0)
  }, 20_000)

  test('an allocation beyond the limit is killed and counted', async () => {
    const group = await groups.create({ memory: '16MiB' })
    const child = await groups.runIn(group, 'exec dd if=/dev/zero of=/dev/null bs=200M count=1')
    const [code, signal] = await once(child, 'exit')
    expect([code, signal]).toEqual([null, 'SIGKILL'])
    const { memory } = await group.stats()
    expect(memory.oomKills).toBe(1)
    expect(memory.max).toBe(16 * 2 ** 20)
    expect(memory.peak).toBeGreaterThan(15 * 2 ** 20)
    expect(memory.peak).toBeLessThanOrEqual(16 * 2 ** 20)
  })

  test('running out of memory is told, and the end of the group is the end of its events', async () => {
    const group = await groups.create({ memory: '16MiB' })
    const events = group.events({ kinds: ['oom'] })
    const told = events.next()
    await groups.runIn(group, 'exec dd if=/dev/zero of=/dev/null bs=200M count=1')
    expect(await told).toMatchObject({ done: false, value: { kind: 'oom' } })
    await group.kill()
    const rest = (async () => {
      for await (const { kind } of events) expect(kind).toBe('oom')
    })()
    await group.close()
    await rest
  })

  test('stalls above a threshold are told', async () => {
    // It stalls because of its limit, so no other process has to wait for it.
    const group = await groups.create({ cpus: 0.1 })
    const trigger = { resource: 'cpu', stall: 100 } as const
    const events = group.events({ kinds: ['pressure'], pressure: [trigger] })
    const told = events.next()
    await groups.runIn(group, 'while :; do :; done')
    expect(await told).toMatchObject({ value: { kind: 'pressure', trigger } })
    await group.kill()
    await events.return()
    expect((await group.stats()).pressure.cpu?.some.total).toBeGreaterThan(100)
  })

  test('memory is counted by kind', async () => {
    const group = await groups.create({ memory: '256MiB' })
    await groups.runIn(group, 'exec dd if=/dev/zero of=/dev/null bs=32M')
    const { memory } = await until(group, (stats) => (stats.memory.anonymous ?? 0) > 31 * 2 ** 20)
    expect(memory.current).toBeGreaterThan(31 * 2 ** 20)
    expect(memory.file).toBeLessThan(16 * 2 ** 20)
  })

  test('forks beyond the limit fail and are counted', async () => {
    const group = await groups.create({ pids: 3 })
    const child = await groups.runIn(group, 'for i in 1 2 3 4; do sleep 60 & done; wait')
    if (child.stderr === null) throw new Error('no stderr')
    const said = text(child.stderr)
    await once(child, 'exit')
    const { pids } = await group.stats()
    expect(pids).toMatchObject({ max: 3, peak: 3 })
    expect(pids.refused).toBeGreaterThan(0)
    expect(pids.current).toBeLessThanOrEqual(3)
    await group.kill()
    expect(await said).toMatch(/fork/i)
  })

  test('a limit is raised and lowered below what is used, in any order that the kernel asks for', async () => {
    const group = await groups.create({ memory: { max: '32MiB', swap: 0 } })
    await group.update({ memory: { max: '64MiB', swap: 0 } })
    await group.update({ memory: { max: '16MiB', swap: 0 } })
    expect((await group.stats()).memory.max).toBe(16 * 2 ** 20)
    expect((await group.stats()).swap.max ?? 0).toBe(0)
    await group.update({ cpus: 1, cpu: { burst: 50 } })
    await group.update({ cpus: 0.1, cpu: { burst: 5 } })
  })

  test('an update that the kernel refuses changes nothing', async () => {
    const group = await groups.create({ cpus: 0.5, pids: 10 })
    await expect(group.update({ cpus: 0.3, cpu: { burst: 1e9 } })).rejects.toMatchObject({ code: 'ERR_BOX_SYSTEM', errno: 'EINVAL' })
    const cpu = group.paths.v1.find((path) => existsSync(`${path}/cpu.cfs_quota_us`))
    if (cpu !== undefined) expect(readCpuQuota(cpu)).toBe('50000')
  })

  test('a read is counted by device', async () => {
    const { dev } = statSync(process.execPath)
    // Since Linux 6.10 a device counts for v1 only once it has a limit.
    const group = await groups.create({ io: { devices: [{ device: `${dev >> 8}:${dev & 255}`, read: '10GB/s' }] } })
    const child = await groups.runIn(group, `exec dd if=${process.execPath} of=/dev/null iflag=direct bs=64k count=64`)
    await once(child, 'exit')
    const { io } = await group.stats()
    expect(io.reduce((sum, it) => sum + it.readBytes, 0)).toBeGreaterThan(1e6)
  })

  const script = 'cat /dev/null && echo null; cat /dev/zero | head -c 1 > /dev/null || echo no zero; head -c 1 /dev/zero && echo zero'
  test('devices are allowed one by one', async () => {
    const group = await groups.create({ devices: [{ allow: false }, { allow: true, type: 'c', major: 1, minor: 3 }] })
    const child = await groups.runIn(group, script)
    if (child.stdout === null) throw new Error('no stdout')
    expect(await text(child.stdout)).toBe('null\n')
  })

  test('devices are allowed by a program on the v2 group, and others after an update', async () => {
    const group = await groups.create()
    const { devices } = checkLimits({ devices: [{ allow: false }, { allow: true, type: 'c', major: 1, minor: 3 }] })
    const filter = DeviceFilter.attach(devices, group.paths.v2)
    try {
      const said = async (): Promise<string> => {
        const child = await groups.runIn(group, script)
        if (child.stdout === null) throw new Error('no stdout')
        return await text(child.stdout)
      }
      expect(await said()).toBe('null\n')
      filter.replace(checkLimits({ devices: [{ allow: false, type: 'c', major: 1, minor: 5, access: 'w' }] }).devices)
      expect(await said()).toBe('null\n\0zero\n')
      filter.replace(checkLimits({ devices: [{ allow: false, type: 'c', major: 1, minor: 5, access: 'r' }] }).devices)
      expect(await said()).toBe('null\n')
    } finally {
      filter.close()
    }
  })

  test('a cpuset holds', async () => {
    const group = await groups.create({ cpuset: { cpus: '0' } })
    const child = await groups.runIn(group, 'grep Cpus_allowed_list /proc/self/status')
    if (child.stdout === null) throw new Error('no stdout')
    expect(await text(child.stdout)).toBe('Cpus_allowed_list:\t0\n')
  })

  test('a frozen group uses no CPU time, a thawed one goes on', async () => {
    const group = await groups.create()
    await groups.runIn(group, 'while :; do :; done')
    await until(group, (stats) => (stats.cpu.usage ?? 0) > 50)
    await group.freeze()
    const before = await group.stats()
    const after = await until(group, (stats) => stats.time >= before.time + 300)
    expect(after.cpu.usage).toBe(before.cpu.usage)
    await group.thaw()
    await until(group, (stats) => (stats.cpu.usage ?? 0) > (before.cpu.usage ?? 0) + 50)
  })

  test('kill ends every process, those that fork meanwhile too', async () => {
    const group = await groups.create()
    const child = await groups.runIn(group, 'while :; do sleep 60 & sleep 0.001; done')
    await until(group, (stats) => (stats.pids.current ?? 0) > 10)
    expect((await group.processes()).length).toBeGreaterThan(5)
    await group.kill()
    const [, signal] = await once(child, 'exit')
    expect(signal).toBe('SIGKILL')
    await until(group, (stats) => stats.pids.current === 0)
    expect(await group.processes()).toEqual([])
  })

  test('a frozen group can be closed', async () => {
    const group = await groups.create()
    const child = await groups.runIn(group, 'sleep 60')
    await group.freeze()
    await group.close()
    expect(child.signalCode ?? (await once(child, 'exit'))[1]).toBe('SIGKILL')
  })

  test('close removes the groups that processes have made below', async () => {
    const group = await groups.create()
    const inner = await Cgroup.create('inner', { pids: 5 }, { parent: group })
    for (const path of [inner.paths.v2, ...inner.paths.v1]) if (path !== undefined) mkdirSync(`${path}/deeper`)
    await groups.runIn(inner, 'sleep 60')
    await group.close()
    await inner.close()
  })

  test('close is idempotent, and ends watchers and every other call', async () => {
    const group = await groups.create()
    const watched: Stats[] = []
    const watching = (async () => {
      for await (const stats of group.watch({ interval: 60_000 })) watched.push(stats)
    })()
    await Promise.all([group.close(), group.close()])
    await group.close()
    await watching
    expect(watched.length).toBeLessThanOrEqual(1)
    await expect(group.stats()).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
    await expect(group.add(process.pid)).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
    await expect(group.kill()).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
  })

  test('watch tells of changes alone, and does not look while the group is empty or frozen', async () => {
    const [group, other] = [await groups.create(), await groups.create()]
    const seen: Stats[] = []
    const watching = (async () => {
      for await (const stats of group.watch({ interval: 1 })) seen.push(stats)
    })()
    // What another process does takes longer than the interval.
    const meanwhile = async (): Promise<number> => {
      await once(await groups.runIn(other, 'exit'), 'exit')
      return seen.length
    }
    expect([await meanwhile(), await meanwhile()]).toEqual([1, 1])
    await groups.runIn(group, 'while :; do :; done')
    await until(group, (stats) => (stats.cpu.usage ?? 0) > 50)
    expect(seen.length).toBeGreaterThan(1)
    await group.freeze()
    const before = await meanwhile()
    expect(await meanwhile()).toBe(before)
    await group.close()
    await watching
  })

  test('watch rejects with the reason of its signal', async () => {
    const group = await groups.create()
    const abort = new AbortController()
    const reason = new Error('enough')
    const watching = (async () => {
      for await (const _ of group.watch({ interval: 60_000, signal: abort.signal })) abort.abort(reason)
    })()
    await expect(watching).rejects.toBe(reason)
  })

  test('this process is never ended: it goes back to the group above', async () => {
    const before = await Cgroup.of(process.pid)
    const group = await groups.create()
    const child = await groups.runIn(group, 'sleep 60')
    await group.add(process.pid)
    expect(await group.processes()).toContain(process.pid)
    await expect(group.freeze()).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
    await group.close()
    expect(child.signalCode ?? (await once(child, 'exit'))[1]).toBe('SIGKILL')
    expect((await Cgroup.of(process.pid)).paths).toEqual(before.paths)
  })

  test('a group of that name is not touched, in whichever hierarchy it is', async () => {
    const first = await groups.create()
    const places = [first.paths.v2, ...first.paths.v1].filter((path) => path !== undefined)
    await first.close()
    for (const path of places) {
      mkdirSync(path)
      const name = path.slice(path.lastIndexOf('/') + 1)
      await expect(Cgroup.create(name, { pids: 5 })).rejects.toMatchObject({ code: 'ERR_BOX_CGROUP_EXISTS', path })
      expect(groups.left()).toEqual([path])
      rmdirSync(path)
    }
  })

  test('nothing is left of a group whose limits the kernel refuses', async () => {
    await expect(groups.create({ cpuset: { mems: '999' } })).rejects.toMatchObject({ code: 'ERR_BOX_SYSTEM' })
    await expect(groups.create({ io: { devices: [{ device: '4000:1', read: '1MB/s' }] } })).rejects.toMatchObject({ step: undefined })
    await expect(groups.create({ hugetlb: { '3MB': 0 } })).rejects.toMatchObject({
      code: 'ERR_BOX_CGROUP_UNSUPPORTED',
      step: 'hugetlb.3MB',
    })
    expect(groups.left()).toEqual([])
  })

  const onV2 = huge !== '' && readFileSync(`${huge}/cgroup.controllers`, 'utf8').includes('hugetlb') ? test : test.skip
  onV2('on v2 a group that holds this process cannot give controllers below it, until the process moves itself', async () => {
    const before = await Cgroup.of(process.pid)
    const outer = await groups.create({ hugetlb: { '2MB': '8MiB' } })
    expect((await outer.stats()).hugetlb['2MB']).toMatchObject({ current: 0, max: 8 * 2 ** 20 })
    await outer.add(process.pid)
    try {
      const limits = { hugetlb: { '2MB': '4MiB' } } as const
      await expect(groups.create(limits)).rejects.toMatchObject({ code: 'ERR_BOX_CGROUP_BUSY', errno: 'EBUSY' })
      expect(readdirSync(outer.paths.v2 ?? '').filter((name) => name.startsWith('box-'))).toEqual([])
      for (const moveSelf of [true, false]) {
        // The second finds its way from where the first has moved the process to.
        const inner = await groups.create(limits, { moveSelf })
        expect(inner.paths.v2?.startsWith(`${outer.paths.v2}/${groups.prefix}`)).toBe(true)
        expect((await inner.stats()).hugetlb['2MB']?.max).toBe(4 * 2 ** 20)
        await inner.close()
      }
    } finally {
      await outer.close()
    }
    expect((await Cgroup.of(process.pid)).paths).toEqual(before.paths)
  })

  test('a process that does not exist cannot be added or viewed', async () => {
    const group = await groups.create()
    await expect(group.add(4_194_305)).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
    await expect(group.add(0)).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
    await expect(Cgroup.of(4_194_305)).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
  })

  test('a view shows the group of a process and never removes it', async () => {
    const group = await groups.create({ pids: 7 })
    const { pid } = await groups.runIn(group, 'exec sleep 60')
    const view = await Cgroup.of(pid)
    expect(view.paths.v2).toBe(group.paths.v2)
    expect(view.paths.v1).toEqual(expect.arrayContaining([...group.paths.v1]))
    expect((await view.stats()).pids.max).toBe(7)
    await view.close()
    expect(await group.processes()).toEqual([pid])
  })

  test('the top of a hierarchy cannot be killed or frozen', async () => {
    const view = await Cgroup.of(1)
    await expect(view.kill()).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
    await expect(view.freeze()).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
  })

  test('sweep removes what dead processes have left, and only that', async () => {
    const living = await groups.create({}, { temporary: true })
    const unmarked = await groups.create()
    const folder = unmarked.paths.v2 ?? unmarked.paths.v1[0] ?? ''
    const dead = markName(`${groups.prefix}dead`, { ...thisProcess(), start: '1' })
    const foreign = markName(`${groups.prefix}foreign`, { ...thisProcess(), start: '1', namespace: '1' })
    for (const path of [unmarked.paths.v2, ...unmarked.paths.v1])
      if (path !== undefined) mkdirSync(`${path.slice(0, path.lastIndexOf('/'))}/${dead}`)
    const above = folder.slice(0, folder.lastIndexOf('/'))
    mkdirSync(`${above}/${foreign}`)
    const child = spawn('sleep', ['60'])
    writeFileSync(`${above}/${dead}/cgroup.procs`, `${child.pid}`)
    expect(await Cgroup.sweep(groups.prefix)).toEqual([`${groups.prefix}dead`])
    expect(child.signalCode ?? (await once(child, 'exit'))[1]).toBe('SIGKILL')
    expect(await living.processes()).toEqual([])
    rmdirSync(`${above}/${foreign}`)
  })

  test('without v2 everything works by the freezer and signals', async () => {
    const { hierarchies, ...rest } = thisHost()
    if (hierarchies.v1.length === 0) return
    const host = { ...rest, hierarchies: { ...hierarchies, v2: undefined } }
    const options = { parent: undefined, controllers: undefined, temporary: false, moveSelf: false }
    const group = groups.keep(new Cgroup(host, await createPlaces(host, groups.nextName(), checkLimits({ pids: 50 }), options), 'owner'))
    expect(group.paths.v2).toBeUndefined()
    await groups.runIn(group, 'while :; do sleep 60 & sleep 0.001; done')
    await until(group, (stats) => (stats.pids.current ?? 0) > 10)
    await group.freeze()
    const before = await group.stats()
    const after = await until(group, (stats) => stats.time >= before.time + 200)
    expect(after.cpu.usage).toBe(before.cpu.usage)
    await group.thaw()
    await group.kill()
    await until(group, (stats) => stats.pids.current === 0)
    const child = await groups.runIn(group, 'sleep 60')
    await group.close()
    expect(child.signalCode ?? (await once(child, 'exit'))[1]).toBe('SIGKILL')
  }, 20_000)
})

function readCpuQuota(folder: string): string {
  return readFileSync(`${folder}/cpu.cfs_quota_us`, 'utf8').trim()
}
