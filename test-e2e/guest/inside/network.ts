import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { Cgroup } from '@box/cgroups'
import { Groups } from '../../../packages/cgroups/test/groups.ts'

const groups = new Groups()

/** What a process does that finds a v1 hierarchy beside v2; the program prints what came of it. */
export async function markPackets(): Promise<void> {
  const group = await Cgroup.create('marked', { network: { classId: 0x10_0001, priorities: { lo: 3 } } }, { controllers: [] })
  const [folder] = group.paths.v1
  const file = (name: string): string => readFileSync(`${folder}/${name}`, 'utf8').trim()
  const outcome = { classId: file('net_cls.classid'), priorities: file('net_prio.ifpriomap').split('\n') }
  await group.close()
  process.stdout.write(JSON.stringify(outcome))
}

describe('network', () => {
  afterEach(() => groups.closeAll())

  test('packets of a group are counted and held to their rate', async () => {
    const group = await groups.create({ network: { egress: '100mbit', egressPackets: '5/s' } })
    const child = await groups.runIn(group, 'ping -c 20 -i 0.05 -W 1 127.0.0.1')
    await once(child, 'exit')
    const { network } = await group.stats()
    expect(network.sentPackets).toBeGreaterThan(0)
    expect(network.sentDroppedPackets).toBeGreaterThan(0)
    expect(network.receivedDroppedPackets).toBe(0)
  })

  test('classes and priorities of packets are written to v1 hierarchies beside v2', () => {
    const folder = '/run/marks'
    mkdirSync(folder)
    execFileSync('mount', ['-t', 'cgroup', '-o', 'net_cls,net_prio', 'none', folder])
    try {
      const outcome: unknown = JSON.parse(execFileSync(process.execPath, [process.argv[1] ?? '', 'mark'], { encoding: 'utf8' }))
      expect(outcome).toEqual({ classId: String(0x10_0001), priorities: expect.arrayContaining(['lo 3']) })
    } finally {
      execFileSync('umount', [folder])
    }
  })
})
