import { fromSpec } from '@box/cgroups'
import type { Device } from '@box/namespaces'
import type { RuntimeConfig } from '@box/oci'

import type { StartOptions } from '../options.ts'
import { known, refuse, unsupported } from './unsupported.ts'

type RuntimeLinux = NonNullable<RuntimeConfig['linux']>

/** What surrounds a process on Linux: all of a configuration's `linux` (config-linux.md) but how processes are scheduled and filtered. */
export function surroundingsOf(
  linux: RuntimeLinux,
): Pick<StartOptions, 'network' | 'userns' | 'devices' | 'limits' | 'sysctls' | 'rootPropagation' | 'maskedPaths' | 'readOnlyPaths'> {
  const { namespaces, devices, resources, sysctl, rootfsPropagation, maskedPaths, readonlyPaths } = linux
  refuse(
    {
      'linux.uidMappings': linux.uidMappings,
      'linux.gidMappings': linux.gidMappings,
      'linux.timeOffsets': linux.timeOffsets,
      'linux.netDevices': linux.netDevices,
      'linux.cgroupsPath': linux.cgroupsPath,
      'linux.intelRdt': linux.intelRdt,
      'linux.mountLabel': linux.mountLabel,
    },
    {
      'linux.uidMappings': 'a container gets a range of ids that nobody else has',
      'linux.gidMappings': 'a container gets a range of ids that nobody else has',
      'linux.timeOffsets': 'a container has the clocks of the host; spawn() makes time namespaces',
      'linux.netDevices': 'move the device into container.namespaces.network',
      'linux.cgroupsPath': 'a container is in a group of its own, container.cgroup',
    },
  )
  return {
    ...namespacesOf(namespaces),
    devices: devices?.map(deviceOf),
    limits: resources && fromSpec(resources),
    sysctls: sysctl,
    rootPropagation: rootfsPropagation,
    maskedPaths,
    readOnlyPaths: readonlyPaths,
  }
}

/** Of these every container has its own: a configuration without one of them would have the host's. */
const always = ['mount', 'pid', 'ipc', 'uts'] as const

function namespacesOf(namespaces: RuntimeLinux['namespaces']): Pick<StartOptions, 'network' | 'userns'> {
  if (namespaces === undefined) return {}
  const joined = namespaces.find(({ path = '' }) => path !== '')
  if (joined !== undefined) throw unsupported('linux.namespaces.path', joined.path, 'spawn() joins namespaces; a container has its own')
  const types = new Set(namespaces.map(({ type }) => type))
  if (types.has('time')) throw unsupported('linux.namespaces.type', 'time', 'a container has the clocks of the host')
  const missing = always.find((type) => !types.has(type))
  if (missing !== undefined)
    throw unsupported('linux.namespaces', [...types], `a container has a ${missing} namespace of its own: name it, too`)
  return { network: types.has('network') ? 'none' : 'host', userns: types.has('user') ? 'auto' : 'host' }
}

const deviceTypes = { c: 'char', u: 'char', b: 'block', p: 'fifo' } as const

function deviceOf({ type, fileMode, ...rest }: NonNullable<RuntimeLinux['devices']>[number]): Device {
  const { path, major, minor, uid, gid } = rest
  return { path, type: known('linux.devices.type', deviceTypes, type), major, minor, mode: fileMode, uid, gid }
}
