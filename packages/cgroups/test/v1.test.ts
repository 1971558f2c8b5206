import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { thisHost } from '../src/hierarchies/host.ts'
import type { CgroupEvent } from '../src/index.ts'
import { Groups, ratePerSecond } from './groups.ts'

const v1 = process.platform === 'linux' ? thisHost().hierarchies.v1.flatMap(({ controllers }) => controllers) : []
const onV1 = process.getuid?.() === 0 && v1.includes('memory') && v1.includes('cpu') ? describe : describe.skip

const groups = new Groups()

onV1('cgroup v1 of this machine', () => {
  afterEach(async () => {
    await groups.closeAll()
    expect(groups.left()).toEqual([])
  })

  async function first(events: AsyncGenerator<CgroupEvent, void, void>): Promise<CgroupEvent> {
    for await (const event of events) return event
    throw new Error('the events ended')
  }

  test('an OOM kill is told, and who was ended where the kernel says it', async () => {
    const group = await groups.create({ memory: '16MiB' })
    const told = first(group.events({ kinds: ['oomKill'] }))
    const child = await groups.runIn(group, 'exec dd if=/dev/zero of=/dev/null bs=200M count=1')
    const event = await told
    expect(event).toMatchObject({ kind: 'oomKill', count: 1 })
    // The kernel names no more than ten in five seconds on the whole machine.
    expect([child.pid, undefined]).toContain(event.process?.pid)
    if (event.process !== undefined)
      expect(event.process).toMatchObject({ command: 'dd', uid: 0, limit: expect.stringContaining(groups.prefix) })
  })

  test('a kill in another group is not told', async () => {
    const [group, other] = [await groups.create({ memory: '64MiB' }), await groups.create({ memory: '16MiB' })]
    const kills = group.events({ kinds: ['oomKill'] })
    const seen: CgroupEvent[] = []
    const watching = (async () => {
      for await (const event of kills) seen.push(event)
    })()
    const told = first(other.events({ kinds: ['oomKill'] }))
    await groups.runIn(other, 'exec dd if=/dev/zero of=/dev/null bs=200M count=1')
    await told
    await group.close()
    await watching
    expect(seen).toEqual([])
  })

  test('memory that becomes short is told by its level', async () => {
    const group = await groups.create({ memory: '16MiB' })
    const trigger = { resource: 'memory', level: 'low' } as const
    const told = first(group.events({ kinds: ['pressure'], pressure: [trigger] }))
    const folder = mkdtempSync('/var/tmp/box-test-pressure-')
    try {
      // Nothing has read this file before: its pages are the group's, and above the limit they are reclaimed. They are holes, and not on the disk.
      await groups.runIn(group, `truncate -s 1G ${folder}/file; exec cat ${folder}/file > /dev/null`)
      expect(await told).toMatchObject({ kind: 'pressure', trigger })
    } finally {
      rmSync(folder, { recursive: true })
    }
    expect(() => group.events({ pressure: [{ resource: 'memory', level: JSON.parse('"none"') }] })).toThrow(
      expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }),
    )
  })

  test('an idle group gets almost nothing of a CPU that another one wants', async () => {
    const busy = await groups.create({ cpuset: { cpus: '0' } })
    const idle = await groups.create({ cpu: { idle: true }, cpuset: { cpus: '0' } })
    for (const group of [busy, idle]) await groups.runIn(group, 'while :; do :; done')
    const [wanted, left] = await Promise.all([busy, idle].map((group) => ratePerSecond(group, ({ cpu }) => cpu.usage)))
    expect((left ?? 0) / (wanted ?? 0)).toBeLessThan(0.1)
  })

  test('real-time threads get what realtime allows, and no more', async () => {
    const group = await groups.create({ cpu: { realtime: { runtime: 20, period: 200 } } })
    const folder = group.paths.v1.find((path) => path.includes('/cpu/')) ?? ''
    expect(readFileSync(`${folder}/cpu.rt_runtime_us`, 'utf8')).toBe('20000\n')
    const child = await groups.runIn(group, 'exec chrt -f 1 sh -c "while :; do :; done"')
    expect(await ratePerSecond(group, ({ cpu }) => cpu.usage)).toBeLessThan(130)
    child.kill('SIGKILL')
    const without = await groups.create({ cpus: 1 })
    const refused = await groups.runIn(without, 'exec chrt -f 1 true')
    if (refused.stderr === null) throw new Error('no stderr')
    const said = text(refused.stderr)
    expect(await once(refused, 'exit')).toEqual([1, null])
    expect(await said).toMatch(/not permitted/)
  })
})
