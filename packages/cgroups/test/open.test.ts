import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { join } from 'node:path'
import { Cgroup } from '../src/index.ts'
import { Groups } from './groups.ts'

const asRoot = process.getuid?.() === 0 ? describe : describe.skip

const groups = new Groups()

asRoot('a group that another process has made', () => {
  afterEach(async () => {
    await groups.closeAll()
    expect(groups.left()).toEqual([])
  })

  /** Another process makes the group and ends. */
  function made(name: string, limits: object): void {
    const source = `
      const { Cgroup } = await import(${JSON.stringify(join(__dirname, '../dist/index.js'))})
      await Cgroup.create(${JSON.stringify(name)}, ${JSON.stringify(limits)})
    `
    execFileSync(process.execPath, ['--input-type=module', '-e', source], { stdio: 'inherit' })
  }

  async function sent30(group: Cgroup): Promise<{ readonly sent: number; readonly dropped: number }> {
    const before = (await group.stats()).network
    const child = await groups.runIn(group, 'exec bash -c "for i in {1..30}; do echo x > /dev/udp/127.0.0.1/9; done"')
    await once(child, 'exit')
    const { network } = await group.stats()
    return {
      sent: (network.sentPackets ?? 0) - (before.sentPackets ?? 0),
      dropped: (network.sentDroppedPackets ?? 0) - (before.sentDroppedPackets ?? 0),
    }
  }

  test('is opened by its name: its bandwidth is counted, changed in part, and taken away', async () => {
    const name = groups.nextName()
    made(name, { network: { egressPackets: '4/s', ingress: '1gbit' } })
    const group = groups.keep(await Cgroup.open(name, { own: true }))
    expect((await sent30(group)).dropped).toBeGreaterThan(0)
    await group.update({ network: { egressPackets: 'max' } })
    expect((await sent30(group)).dropped).toBe(0)
    const other = await Cgroup.open(name)
    await other.update({ network: { egressPackets: '4/s' } })
    expect((await other.stats()).network.sentPackets).toBe((await group.stats()).network.sentPackets)
    await other.close()
    expect((await sent30(group)).dropped).toBeGreaterThan(0)
  })

  test('gets bandwidth that it did not have', async () => {
    const name = groups.nextName()
    made(name, { pids: 20 })
    const group = groups.keep(await Cgroup.open(name, { own: true }))
    expect((await group.stats()).network.sent).toBeUndefined()
    await group.update({ pids: 30, network: { egressPackets: '4/s' } })
    expect((await group.stats()).pids.max).toBe(30)
    expect((await sent30(group)).dropped).toBeGreaterThan(0)
  })

  test('gets other rules for devices', async () => {
    const name = groups.nextName()
    const nothing = { allow: true, type: 'c', major: 1, minor: 3 } as const
    made(name, { devices: [{ allow: false }, nothing] })
    const group = groups.keep(await Cgroup.open(name, { own: true }))
    const said = async (): Promise<string> => {
      const child = await groups.runIn(group, 'cat /dev/null && echo null; head -c 1 /dev/zero > /dev/null && echo zero')
      if (child.stdout === null) throw new Error('no stdout')
      return await text(child.stdout)
    }
    expect(await said()).toBe('null\n')
    await group.update({ devices: [{ allow: false }, nothing, { allow: true, type: 'c', major: 1, minor: 5 }] })
    expect(await said()).toBe('null\nzero\n')
  })

  test('stays when the handle of a guest is closed, and goes with that of an owner', async () => {
    const name = groups.nextName()
    made(name, { pids: 5 })
    const guest = await Cgroup.open(name)
    await guest.close()
    const owner = await Cgroup.open(name, { own: true })
    await groups.runIn(owner, 'sleep 60')
    await owner.close()
    await expect(Cgroup.open(name)).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
    await expect(Cgroup.open('../x')).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
  })
})
