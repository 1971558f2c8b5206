import { execFileSync } from 'node:child_process'
import { Cgroup } from '../src/index.ts'
import { closeAll, create, inNamespace, measure, transfer } from './transfers.ts'

const asRoot = process.getuid?.() === 0 ? describe : describe.skip

asRoot('bandwidth', () => {
  afterEach(closeAll)

  test('a lone paced stream loses nothing', async () => {
    const { rate, network } = await measure('100mbit', { protocol: 'tcp', end: 'sender' })
    expect(rate / 1e8).toBeGreaterThan(0.9)
    expect(network.sentDroppedPackets).toBe(0)
  }, 30_000)

  test.each(['egressPackets', 'ingressPackets'] as const)(
    'holds UDP to packets a second by %s, and all of them after an update',
    async (option) => {
      const group = await create({ [option]: '2000/s' })
      const end = option === 'egressPackets' ? 'sender' : 'receiver'
      const rate = await transfer(group, { protocol: 'udp', end })
      // The receiver counts headers too.
      expect(Math.abs(rate / 8 / 1428 / 2000 - 1)).toBeLessThan(0.1)
      const { network } = await group.stats()
      const [passed, dropped] =
        end === 'sender' ? [network.sentPackets, network.sentDroppedPackets] : [network.receivedPackets, network.receivedDroppedPackets]
      expect(passed).toBeGreaterThan(2000 * 5)
      expect(dropped).toBeGreaterThan(0)
      await group.update({ network: { [option]: 'max' } })
      expect(await transfer(group, { protocol: 'udp', end })).toBeGreaterThan(rate * 1.5)
    },
    40_000,
  )

  test('bits and packets are limited together: the lower one decides', async () => {
    const { rate } = await measure({ egress: '10mbit', egressPackets: '100/s' }, { protocol: 'udp', end: 'sender' })
    expect(Math.abs(rate / 8 / 1428 / 100 - 1)).toBeLessThan(0.1)
    const other = await measure({ egress: '10mbit', egressPackets: '5000/s' }, { protocol: 'udp', end: 'sender' })
    expect(Math.abs(other.rate / 1e7 - 1)).toBeLessThan(0.1)
  }, 40_000)

  test('without a number it counts and limits nothing', async () => {
    const { rate, network } = await measure('max', { protocol: 'tcp', end: 'sender' })
    expect(rate).toBeGreaterThan(1e9)
    expect(network.sent).toBeGreaterThan(rate / 8)
    expect(network.sentDropped).toBe(0)
  }, 30_000)

  test('sockets in other network namespaces are held too', async () => {
    const [near, far] = [await inNamespace(), await inNamespace()]
    const ip = (namespace: string, ...args: string[]): void =>
      void execFileSync('nsenter', [`--net=/proc/${namespace}/ns/net`, 'ip', ...args])
    try {
      ip(near, 'link', 'add', 'veth0', 'type', 'veth', 'peer', 'name', 'veth0', 'netns', far)
      for (const [name, address] of [
        [near, '10.99.0.1/24'],
        [far, '10.99.0.2/24'],
      ] as const) {
        ip(name, 'address', 'add', address, 'dev', 'veth0')
        ip(name, 'link', 'set', 'veth0', 'up')
      }
      const namespaces = { sender: near, receiver: far, address: '10.99.0.2' }
      const [tcp, udp] = await Promise.all([
        measure({ egress: '100mbit' }, { protocol: 'tcp', end: 'sender', namespaces }),
        measure({ ingress: '10mbit' }, { protocol: 'udp', end: 'receiver', namespaces }),
      ])
      expect(Math.abs(tcp.rate / 1e8 - 1)).toBeLessThan(0.1)
      expect(Math.abs(udp.rate / 1e7 - 1)).toBeLessThan(0.1)
    } finally {
      for (const pid of [near, far]) process.kill(Number(pid), 'SIGKILL')
    }
  }, 30_000)

  test('an update holds for connections that are open, and one direction keeps its rate when the other is changed', async () => {
    const group = await create({ egress: '200mbit', ingress: '500mbit' })
    const running = transfer(group, { protocol: 'tcp', end: 'sender' })
    for await (const { network } of group.watch({ interval: 20, signal: AbortSignal.timeout(10_000) })) if ((network.sent ?? 0) > 1e6) break
    await group.update({ network: { egress: '20mbit' } })
    expect(Math.abs((await running) / 2e7 - 1)).toBeLessThan(0.1)
    const raising = transfer(group, { protocol: 'tcp', end: 'sender' })
    const { network: before } = await group.stats()
    for await (const { network } of group.watch({ interval: 20, signal: AbortSignal.timeout(10_000) }))
      if ((network.sent ?? 0) > (before.sent ?? 0) + 1e5) break
    await group.update({ network: { egress: 'max' } })
    expect(await raising).toBeGreaterThan(1e8)
  }, 40_000)

  test('a group made without it gets it by an update; without it nothing is counted', async () => {
    const group = await create(undefined)
    expect((await group.stats()).network.sent).toBeUndefined()
    await group.update({ network: '100mbit' })
    expect((await group.stats()).network.sent).toBe(0)
    await group.close()
    await expect(group.update({ network: '10mbit' })).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
  })

  test('only who made a group changes its bandwidth', async () => {
    const view = await Cgroup.of(process.pid)
    await expect(view.update({ network: '10mbit' })).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
  })
})
