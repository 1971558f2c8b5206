import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { text } from 'node:stream/consumers'
import { Cgroup } from '@box/cgroups'
import { LayerStore } from '@box/layers'
import { createRuntime } from '@box/runtime'
import { Groups, until } from '../../../packages/cgroups/test/groups.ts'
import { busyboxImage } from './busybox-image.ts'

const groups = new Groups()
const bus = '/run/dbus/system_bus_socket'

/** What systemd says of a unit: another program asks it. */
function shown(unit: string | undefined, ...properties: string[]): Record<string, string> {
  const said = execFileSync('systemctl', ['show', unit ?? '', ...properties.map((it) => `--property=${it}`)], { encoding: 'utf8' })
  return Object.fromEntries(
    said
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}

/** Resolves when a folder is gone. */
async function gone(folder: string): Promise<void> {
  const watcher = watch(dirname(folder))
  const abort = AbortSignal.timeout(60_000)
  try {
    while (existsSync(folder)) await once(watcher, 'change', { signal: abort })
  } finally {
    watcher.close()
  }
}

describe('a scope of systemd', () => {
  afterEach(async () => {
    await groups.closeAll()
    expect(groups.left()).toEqual([])
  })

  const name = (group: Cgroup): string => (group.unit ?? '').replace(/\.scope$/, '')

  test.each([
    ['its own socket', true],
    ['a message bus', { bus, slice: 'machine.slice', description: 'of a test' }],
  ] as const)('is asked for over %s, holds the group and its limits, and is gone after close', async (_, systemd) => {
    const limits = { pids: 3, memory: { max: '64MiB', low: '8MiB' }, cpus: 0.5, cpu: { weight: 50 } } as const
    const group = await groups.create(limits, { systemd })
    const slice = systemd === true ? 'system.slice' : 'machine.slice'
    expect(group.paths.v2).toBe(`/sys/fs/cgroup/${slice}/${group.unit}/${name(group)}`)
    expect(
      shown(group.unit, 'ActiveState', 'Delegate', 'Slice', 'TasksMax', 'MemoryMax', 'MemoryLow', 'CPUWeight', 'CPUQuotaPerSecUSec'),
    ).toEqual({
      ActiveState: 'active',
      Delegate: 'yes',
      Slice: slice,
      TasksMax: '4',
      MemoryMax: `${68 << 20}`,
      MemoryLow: `${8 << 20}`,
      CPUWeight: '50',
      CPUQuotaPerSecUSec: '500ms',
    })
    const child = await groups.runIn(group, 'for i in 1 2 3 4; do sleep 60 & done; wait')
    await until(group, ({ pids }) => (pids.refused ?? 0) > 0)
    expect((await group.stats()).pids).toMatchObject({ max: 3, peak: 3 })
    const folder = dirname(group.paths.v2 ?? '')
    expect(readFileSync(`${folder}/cpu.weight`, 'utf8')).toBe('50\n')
    await group.close()
    expect(existsSync(folder)).toBe(false)
    expect(shown(group.unit, 'LoadState', 'ActiveState')).toEqual({ LoadState: 'not-found', ActiveState: 'inactive' })
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })

  test('an update changes the unit too, and both stay when systemd reads its configuration again', async () => {
    const group = await groups.create({ pids: 3 }, { systemd: true })
    await group.update({ pids: 20, cpus: 0.25, cpu: { weight: 200 } })
    execFileSync('systemctl', ['daemon-reload'])
    expect(shown(group.unit, 'TasksMax', 'CPUQuotaPerSecUSec', 'CPUWeight')).toEqual({
      TasksMax: '21',
      CPUQuotaPerSecUSec: '250ms',
      CPUWeight: '200',
    })
    expect((await group.stats()).pids.max).toBe(20)
    await expect(group.update({ pids: 5, unified: { 'cpu.max': 'nonsense' } })).rejects.toMatchObject({ code: 'ERR_BOX_SYSTEM' })
    expect(shown(group.unit, 'TasksMax')).toEqual({ TasksMax: '21' })
    expect((await group.stats()).pids.max).toBe(20)
  })

  test('a scope of that name is not touched', async () => {
    const group = await groups.create({}, { systemd: true })
    await expect(Cgroup.create(name(group), {}, { systemd: true })).rejects.toMatchObject({ code: 'ERR_BOX_CGROUP_EXISTS' })
    expect(shown(group.unit, 'ActiveState')).toEqual({ ActiveState: 'active' })
  })

  test('nothing is left of a scope whose group cannot be made', async () => {
    const refused = groups.nextName()
    await expect(Cgroup.create(refused, { cpuset: { mems: '999' } }, { systemd: true })).rejects.toMatchObject({ code: 'ERR_BOX_SYSTEM' })
    expect(shown(`${refused}.scope`, 'LoadState')).toEqual({ LoadState: 'not-found' })
  })

  test('a scope whose owner is killed is ended by systemd', async () => {
    const owner = spawn(process.execPath, [process.argv[1] ?? '', 'abandon'], { stdio: ['pipe', 'pipe', 'inherit'] })
    const [said]: unknown[] = await once(owner.stdout, 'data')
    const folder = dirname(String(said).trim())
    expect(existsSync(folder)).toBe(true)
    owner.kill('SIGKILL')
    await gone(folder)
    expect(shown('box-groups-abandoned.scope', 'ActiveState')).toEqual({ ActiveState: 'inactive' })
  })

  test('a container runs in one', async () => {
    const store = await LayerStore.open('/data/store-of-scopes')
    const cgroups: Pick<typeof Cgroup, 'create'> = {
      create: (unit, limits, options) => Cgroup.create(unit, limits, { ...options, systemd: { slice: 'machine.slice' } }),
    }
    const runtime = createRuntime({ store, cgroups })
    try {
      const container = await runtime.start(await busyboxImage(store), ['sleep', '60'], { limits: { pids: 8 }, userns: 'host' })
      const unit = container.cgroup?.unit
      expect(readFileSync(`/proc/${container.pid}/cgroup`, 'utf8')).toMatch(/^0::\/machine\.slice\/.+\.scope\//)
      expect(shown(unit, 'ActiveState', 'TasksMax')).toEqual({ ActiveState: 'active', TasksMax: '9' })
      await container.close()
      expect(shown(unit, 'LoadState')).toEqual({ LoadState: 'not-found' })
    } finally {
      await runtime.close()
      await store.close()
    }
  })

  test('an ordinary user gets one of its own manager, and none of the system', async () => {
    const child = spawn(process.execPath, [process.argv[1] ?? '', 'user'], { uid: 1000, gid: 1000, stdio: ['ignore', 'pipe', 'inherit'] })
    const outcome: unknown = JSON.parse(await text(child.stdout))
    expect(outcome).toMatchObject({
      uid: 1000,
      refused: { code: 'ERR_BOX_PERMISSION' },
      unit: 'box-groups-user.scope',
      folder: expect.stringMatching(/\/user@1000\.service\/.*box-groups-user\.scope\/box-groups-user$/),
      pids: { max: 3, peak: 3 },
      max: 32 << 20,
    })
  })
})
