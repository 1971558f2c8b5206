import { type IdMapping, type Kind, kinds, oneOf, type OptionNames } from '@box/core'
import type { Capabilities } from './capabilities.ts'
import type { Landlock, LandlockPath } from './landlock.ts'
import type { BindMount, Device, DevptsMount, KernelMount, OverlayMount, ProcMount, TmpfsMount } from './mounts.ts'
import type { ResourceLimit, SpawnOptions, TerminalSize, TimeOffset, User } from './options.ts'
import type { IoPriority, MemoryPolicy, Scheduler } from './scheduling.ts'
import type { SeccompArgument, SeccompProfile, SeccompRule, SystemCallAgent } from './seccomp.ts'

export const launchOptions: OptionNames<Pick<SpawnOptions, 'signal' | 'onSystemCall'>> = { signal: kinds.signal, onSystemCall: true }

const propagation = oneOf('private', 'slave', 'shared', 'unbindable', 'rprivate', 'rslave', 'rshared', 'runbindable')

export const spawnOptions: OptionNames<SpawnOptions> = {
  namespaces: true,
  uidMappings: kinds.objects,
  gidMappings: kinds.objects,
  timeOffsets: kinds.object,
  hostname: kinds.text,
  domainname: kinds.text,
  sysctls: kinds.object,
  root: kinds.object,
  readOnlyRoot: kinds.flag,
  rootPropagation: propagation,
  mounts: kinds.objects,
  devices: kinds.objects,
  maskedPaths: kinds.texts,
  readOnlyPaths: kinds.texts,
  cgroup: kinds.object,
  rlimits: kinds.object,
  oomScoreAdj: kinds.number,
  scheduler: true,
  ioPriority: true,
  cpuAffinity: kinds.numbers,
  memoryPolicy: true,
  personality: true,
  sessionKeyring: kinds.text,
  user: true,
  umask: kinds.number,
  capabilities: true,
  noNewPrivileges: kinds.flag,
  landlock: true,
  seccomp: kinds.object,
  onSystemCall: true,
  env: kinds.object,
  cwd: kinds.text,
  stdio: true,
  descriptors: kinds.object,
  terminal: true,
  init: kinds.flag,
  detached: kinds.flag,
  timeout: kinds.number,
  signal: kinds.signal,
}

const attributes = {
  type: true,
  target: true,
  readOnly: kinds.flag,
  nosuid: kinds.flag,
  nodev: kinds.flag,
  noexec: kinds.flag,
  noatime: kinds.flag,
  nosymfollow: kinds.flag,
  propagation,
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
  bind: { ...attributes, source: true, recursive: kinds.flag, recursiveAttributes: kinds.flag, userNamespace: kinds.object },
  overlay: { ...attributes, lowers: kinds.texts, upper: kinds.text, work: kinds.text },
  tmpfs: { ...attributes, size: true, mode: kinds.number, uid: kinds.number, gid: kinds.number },
  devpts: { ...attributes, gid: kinds.number, mode: kinds.number, ptmxmode: kinds.number },
  proc: { ...attributes, hidepid: kinds.text, gid: kinds.number, subset: kinds.text },
  sysfs: kernelMount,
  mqueue: kernelMount,
  cgroup: kernelMount,
}

export const deviceOptions: OptionNames<Device> = {
  path: kinds.text,
  type: kinds.text,
  major: kinds.number,
  minor: kinds.number,
  mode: kinds.number,
  uid: kinds.number,
  gid: kinds.number,
}

export const landlockOptions: OptionNames<Landlock> = {
  files: kinds.objects,
  bindTcp: kinds.numbers,
  connectTcp: kinds.numbers,
  scopes: kinds.texts,
  bestEffort: kinds.flag,
}
export const landlockPathOptions: OptionNames<LandlockPath> = { path: kinds.text, allow: kinds.texts }

export const schedulerOptions: OptionNames<Scheduler> = {
  policy: kinds.text,
  nice: kinds.number,
  priority: kinds.number,
  runtime: kinds.number,
  deadline: kinds.number,
  period: kinds.number,
  flags: kinds.texts,
}
export const ioPriorityOptions: OptionNames<IoPriority> = { class: kinds.text, priority: kinds.number }
export const memoryPolicyOptions: OptionNames<MemoryPolicy> = { mode: true, nodes: kinds.numbers, flags: kinds.texts }

export const systemCallAgentOptions: OptionNames<SystemCallAgent> = {
  listenerPath: kinds.text,
  listenerMetadata: kinds.text,
  id: kinds.text,
  bundle: kinds.text,
  annotations: kinds.object,
}

export const terminalOptions: OptionNames<TerminalSize> = { columns: kinds.number, rows: kinds.number }
export const userOptions: OptionNames<User> = { uid: kinds.number, gid: kinds.number, additionalGids: kinds.numbers }
export const resourceLimitOptions: OptionNames<ResourceLimit> = { soft: kinds.number, hard: kinds.number }
export const capabilitiesOptions: OptionNames<Capabilities> = {
  bounding: kinds.texts,
  effective: kinds.texts,
  permitted: kinds.texts,
  inheritable: kinds.texts,
  ambient: kinds.texts,
}

export const userNamespaceOptions: OptionNames<Pick<SpawnOptions, 'uidMappings' | 'gidMappings'>> = {
  uidMappings: kinds.objects,
  gidMappings: kinds.objects,
}
export const idMappingOptions: OptionNames<IdMapping> = { containerId: kinds.number, hostId: kinds.number, size: kinds.number }
export const timeOffsetsOptions: OptionNames<NonNullable<SpawnOptions['timeOffsets']>> = { monotonic: kinds.object, boottime: kinds.object }
export const timeOffsetOptions: OptionNames<TimeOffset> = { secs: kinds.number, nanosecs: kinds.number }

export const seccompOptions: OptionNames<SeccompProfile> = {
  defaultAction: kinds.text,
  defaultErrnoRet: kinds.number,
  architectures: kinds.texts,
  flags: kinds.texts,
  syscalls: kinds.objects,
}
export const seccompRuleOptions: OptionNames<SeccompRule> = {
  names: kinds.texts,
  action: kinds.text,
  errnoRet: kinds.number,
  args: kinds.objects,
}
/** Of 64 bits, for which a number may be too short. */
const whole: Kind = { words: 'a whole number', fits: (value) => typeof value === 'bigint' || Number.isInteger(value) }
export const seccompArgumentOptions: OptionNames<SeccompArgument> = { index: kinds.number, value: whole, valueTwo: whole, op: kinds.text }
