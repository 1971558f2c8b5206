import { BoxError, parseRate, parseSize, type Rate, type Size } from '@box/core'
import type { Amount, CheckedCpu, CheckedDeviceRule, CheckedIo, CheckedIoDevice, CheckedLimits, CheckedMemory } from './checked.ts'
import type { DeviceRule, IoDeviceLimits, IoLimits, Limits, Max, MemoryLimits, OperationRate, RdmaLimits } from './limits.ts'

const fields = {
  limits: ['cpus', 'cpu', 'cpuset', 'memory', 'pids', 'io', 'hugetlb', 'rdma', 'misc', 'devices', 'network', 'unified'],
  cpu: ['weight', 'shares', 'period', 'burst', 'idle', 'realtime'],
  realtime: ['runtime', 'period'],
  cpuset: ['cpus', 'mems'],
  memory: ['max', 'high', 'low', 'min', 'swap', 'oomGroup', 'disableOomKiller', 'swappiness', 'kernelTcp'],
  io: ['weight', 'blkioWeight', 'devices'],
  ioDevice: ['device', 'weight', 'blkioWeight', 'read', 'write', 'readOperations', 'writeOperations', 'latency'],
  rdma: ['handles', 'objects'],
  network: ['egress', 'ingress', 'egressPackets', 'ingressPackets', 'classId', 'priorities'],
  device: ['allow', 'type', 'major', 'minor', 'access'],
} as const

/** The last limits that were numbers and words only: a program's groups mostly have the same ones. */
let last: { readonly given: readonly Named[]; readonly checked: CheckedLimits } | undefined

type Named = readonly [name: string, value: unknown]

/**
 * Checks limits and puts them into the kernel's units.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` naming the field, for an unknown one too.
 */
export function checkLimits(limits: Limits): CheckedLimits {
  known('limits', limits, fields.limits)
  const given = Object.entries(limits)
  if (given.some(([, value]) => typeof value === 'object')) return checkAll(limits)
  if (last === undefined || !isSame(last.given, given)) last = { given, checked: checkAll(limits) }
  return last.checked
}

function isSame(one: readonly Named[], other: readonly Named[]): boolean {
  return (
    one.length === other.length && one.every(([name, value], index) => name === other[index]?.[0] && Object.is(value, other[index]?.[1]))
  )
}

function checkAll(limits: Limits): CheckedLimits {
  const { cpuset = {}, memory = {}, io = {} } = limits
  known('cpuset', cpuset, fields.cpuset)
  return {
    cpu: checkCpu(limits),
    cpuset: { cpus: list('cpuset.cpus', cpuset.cpus), mems: list('cpuset.mems', cpuset.mems) },
    memory: checkMemory(typeof memory === 'object' ? memory : { max: memory }),
    pids: limits.pids === undefined ? undefined : amount('pids', limits.pids),
    io: checkIo(io),
    hugetlb: new Map(entries('hugetlb', limits.hugetlb).map(([pages, value]) => [pageSize(pages), size(`hugetlb.${pages}`, value)])),
    rdma: new Map(entries('rdma', limits.rdma).map(([device, value]) => [word(`rdma.${device}`, device), checkRdma(device, value)])),
    misc: new Map(entries('misc', limits.misc).map(([name, value]) => [word(`misc.${name}`, name), amount(`misc.${name}`, value)])),
    devices: (limits.devices ?? []).map(checkDevice),
    ...checkNetwork(limits.network),
    unified: new Map(entries('unified', limits.unified).map(([file, value]) => [unifiedFile(file), text(`unified.${file}`, value)])),
  }
}

function checkCpu({ cpus, cpu = {} }: Limits): CheckedCpu {
  known('cpu', cpu, fields.cpu)
  if (cpu.weight !== undefined && cpu.shares !== undefined) throw invalid('cpu.shares', cpu.shares, 'either weight or shares')
  if (cpu.period !== undefined && cpus === undefined) throw invalid('cpu.period', cpu.period, 'a period together with cpus')
  const period = cpu.period === undefined ? 100_000 : microseconds('cpu.period', cpu.period, 1000, 1_000_000)
  const { realtime } = cpu
  if (realtime !== undefined) known('cpu.realtime', realtime, fields.realtime)
  return {
    quota: cpus === undefined || cpus === 'max' ? cpus : quota(cpus, period),
    period,
    weight: cpu.weight === undefined ? undefined : whole('cpu.weight', cpu.weight, 1, 10_000),
    shares: cpu.shares === undefined ? undefined : whole('cpu.shares', cpu.shares, 2, 262_144),
    burst: cpu.burst === undefined ? undefined : microseconds('cpu.burst', cpu.burst, 0, Number.MAX_SAFE_INTEGER),
    idle: flag('cpu.idle', cpu.idle),
    realtime: realtime && {
      runtime: microseconds('cpu.realtime.runtime', realtime.runtime, 0, 2 ** 31 - 1),
      period: realtime.period === undefined ? undefined : microseconds('cpu.realtime.period', realtime.period, 1, 2 ** 31 - 1),
    },
  }
}

