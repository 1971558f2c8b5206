import { checkLimits } from '../check.ts'
import type { Amount, CheckedCpu, CheckedDeviceRule, CheckedIo, CheckedIoDevice, CheckedLimits, CheckedMemory } from '../checked.ts'
import type { Limits } from '../limits.ts'
import { ioToBlkioWeight, weightToShares } from '../weights.ts'
import { unsupported } from '../writes.ts'
import type { Resources, ThrottleDevice } from './resources.ts'

/**
 * Limits as an OCI configuration's `linux.resources`. What the specification has no field for but v2 has a file goes to `unified`; weights go to
 * the nearest value of v1's scales, which are the specification's.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`, and `ERR_BOX_CGROUP_UNSUPPORTED` for what the specification cannot say.
 */
export function toSpec(limits: Limits): Resources {
  const checked = checkLimits(limits)
  const { pids, devices, cpuset } = checked
  if (checked.network !== undefined) throw unsupported('network', 'the specification has no field for bandwidth')
  const spec = present({
    cpu: present({ ...cpuToSpec(checked.cpu), cpus: cpuset.cpus, mems: cpuset.mems }),
    memory: present(memoryToSpec(checked.memory)),
    pids: pids === undefined ? undefined : { limit: signed(pids) },
    blockIO: present(ioToSpec(checked.io)),
    hugepageLimits: some([...checked.hugetlb].map(([pageSize, amount]) => ({ pageSize, limit: hugetlbLimit(pageSize, amount) }))),
    rdma: rdmaToSpec(checked.rdma),
    devices: some(devices.map(deviceToSpec)),
    network: present({
      classID: checked.classId,
      priorities: some([...checked.priorities].map(([name, priority]) => ({ name, priority }))),
    }),
    unified: unifiedToSpec(checked),
  })
  return spec ?? {}
}

function cpuToSpec(cpu: CheckedCpu): NonNullable<Nullable<Resources['cpu']>> {
  const { quota, period, weight, shares, burst, idle, realtime } = cpu
  return {
    shares: shares ?? (weight === undefined ? undefined : weightToShares(weight)),
    quota: quota === undefined ? undefined : signed(quota),
    period: quota === undefined ? undefined : period,
    burst,
    idle: idle === undefined ? undefined : Number(idle),
    realtimeRuntime: realtime?.runtime,
    realtimePeriod: realtime?.period,
  }
}

function memoryToSpec(memory: CheckedMemory): NonNullable<Nullable<Resources['memory']>> {
  const { max, low, swap, kernelTcp, swappiness, disableOomKiller } = memory
  return {
    limit: max === undefined ? undefined : signed(max),
    reservation: low === undefined ? undefined : signed(low),
    swap: swap === undefined ? undefined : swap === 'max' ? -1 : typeof max === 'number' ? max + swap : undefined,
    kernelTCP: kernelTcp === undefined ? undefined : signed(kernelTcp),
    swappiness,
    disableOOMKiller: disableOomKiller,
  }
}

/** Fields of v2 that the specification does not name. */
function unifiedToSpec({ memory, io, misc, unified }: CheckedLimits): Record<string, string> | undefined {
  const { max, swap, high, min, oomGroup } = memory
  const files = new Map<string, string>()
  if (high !== undefined) files.set('memory.high', `${high}`)
  if (min !== undefined) files.set('memory.min', `${min}`)
  if (oomGroup !== undefined) files.set('memory.oom.group', `${Number(oomGroup)}`)
  // Memory and swap together cannot be said without a limit of memory.
  if (typeof swap === 'number' && typeof max !== 'number') files.set('memory.swap.max', `${swap}`)
  for (const [name, most] of misc) once(files, 'misc.max', `${name} ${most}`, `misc.${name}`)
  for (const [index, { device, latency }] of io.devices.entries())
    if (latency !== undefined) once(files, 'io.latency', `${device} target=${latency}`, `io.devices[${index}].latency`)
  for (const [file, value] of unified) files.set(file, value)
  return files.size === 0 ? undefined : Object.fromEntries(files)
}

/** The kernel takes one line a write, and the specification one write a file. */
function once(files: Map<string, string>, file: string, value: string, field: string): void {
  if (files.has(file)) throw unsupported(field, `the specification can say only one line of ${file}`)
  files.set(file, value)
}

function ioToSpec(io: CheckedIo): NonNullable<Nullable<Resources['blockIO']>> {
  const throttles = (rateOf: (device: CheckedIoDevice) => Amount | undefined): ThrottleDevice[] | undefined =>
    some(
      io.devices.flatMap((device) => {
        const rate = rateOf(device)
        return rate === undefined ? [] : [{ ...numbers(device), rate: rate === 'max' ? 0 : rate }]
      }),
    )
  const weights = io.devices.flatMap((device) => {
    const weight = weightOf(device)
    return weight === undefined ? [] : [{ ...numbers(device), weight }]
  })
  return {
    weight: weightOf(io),
    weightDevice: some(weights),
    throttleReadBpsDevice: throttles((it) => it.read),
    throttleWriteBpsDevice: throttles((it) => it.write),
    throttleReadIOPSDevice: throttles((it) => it.readOperations),
    throttleWriteIOPSDevice: throttles((it) => it.writeOperations),
  }
}

function weightOf({ weight, blkioWeight }: Pick<CheckedIo, 'weight' | 'blkioWeight'>): number | undefined {
  return blkioWeight ?? (weight === undefined ? undefined : ioToBlkioWeight(weight))
}

function numbers({ device }: CheckedIoDevice): { major: number; minor: number } {
  const [major, minor] = device.split(':').map(Number)
  return { major: major ?? 0, minor: minor ?? 0 }
}

function rdmaToSpec(rdma: CheckedLimits['rdma']): NonNullable<Resources['rdma']> | undefined {
  const entries = [...rdma].map(([device, { handles, objects }]) => {
    if (handles === 'max' || objects === 'max') throw unsupported(`rdma.${device}`, "the specification has no word for 'max'")
    return [device, present({ hcaHandles: handles, hcaObjects: objects }) ?? {}] as const
  })
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

function deviceToSpec({ allow, ...rule }: CheckedDeviceRule): NonNullable<Resources['devices']>[number] {
  return { allow, ...present(rule) }
}

function hugetlbLimit(pageSize: string, amount: Amount): number {
  if (amount === 'max') throw unsupported(`hugetlb.${pageSize}`, "the specification has no word for 'max'")
  return amount
}

function signed(amount: Amount): number {
  return amount === 'max' ? -1 : amount
}

type Nullable<Of> = Of extends object ? { readonly [Key in keyof Of]: Of[Key] | undefined } : Of

type Present<Of> = { readonly [Key in keyof Of]?: Exclude<Of[Key], undefined> }

/** The fields that have a value; undefined where none has. */
function present<Of extends object>(fields: Of): Present<Of> | undefined {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  if (entries.length === 0) return undefined
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is left has the type that it had, without undefined: the checker can't follow a filter
  return Object.fromEntries(entries) as Present<Of>
}

function some<Item>(items: Item[]): Item[] | undefined {
  return items.length === 0 ? undefined : items
}
