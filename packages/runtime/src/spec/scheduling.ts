import { BoxError } from '@box/core'
import type { IoPriority, MemoryPolicy, Scheduler, SeccompProfile, SystemCallAgent } from '@box/namespaces'
import type { RuntimeConfig, RuntimeProcess, RuntimeSeccomp } from '@box/oci'

import type { ExecOptions, StartOptions } from '../options.ts'
import { known, unsupported } from './unsupported.ts'

type RuntimeLinux = NonNullable<RuntimeConfig['linux']>

/**
 * How a process is scheduled, filtered and answered: `scheduler`, `ioPriority` and `execCPUAffinity` of a configuration's process (config.md,
 * "Linux Process"), `memoryPolicy`, `personality` and `seccomp` (config-linux.md).
 */
export function schedulingOf(
  { scheduler, ioPriority }: Partial<RuntimeProcess>,
  { memoryPolicy, personality, seccomp }: RuntimeLinux,
): Pick<StartOptions, 'scheduler' | 'ioPriority' | 'memoryPolicy' | 'personality' | 'seccomp' | 'onSystemCall'> {
  return {
    scheduler: scheduler && schedulerOf(scheduler),
    ioPriority: ioPriority && ioPriorityOf(ioPriority),
    memoryPolicy: memoryPolicy && memoryPolicyOf(memoryPolicy),
    personality: personality && personalityOf(personality),
    seccomp: seccomp && seccompOf(seccomp),
    onSystemCall: seccomp && agentOf(seccomp),
  }
}

/** Where the list is empty the cgroup's own processors are meant. */
export function processorsOf({ execCPUAffinity }: Partial<RuntimeProcess>): ExecOptions['cpuAffinity'] {
  const processors = execCPUAffinity?.final
  return processors ? numbersOf('process.execCPUAffinity.final', processors) : undefined
}

type Spec<Field extends keyof RuntimeProcess> = NonNullable<RuntimeProcess[Field]>
type LinuxSpec<Field extends keyof RuntimeLinux> = NonNullable<RuntimeLinux[Field]>

const policies: Readonly<Record<Spec<'scheduler'>['policy'], Scheduler['policy'] | undefined>> = {
  SCHED_OTHER: 'other',
  SCHED_BATCH: 'batch',
  SCHED_IDLE: 'idle',
  SCHED_FIFO: 'fifo',
  SCHED_RR: 'rr',
  SCHED_DEADLINE: 'deadline',
  // The kernel keeps the number and has no such policy (sched.h).
  SCHED_ISO: undefined,
}

type SchedulerFlag = NonNullable<Scheduler['flags']>[number]
const schedulerFlags: Readonly<Record<NonNullable<Spec<'scheduler'>['flags']>[number], SchedulerFlag | undefined>> = {
  SCHED_FLAG_RESET_ON_FORK: 'resetOnFork',
  SCHED_FLAG_RECLAIM: 'reclaim',
  SCHED_FLAG_DL_OVERRUN: 'overrun',
  SCHED_FLAG_KEEP_POLICY: 'keepPolicy',
  SCHED_FLAG_KEEP_PARAMS: 'keepParams',
  SCHED_FLAG_UTIL_CLAMP_MIN: undefined,
  SCHED_FLAG_UTIL_CLAMP_MAX: undefined,
}

function schedulerOf({ policy, flags, ...rest }: Spec<'scheduler'>): Scheduler {
  const { nice, priority, runtime, deadline, period } = rest
  return {
    policy: known('process.scheduler.policy', policies, policy),
    flags: flags?.map((flag) => known('process.scheduler.flags', schedulerFlags, flag)),
    nice,
    priority,
    runtime,
    deadline,
    period,
  }
}

const classes: Readonly<Record<Spec<'ioPriority'>['class'], IoPriority['class']>> = {
  IOPRIO_CLASS_RT: 'realtime',
  IOPRIO_CLASS_BE: 'bestEffort',
  IOPRIO_CLASS_IDLE: 'idle',
}

function ioPriorityOf(given: Spec<'ioPriority'>): IoPriority {
  return { class: known('process.ioPriority.class', classes, given.class), priority: given.priority }
}

const modes: Readonly<Record<LinuxSpec<'memoryPolicy'>['mode'], MemoryPolicy['mode']>> = {
  MPOL_DEFAULT: 'default',
  MPOL_BIND: 'bind',
  MPOL_INTERLEAVE: 'interleave',
  MPOL_WEIGHTED_INTERLEAVE: 'weightedInterleave',
  MPOL_PREFERRED: 'preferred',
  MPOL_PREFERRED_MANY: 'preferredMany',
  MPOL_LOCAL: 'local',
}

type MemoryFlag = NonNullable<MemoryPolicy['flags']>[number]
const memoryFlags: Readonly<Record<NonNullable<LinuxSpec<'memoryPolicy'>['flags']>[number], MemoryFlag>> = {
  MPOL_F_NUMA_BALANCING: 'numaBalancing',
  MPOL_F_RELATIVE_NODES: 'relativeNodes',
  MPOL_F_STATIC_NODES: 'staticNodes',
}

function memoryPolicyOf({ mode, nodes = '', flags }: LinuxSpec<'memoryPolicy'>): MemoryPolicy {
  return {
    mode: known('linux.memoryPolicy.mode', modes, mode),
    nodes: numbersOf('linux.memoryPolicy.nodes', nodes),
    flags: flags?.map((flag) => known('linux.memoryPolicy.flags', memoryFlags, flag)),
  }
}

const domains = { LINUX: 'linux', LINUX32: 'linux32' } as const

function personalityOf({ domain, flags = [] }: LinuxSpec<'personality'>): StartOptions['personality'] {
  if (flags.length > 0) throw unsupported('linux.personality.flags', flags.join(', '), 'the specification has no flag of a personality')
  return known('linux.personality.domain', domains, domain)
}

function seccompOf({ defaultAction, defaultErrnoRet, architectures, flags, syscalls }: RuntimeSeccomp): SeccompProfile {
  return {
    defaultAction,
    defaultErrnoRet,
    architectures,
    syscalls,
    // Where calls are asked about that is always so, and elsewhere it means nothing.
    flags: flags?.filter((flag) => flag !== 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'),
  }
}

/** The path is for a filter that asks: with any other it says nothing. */
function agentOf({ defaultAction, syscalls = [], listenerPath, listenerMetadata }: RuntimeSeccomp): SystemCallAgent | undefined {
  const asks = [defaultAction, ...syscalls.map(({ action }) => action)].includes('SCMP_ACT_NOTIFY')
  return asks && listenerPath !== undefined ? { listenerPath, listenerMetadata } : undefined
}

/** Beyond it no kernel has a processor or a node. */
const last = 8191

/** Numbers and ranges (cpuset(7), "List format"): `0-3,7`. */
function numbersOf(field: string, list: string): number[] {
  return list.split(',').flatMap((part) => {
    if (list === '') return []
    const [, first = '', end = first] = /^ *(\d+)(?:-(\d+))?$/.exec(part) ?? []
    const [from, to] = [Number(first), Number(end)]
    if (first === '' || to > last || from > to)
      throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${field}: ${JSON.stringify(list)} is not a list of numbers and ranges up to ${last}`)
    return Array.from({ length: to - from + 1 }, (_, index) => from + index)
  })
}