/** The kernel takes no quota below a millisecond (kernel/sched/core.c, min_cfs_quota_period). */
function quota(cpus: unknown, period: number): number {
  const value = typeof cpus === 'number' ? Math.round(cpus * period) : Number.NaN
  if (Number.isSafeInteger(value) && value >= 1000) return value
  throw invalid('cpus', cpus, `'max' or a number of CPUs of at least ${1000 / period}`)
}

function checkMemory(memory: MemoryLimits): CheckedMemory {
  known('memory', memory, fields.memory)
  const optional = (field: 'max' | 'high' | 'low' | 'min' | 'swap' | 'kernelTcp'): Amount | undefined => {
    const value = memory[field]
    return value === undefined ? undefined : size(field === 'max' ? 'memory' : `memory.${field}`, value)
  }
  return {
    max: optional('max'),
    high: optional('high'),
    low: optional('low'),
    min: optional('min'),
    swap: optional('swap'),
    kernelTcp: optional('kernelTcp'),
    oomGroup: flag('memory.oomGroup', memory.oomGroup),
    disableOomKiller: flag('memory.disableOomKiller', memory.disableOomKiller),
    swappiness: memory.swappiness === undefined ? undefined : whole('memory.swappiness', memory.swappiness, 0, 100),
  }
}

function checkIo(io: IoLimits): CheckedIo {
  known('io', io, fields.io)
  return { ...checkWeights('io', io), devices: (io.devices ?? []).map(checkIoDevice) }
}

function checkIoDevice(device: IoDeviceLimits, index: number): CheckedIoDevice {
  const name = `io.devices[${index}]`
  known(name, device, fields.ioDevice)
  if (typeof device.device !== 'string' || !/^\d{1,4}:\d{1,7}$/.test(device.device))
    throw invalid(`${name}.device`, device.device, "a device's number such as '254:0'")
  return {
    ...checkWeights(name, device),
    device: device.device,
    read: bytesPerSecond(`${name}.read`, device.read),
    write: bytesPerSecond(`${name}.write`, device.write),
    readOperations: operations(`${name}.readOperations`, device.readOperations),
    writeOperations: operations(`${name}.writeOperations`, device.writeOperations),
    latency: device.latency === undefined ? undefined : microseconds(`${name}.latency`, device.latency, 1, 2 ** 31 - 1),
  }
}

function checkWeights(
  name: string,
  { weight, blkioWeight }: Pick<IoLimits, 'weight' | 'blkioWeight'>,
): { readonly weight: number | undefined; readonly blkioWeight: number | undefined } {
  if (weight !== undefined && blkioWeight !== undefined) throw invalid(`${name}.blkioWeight`, blkioWeight, 'either weight or blkioWeight')
  return {
    weight: weight === undefined ? undefined : whole(`${name}.weight`, weight, 1, 10_000),
    blkioWeight: blkioWeight === undefined ? undefined : whole(`${name}.blkioWeight`, blkioWeight, 10, 1000),
  }
}

function checkRdma(
  device: string,
  value: RdmaLimits,
): {
  handles: Amount | undefined
  objects: Amount | undefined
} {
  known(`rdma.${device}`, value, fields.rdma)
  return {
    handles: value.handles === undefined ? undefined : amount(`rdma.${device}.handles`, value.handles),
    objects: value.objects === undefined ? undefined : amount(`rdma.${device}.objects`, value.objects),
  }
}

function checkDevice(rule: DeviceRule, index: number): CheckedDeviceRule {
  const name = `devices[${index}]`
  known(name, rule, fields.device)
  const { allow, type = 'a', major, minor, access = 'rwm' } = rule
  if (typeof allow !== 'boolean') throw invalid(`${name}.allow`, allow, 'true or false')
  if (!['a', 'b', 'c'].includes(type)) throw invalid(`${name}.type`, type, "'a', 'b' or 'c'")
  if (!/^(?!.*(.).*\1)[rwm]{1,3}$/.test(access)) throw invalid(`${name}.access`, access, "some of the letters of 'rwm'")
  // The kernel reads no further than the `a` (security/device_cgroup.c): the rest would be lost.
  if (type === 'a' && (major !== undefined || minor !== undefined || access.length !== 3))
    throw invalid(`${name}.type`, type, "'b' or 'c' for a rule that names a number or less than 'rwm'")
  return {
    allow,
    type,
    major: major === undefined ? undefined : whole(`${name}.major`, major, 0, 2 ** 32 - 1),
    minor: minor === undefined ? undefined : whole(`${name}.minor`, minor, 0, 2 ** 32 - 1),
    access,
  }
}

