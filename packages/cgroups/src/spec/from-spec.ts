import { BoxError } from '@box/core'
import type { DeviceRule, IoDeviceLimits, IoLimits, Limits, Max, MemoryLimits, NetworkLimits, RdmaLimits } from '../limits.ts'
import { unsupported } from '../writes.ts'
import type { Resources, ThrottleDevice } from './resources.ts'

/**
 * The limits that an OCI configuration's `linux.resources` asks for, read as crun and runc read them: 0 is "not given" for sizes, shares,
 * quotas and weights, -1 is "no limit".
 * @throws BoxError `ERR_BOX_CGROUP_UNSUPPORTED` for what this package holds on no host, `ERR_BOX_INVALID_ARGUMENT` for values that contradict
 *   each other. Values out of range are found where the limits are used.
 */
export function fromSpec(resources: Resources): Limits {
  const { cpu = {}, pids, hugepageLimits, network, unified } = resources
  return {
    ...cpuFromSpec(cpu),
    cpuset: section({ cpus: cpu.cpus || undefined, mems: cpu.mems || undefined }),
    memory: section(memoryFromSpec(resources.memory ?? {})),
    pids: pids?.limit === undefined ? undefined : pids.limit < 0 ? 'max' : pids.limit,
    io: section(ioFromSpec(resources.blockIO ?? {})),
    hugetlb: hugepageLimits && Object.fromEntries(hugepageLimits.map(({ pageSize, limit }) => [pageSize, limit])),
    rdma: rdmaFromSpec(resources.rdma),
    devices: resources.devices?.map(deviceFromSpec),
    network: networkFromSpec(network),
    unified,
  }
}

function cpuFromSpec(cpu: NonNullable<Resources['cpu']>): Pick<Limits, 'cpus' | 'cpu'> {
  const { shares, quota, burst, period, realtimeRuntime, realtimePeriod, idle } = cpu
  if (realtimePeriod && !realtimeRuntime)
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'resources.cpu.realtimePeriod needs realtimeRuntime', { step: 'cpu.realtimePeriod' })
  // A period alone limits nothing, but it is allowed.
  const cpus = quota ? (quota < 0 ? 'max' : quota / (period || 100_000)) : period ? 'max' : undefined
  const limits = section({
    shares: shares ? Math.min(262_144, Math.max(2, shares)) : undefined,
    period: period ? period / 1000 : undefined,
    burst: burst === undefined ? undefined : burst / 1000,
    idle: idle === undefined ? undefined : idle === 1,
    realtime: realtimeRuntime ? { runtime: realtimeRuntime / 1000, period: realtimePeriod ? realtimePeriod / 1000 : undefined } : undefined,
  })
  return { cpus, cpu: limits }
}

function memoryFromSpec(memory: NonNullable<Resources['memory']>): MemoryLimits {
  const { limit, reservation, swap, kernel, kernelTCP, swappiness, disableOOMKiller, useHierarchy, checkBeforeUpdate } = memory
  if (kernel) throw unsupported('memory.kernel', 'the kernel has no limit for its own memory since Linux 5.16')
  if (useHierarchy === false) throw unsupported('memory.useHierarchy', 'accounting is always hierarchical since Linux 5.11')
  if (checkBeforeUpdate === true)
    throw unsupported('memory.checkBeforeUpdate', 'the kernel reclaims or kills where a limit is below what is used')
  return {
    max: amount(limit),
    low: amount(reservation),
    swap: swapAlone(limit, swap),
    kernelTcp: amount(kernelTCP),
    swappiness,
    disableOomKiller: disableOOMKiller === true ? true : undefined,
  }
}

/** The spec's swap is memory and swap together. */
function swapAlone(limit: number | undefined, swap: number | undefined): number | Max | undefined {
  if (!swap) return undefined
  if (swap < 0) return 'max'
  if (!limit || limit < 0)
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'resources.memory.swap needs memory.limit', { step: 'memory.swap' })
  if (swap < limit)
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `resources.memory.swap counts memory too: ${swap} is less than the limit of ${limit}`, {
      step: 'memory.swap',
    })
  return swap - limit
}

function ioFromSpec(io: NonNullable<Resources['blockIO']>): IoLimits {
  const devices = new Map<string, Mutable<IoDeviceLimits>>()
  const at = ({ major, minor }: { readonly major: number; readonly minor: number }): Mutable<IoDeviceLimits> => {
    const device = `${major}:${minor}` as const
    const found = devices.get(device) ?? { device }
    devices.set(device, found)
    return found
  }
  if (io.leafWeight || io.weightDevice?.some((it) => it.leafWeight))
    throw unsupported('io.leafWeight', 'the kernel has no weights for leaves since Linux 5.0')
  for (const it of io.weightDevice ?? []) if (it.weight) at(it).blkioWeight = it.weight
  for (const it of io.throttleReadBpsDevice ?? []) at(it).read = bytes(it)
  for (const it of io.throttleWriteBpsDevice ?? []) at(it).write = bytes(it)
  for (const it of io.throttleReadIOPSDevice ?? []) at(it).readOperations = operations(it)
  for (const it of io.throttleWriteIOPSDevice ?? []) at(it).writeOperations = operations(it)
  return { blkioWeight: io.weight || undefined, devices: devices.size === 0 ? undefined : [...devices.values()] }
}

function networkFromSpec(network: Resources['network']): NetworkLimits | undefined {
  const priorities = network?.priorities ?? []
  return section({
    classId: network?.classID,
    priorities: priorities.length === 0 ? undefined : Object.fromEntries(priorities.map(({ name, priority }) => [name, priority])),
  })
}

function rdmaFromSpec(rdma: Resources['rdma']): Record<string, RdmaLimits> | undefined {
  return (
    rdma &&
    Object.fromEntries(
      Object.entries(rdma).map(([device, { hcaHandles, hcaObjects }]) => [device, { handles: hcaHandles, objects: hcaObjects }]),
    )
  )
}

function deviceFromSpec(rule: NonNullable<Resources['devices']>[number]): DeviceRule {
  const { allow, type, major, minor, access } = rule
  const kind = type === 'b' || type === 'a' ? type : type === 'c' || type === 'u' ? 'c' : undefined
  if (type && kind === undefined)
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `resources.devices cannot have the type ${JSON.stringify(type)}`, { step: 'devices' })
  return { allow, type: kind, major: numberOrAny(major), minor: numberOrAny(minor), access: access || undefined }
}

function bytes({ rate }: ThrottleDevice): `${number}B/s` | Max {
  return rate === 0 ? 'max' : `${rate}B/s`
}

function operations({ rate }: ThrottleDevice): `${number}/s` | Max {
  return rate === 0 ? 'max' : `${rate}/s`
}

/** -1 is any number. */
function numberOrAny(number: number | undefined): number | undefined {
  return number === -1 ? undefined : number
}

function amount(value: number | undefined): number | Max | undefined {
  return value ? (value < 0 ? 'max' : value) : undefined
}

/** A section that asks nothing is left out. */
function section<Of extends object>(fields: Of): Of | undefined {
  return Object.values(fields).every((value) => value === undefined) ? undefined : fields
}

type Mutable<Of> = { -readonly [Key in keyof Of]: Of[Key] }
