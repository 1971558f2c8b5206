import type { OptionNames } from '@box/core'
import type { BindMount, Device, DevptsMount, KernelMount, Mount, TmpfsMount } from './mounts.ts'
import type { SpawnOptions } from './options.ts'

export const spawnOptions: OptionNames<SpawnOptions> = {
  namespaces: true,
  uidMappings: true,
  gidMappings: true,
  timeOffsets: true,
  hostname: true,
  domainname: true,
  sysctls: true,
  root: true,
  readOnlyRoot: true,
  rootPropagation: true,
  mounts: true,
  devices: true,
  maskedPaths: true,
  readOnlyPaths: true,
  cgroup: true,
  rlimits: true,
  oomScoreAdj: true,
  scheduler: true,
  ioPriority: true,
  cpuAffinity: true,
  memoryPolicy: true,
  personality: true,
  sessionKeyring: true,
  user: true,
  umask: true,
  capabilities: true,
  noNewPrivileges: true,
  landlock: true,
  seccomp: true,
  onSystemCall: true,
  env: true,
  cwd: true,
  stdio: true,
  terminal: true,
  init: true,
  detached: true,
  timeout: true,
  signal: true,
}

const attributes = {
  type: true,
  target: true,
  readOnly: true,
  nosuid: true,
  nodev: true,
  noexec: true,
  noatime: true,
  nosymfollow: true,
  propagation: true,
} as const

const kernelMount: OptionNames<KernelMount> = attributes

/** The options of a mount, by its type. */
export const mountOptions: {
  readonly bind: OptionNames<BindMount>
  readonly tmpfs: OptionNames<TmpfsMount>
  readonly devpts: OptionNames<DevptsMount>
} & Readonly<Record<Exclude<Mount['type'], 'bind' | 'tmpfs' | 'devpts'>, OptionNames<KernelMount>>> = {
  bind: { ...attributes, source: true, recursive: true },
  tmpfs: { ...attributes, size: true, mode: true, uid: true, gid: true },
  devpts: { ...attributes, gid: true, mode: true, ptmxmode: true },
  proc: kernelMount,
  sysfs: kernelMount,
  mqueue: kernelMount,
  cgroup: kernelMount,
}

export const deviceOptions: OptionNames<Device> = {
  path: true,
  type: true,
  major: true,
  minor: true,
  mode: true,
  uid: true,
  gid: true,
}