function checkNetwork(network: Limits['network']): Pick<CheckedLimits, 'network' | 'classId' | 'priorities'> {
  const none = { classId: undefined, priorities: new Map<string, number>() }
  if (network === undefined) return { network, ...none }
  if (typeof network !== 'object' || 'bitsPerSecond' in network) {
    const both = bitsPerSecond('network', network)
    return { network: { egress: both, ingress: both, egressPackets: undefined, ingressPackets: undefined }, ...none }
  }
  known('network', network, fields.network)
  const { egress, ingress, egressPackets, ingressPackets, classId, priorities } = network
  const marks = classId !== undefined || priorities !== undefined
  const rates = [egress, ingress, egressPackets, ingressPackets].some((rate) => rate !== undefined)
  return {
    network:
      marks && !rates
        ? undefined
        : {
            egress: bitsPerSecond('network.egress', egress),
            ingress: bitsPerSecond('network.ingress', ingress),
            egressPackets: operations('network.egressPackets', egressPackets),
            ingressPackets: operations('network.ingressPackets', ingressPackets),
          },
    classId: classId === undefined ? undefined : whole('network.classId', classId, 0, 2 ** 32 - 1),
    priorities: new Map(entries('network.priorities', priorities).map(([name, value]) => [networkInterface(name), priority(name, value)])),
  }
}

function networkInterface(name: string): string {
  if (/^[^\s/]{1,15}$/.test(name)) return name
  throw invalid('network.priorities', name, 'the name of a network interface')
}

function priority(name: string, value: number): number {
  return whole(`network.priorities.${name}`, value, 0, 2 ** 32 - 1)
}

/** Membership, life and death of the group belong to the functions of `Cgroup`. */
const reserved = new Set(['procs', 'threads', 'kill', 'freeze', 'type', 'subtree_control'].map((name) => `cgroup.${name}`))

function unifiedFile(file: string): string {
  if (/^[a-z]+(\.[A-Za-z0-9_]+)+$/.test(file) && !reserved.has(file)) return file
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `limits.unified cannot have ${JSON.stringify(file)}: expected the name of a limit's file`)
}

function known(name: string, value: unknown, names: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(name, value, 'an object')
  const unknown = Object.keys(value).find((key) => !names.includes(key))
  if (unknown !== undefined)
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${name} has no field ${JSON.stringify(unknown)}: it has ${names.join(', ')}`)
}

function entries<Value>(name: string, value: Readonly<Record<string, Value>> | undefined): [string, Value][] {
  if (value === undefined) return []
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(name, value, 'an object')
  return Object.entries(value)
}

function size(name: string, value: Size | Max): Amount {
  if (value === 'max') return value
  try {
    return parseSize(value)
  } catch (cause) {
    throw invalid(name, value, "'max', a number of bytes, or a string such as '512MiB'", cause)
  }
}

function bytesPerSecond(name: string, value: Rate | Max | undefined): Amount | undefined {
  const bits = bitsPerSecond(name, value)
  return typeof bits === 'number' ? Math.floor(bits / 8) : bits
}

function bitsPerSecond(name: string, value: Rate | Max | undefined): Amount | undefined {
  if (value === undefined || value === 'max') return value
  let rate
  try {
    rate = parseRate(value)
  } catch (cause) {
    throw invalid(name, value, "'max' or a rate such as '20mbit' or '10MiB/s'", cause)
  }
  if (rate < 8) throw invalid(name, value, 'at least 1 byte a second')
  return rate
}

function operations(name: string, value: OperationRate | Max | undefined): Amount | undefined {
  if (value === undefined || value === 'max') return value
  const [, digits] = /^([1-9]\d{0,9})\/s$/.exec(value) ?? []
  if (digits === undefined) throw invalid(name, value, "'max' or operations a second such as '500/s'")
  return whole(name, Number(digits), 1, 2 ** 32 - 1)
}

function amount(name: string, value: number | Max): Amount {
  return value === 'max' ? value : whole(name, value, 0, Number.MAX_SAFE_INTEGER)
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value
  throw invalid(name, value, `a whole number from ${least} to ${most}`)
}

function microseconds(name: string, value: number, least: number, most: number): number {
  const rounded = typeof value === 'number' ? Math.round(value * 1000) : Number.NaN
  if (Number.isSafeInteger(rounded) && rounded >= least && rounded <= most) return rounded
  throw invalid(name, value, `milliseconds from ${least / 1000} to ${most / 1000}`)
}

function flag(name: string, value: boolean | undefined): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value
  throw invalid(name, value, 'true or false')
}

/** A list of CPUs or nodes as the kernel reads it (cpuset(7), "List format"). */
function list(name: string, value: string | undefined): string | undefined {
  if (value === undefined || (typeof value === 'string' && /^\d+(-\d+(:\d+\/\d+)?)?(,\d+(-\d+(:\d+\/\d+)?)?)*$/.test(value))) return value
  throw invalid(name, value, "a list such as '0-3,7'")
}

function pageSize(value: string): string {
  if (/^\d+[KMG]B$/.test(value)) return value
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `limits.hugetlb cannot have ${JSON.stringify(value)}: expected a page size such as '2MB'`)
}

function word(name: string, value: string): string {
  if (/^[\w.-]+$/.test(value)) return value
  throw invalid(name, value, 'a device name')
}

function text(name: string, value: string): string {
  if (typeof value === 'string' && !value.includes('\0')) return value
  throw invalid(name, value, 'a string')
}

function invalid(name: string, value: unknown, expected: string, cause?: unknown): BoxError {
  const shown = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value))
  return new BoxError('ERR_BOX_INVALID_ARGUMENT', `limits.${name} cannot be ${shown}: expected ${expected}`, { cause })
}
