import type { OptionNames } from '@box/core'
import type { Capabilities } from './capabilities.ts'
import type { Landlock, LandlockPath } from './landlock.ts'
import type { BindMount, Device, DevptsMount, KernelMount, OverlayMount, ProcMount, TmpfsMount } from './mounts.ts'
import type { ResourceLimit, SpawnOptions, TerminalSize, User } from './options.ts'
import type { IoPriority, MemoryPolicy, Scheduler } from './scheduling.ts'
import type { SystemCallAgent } from './seccomp.ts'

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
  descriptors: true,
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
  readonly overlay: OptionNames<OverlayMount>
  readonly devpts: OptionNames<DevptsMount>
  readonly proc: OptionNames<ProcMount>
} & Readonly<Record<KernelMount['type'], OptionNames<KernelMount>>> = {
  bind: { ...attributes, source: true, recursive: true, userNamespace: true },
  overlay: { ...attributes, lowers: true, upper: true, work: true },
  tmpfs: { ...attributes, size: true, mode: true, uid: true, gid: true },
  devpts: { ...attributes, gid: true, mode: true, ptmxmode: true },
  proc: { ...attributes, hidepid: true, gid: true, subset: true },
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

export const landlockOptions: OptionNames<Landlock> = { files: true, bindTcp: true, connectTcp: true, scopes: true, bestEffort: true }
export const landlockPathOptions: OptionNames<LandlockPath> = { path: true, allow: true }

export const schedulerOptions: OptionNames<Scheduler> = {
  policy: true,
  nice: true,
  priority: true,
  runtime: true,
  deadline: true,
  period: true,
  flags: true,
}
export const ioPriorityOptions: OptionNames<IoPriority> = { class: true, priority: true }
export const memoryPolicyOptions: OptionNames<MemoryPolicy> = { mode: true, nodes: true, flags: true }

export const systemCallAgentOptions: OptionNames<SystemCallAgent> = {
  listenerPath: true,
  listenerMetadata: true,
  id: true,
  bundle: true,
  annotations: true,
}

export const terminalOptions: OptionNames<TerminalSize> = { columns: true, rows: true }
export const userOptions: OptionNames<User> = { uid: true, gid: true, additionalGids: true }
export const resourceLimitOptions: OptionNames<ResourceLimit> = { soft: true, hard: true }
export const capabilitiesOptions: OptionNames<Capabilities> = {
  bounding: true,
  effective: true,
  permitted: true,
  inheritable: true,
  ambient: true,
}
