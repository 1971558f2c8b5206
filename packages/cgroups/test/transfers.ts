import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Cgroup, type Limits, type NetworkStats } from '../src/index.ts'

const program = join(__dirname, 'programs/traffic.mjs')
const groups: Cgroup[] = []
const children: ChildProcess[] = []
let made = 0

/** A group that limits nothing else. */
export async function create(network: Limits['network']): Promise<Cgroup> {
  const group = await Cgroup.create(`box-test-${process.pid}-network-${made++}`, { network }, { controllers: [] })
  groups.push(group)
  return group
}

export interface Transfer {
  readonly protocol: 'tcp' | 'udp'
  readonly streams?: number
  /** Of a datagram, in bytes. */
  readonly size?: number
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
export async function inNamespace(): Promise<string> {
  const child = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  child.stdin.write('ready\n')
  await once(child.stdout, 'data')
  return String(child.pid)
}

/** Bits a second of five seconds, after a first one. */
export async function transfer(group: Cgroup, { protocol, streams = 1, size = 1400, end, namespaces }: Transfer): Promise<number> {
  const address = namespaces?.address ?? '127.0.0.1'
  const receiver = await start(end === 'receiver' ? group : undefined, namespaces?.receiver, ['receive', protocol, address])
  const [port] = await once(receiver.stdout, 'data')
  const sender = await start(end === 'sender' ? group : undefined, namespaces?.sender, [
    'send',
    protocol,
    address,
    String(port).trim(),
    `${streams}`,
    `${size}`,
  ])
  const [rate] = await once(receiver.stdout, 'data')
  sender.kill('SIGKILL')
  return Number(rate)
}

export interface Measured {
  /** In bits a second. */
  readonly rate: number
  readonly network: NetworkStats
}

export async function measure(network: Limits['network'], how: Transfer): Promise<Measured> {
  const group = await create(network)
  return { rate: await transfer(group, how), network: (await group.stats()).network }
}

/** Ends what was started. */
export async function closeAll(): Promise<void> {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  for (const group of groups.splice(0)) await group.close()
}
