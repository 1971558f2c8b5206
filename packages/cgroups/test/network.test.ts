import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Cgroup, type Limits, type NetworkStats } from '../src/index.ts'

const asRoot = process.getuid?.() === 0 ? describe : describe.skip

const program = join(__dirname, 'programs/traffic.mjs')
const groups: Cgroup[] = []
const children: ChildProcess[] = []
let made = 0

async function create(network: Limits['network']): Promise<Cgroup> {
  const group = await Cgroup.create(`box-test-${process.pid}-network-${made++}`, { network }, { controllers: [] })
  groups.push(group)
  return group
}

interface Transfer {
  readonly protocol: 'tcp' | 'udp'
  readonly streams?: number
  /** The end that is in the group. */
  readonly end: 'sender' | 'receiver'
  /** Processes in the network namespaces of the two ends. */
  readonly namespaces?: { readonly sender: string; readonly receiver: string; readonly address: string }
}

/** One end of a transfer, in the group before it makes its sockets. */
async function start(
  group: Cgroup | undefined,
  namespace: string | undefined,
  args: readonly string[],
): Promise<ChildProcess & { stdout: NodeJS.ReadableStream }> {
  const command = [...(namespace === undefined ? [] : ['nsenter', `--net=/proc/${namespace}/ns/net`]), process.execPath, program, ...args]
  const child = spawn(command[0] ?? '', command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  if (child.pid === undefined) throw new Error(`${command.join(' ')} did not start`)
  if (group !== undefined) await group.add(child.pid)
  child.stdin.end('\n')
  return child
}

/** A process that does nothing in a network namespace of its own: its id. */
async function inNamespace(): Promise<string> {
  const child = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  child.stdin.write('ready\n')
  await once(child.stdout, 'data')
  return String(child.pid)
}

/** Bits a second of five seconds, after a first one. */
async function transfer(group: Cgroup, { protocol, streams = 1, end, namespaces }: Transfer): Promise<number> {
  const address = namespaces?.address ?? '127.0.0.1'
  const receiver = await start(end === 'receiver' ? group : undefined, namespaces?.receiver, ['receive', protocol, address])
  const [port] = await once(receiver.stdout, 'data')
  const sender = await start(end === 'sender' ? group : undefined, namespaces?.sender, [
    'send',
    protocol,
    address,
    String(port).trim(),
    `${streams}`,
  ])
  const [rate] = await once(receiver.stdout, 'data')
  sender.kill('SIGKILL')
  return Number(rate)
}

async function measure(network: Limits['network'], how: Transfer): Promise<{ readonly rate: number; readonly network: NetworkStats }> {
  const group = await create(network)
  return { rate: await transfer(group, how), network: (await group.stats()).network }
}

asRoot('bandwidth', () => {
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
    for (const group of groups.splice(0)) await group.close()
  })

  const cases = [10, 100].flatMap((megabits) => [
    { megabits, protocol: 'tcp', streams: 1 } as const,
    { megabits, protocol: 'tcp', streams: 4 } as const,
    { megabits, protocol: 'udp', streams: 1 } as const,
  ])
  test.each(cases)(
    'holds $protocol in $streams streams to $megabits Mbit/s, both ways',
    async ({ megabits, protocol, streams }) => {
      const [sent, received] = await Promise.all([
        measure({ egress: `${megabits}mbit` }, { protocol, streams, end: 'sender' }),
        measure({ ingress: `${megabits}mbit` }, { protocol, streams, end: 'receiver' }),
      ])
      expect(sent.rate / (megabits * 1e6)).toBeGreaterThan(0.9)
      expect(sent.rate / (megabits * 1e6)).toBeLessThan(1.1)
      expect(received.rate / (megabits * 1e6)).toBeGreaterThan(0.9)
      expect(received.rate / (megabits * 1e6)).toBeLessThan(1.1)
      // What went through is counted, with what was dropped apart from it.
      expect(sent.network.sent).toBeGreaterThan(megabits * 1e6 * 0.4)
      expect(received.network.received).toBeGreaterThan(megabits * 1e6 * 0.4)
      expect(received.network.receivedDroppedPackets).toBeGreaterThan(0)
      if (protocol === 'udp') expect(sent.network.sentDroppedPackets).toBeGreaterThan(0)
    },
    30_000,
  )

  test('a lone paced stream loses nothing', async () => {
    const { rate, network } = await measure('100mbit', { protocol: 'tcp', end: 'sender' })
    expect(rate / 1e8).toBeGreaterThan(0.9)
    expect(network.sentDroppedPackets).toBe(0)
  }, 30_000)

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
