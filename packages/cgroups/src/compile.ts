import type { CheckedLimits } from './checked.ts'
import { rdmaWrites } from './rdma.ts'
import { cpuWrites as cpuWritesV1 } from './v1/cpu.ts'
import { cpusetWrites as cpusetWritesV1 } from './v1/cpuset.ts'
import { devicesWrites as devicesWritesV1 } from './v1/devices.ts'
import { hugetlbWrites as hugetlbWritesV1 } from './v1/hugetlb.ts'
import { ioWrites as ioWritesV1 } from './v1/io.ts'
import { memoryWrites as memoryWritesV1 } from './v1/memory.ts'
import { classWrites, priorityWrites } from './v1/network.ts'
import { pidsWrites as pidsWritesV1 } from './v1/pids.ts'
import { cpuWrites as cpuWritesV2 } from './v2/cpu.ts'
import { cpusetWrites as cpusetWritesV2 } from './v2/cpuset.ts'
import { hugetlbWrites as hugetlbWritesV2 } from './v2/hugetlb.ts'
import { ioWrites as ioWritesV2 } from './v2/io.ts'
import { memoryWrites as memoryWritesV2 } from './v2/memory.ts'
import { miscWrites } from './v2/misc.ts'
import { pidsWrites as pidsWritesV2 } from './v2/pids.ts'
import { unsupported, type ControllerWrites, type Write } from './writes.ts'

/** In which version of hierarchy a controller is; undefined where it is in none. */
export type Where = (controller: string) => 1 | 2 | undefined

interface Controller {
  readonly name: string
  /** Whether the limits ask anything of it, and by which field. */
  asked(limits: CheckedLimits): string | undefined
  readonly 1?: (limits: CheckedLimits) => Write[]
  readonly 2?: (limits: CheckedLimits) => Write[]
}

const controllers: readonly Controller[] = [
  {
    name: 'cpuset',
    asked: ({ cpuset }) => firstOf('cpuset', cpuset),
    1: ({ cpuset }) => cpusetWritesV1(cpuset),
    2: ({ cpuset }) => cpusetWritesV2(cpuset),
  },
  {
    name: 'cpu',
    asked: ({ cpu }) => (cpu.quota === undefined ? firstOf('cpu', { ...cpu, period: undefined }) : 'cpus'),
    1: ({ cpu }) => cpuWritesV1(cpu),
    2: ({ cpu }) => cpuWritesV2(cpu),
  },
  {
    name: 'memory',
    asked: ({ memory }) => (memory.max === undefined ? firstOf('memory', memory) : 'memory'),
    1: ({ memory }) => memoryWritesV1(memory),
    2: ({ memory }) => memoryWritesV2(memory),
  },
  {
    name: 'pids',
    asked: ({ pids }) => (pids === undefined ? undefined : 'pids'),
    1: ({ pids }) => pidsWritesV1(pids),
    2: ({ pids }) => pidsWritesV2(pids),
  },
  {
    name: 'io',
    asked: ({ io }) => (io.devices.length > 0 ? 'io.devices' : firstOf('io', { ...io, devices: undefined })),
    1: ({ io }) => ioWritesV1(io),
    2: ({ io }) => ioWritesV2(io),
  },
  {
    name: 'hugetlb',
    asked: ({ hugetlb }) => firstKey('hugetlb', hugetlb),
    1: ({ hugetlb }) => hugetlbWritesV1(hugetlb),
    2: ({ hugetlb }) => hugetlbWritesV2(hugetlb),
  },
  {
    name: 'rdma',
    asked: ({ rdma }) => firstKey('rdma', rdma),
    1: ({ rdma }) => rdmaWrites(rdma),
    2: ({ rdma }) => rdmaWrites(rdma),
  },
  {
    name: 'misc',
    asked: ({ misc }) => firstKey('misc', misc),
    2: ({ misc }) => miscWrites(misc),
  },
  {
    name: 'devices',
    asked: ({ devices }) => (devices.length > 0 ? 'devices' : undefined),
    1: ({ devices }) => devicesWritesV1(devices),
  },
  {
    name: 'net_cls',
    asked: ({ classId }) => (classId === undefined ? undefined : 'network.classId'),
    1: ({ classId }) => classWrites(classId),
  },
  {
    name: 'net_prio',
    asked: ({ priorities }) => firstKey('network.priorities', priorities),
    1: ({ priorities }) => priorityWrites(priorities),
  },
]

/**
 * Says what has to be written for limits on a host, in order.
 * @throws BoxError `ERR_BOX_CGROUP_UNSUPPORTED` naming the field that the host cannot hold.
 */
export function compile(limits: CheckedLimits, where: Where): ControllerWrites[] {
  const compiled: ControllerWrites[] = []
  for (const controller of controllers) {
    const field = controller.asked(limits)
    if (field === undefined) continue
    const version = where(controller.name)
    // On v2 there are no files for devices, but programs (devices.ts).
    if (controller.name === 'devices' && version === undefined && where('cgroup') === 2) continue
    if (version === undefined) throw unsupported(field, `no hierarchy of it has the ${controller.name} controller`)
    const writesOf = controller[version]
    if (writesOf === undefined) throw unsupported(field, `cgroup v${version} has no such limit`)
    const writes = writesOf(limits)
    if (writes.length > 0) compiled.push({ controller: controller.name, version, writes })
  }
  return [...compiled, ...unifiedWrites(limits.unified, where)]
}

function unifiedWrites(unified: CheckedLimits['unified'], where: Where): ControllerWrites[] {
  return [...unified].map(([file, value]): ControllerWrites => {
    const controller = file.slice(0, file.indexOf('.'))
    const field = `unified.${file}`
    if (where(controller) !== 2) throw unsupported(field, `its v2 hierarchy has no ${controller} controller`)
    return { controller, version: 2, writes: [{ file, value, field }] }
  })
}

function firstOf(name: string, limits: object): string | undefined {
  const entry = Object.entries(limits).find(([, value]) => value !== undefined)
  return entry && `${name}.${entry[0]}`
}

function firstKey(name: string, limits: ReadonlyMap<string, unknown>): string | undefined {
  const [key] = limits.keys()
  return key === undefined ? undefined : `${name}.${key}`
}
