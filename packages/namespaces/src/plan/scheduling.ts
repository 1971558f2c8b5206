import { refuseUnknownOptions } from '@box/core'
import { ioPriorityOptions, memoryPolicyOptions, schedulerOptions } from '../option-names.ts'
import type { SpawnOptions } from '../options.ts'
import type { IoPriority, MemoryPolicy, Scheduler } from '../scheduling.ts'
import type { Draft } from './draft.ts'
import { invalid, whole } from './invalid.ts'

// linux/sched.h, linux/ioprio.h, linux/mempolicy.h
const policies = { other: 0, fifo: 1, rr: 2, batch: 3, idle: 5, deadline: 6 } as const
const flagBits = { resetOnFork: 1, reclaim: 2, overrun: 4, keepPolicy: 8, keepParams: 16 } as const
const classes = { realtime: 1, bestEffort: 2, idle: 3 } as const
const modes = { default: 0, preferred: 1, bind: 2, interleave: 3, local: 4, preferredMany: 5, weightedInterleave: 6 } as const
const modeFlags = { numaBalancing: 1 << 13, relativeNodes: 1 << 14, staticNodes: 1 << 15 } as const
const personalities = { linux: 0, linux32: 8 } as const

/** The steps that say how the process gets processor, memory and disk. */
export function compileScheduling(options: SpawnOptions, draft: Draft): void {
  const { scheduler, ioPriority, cpuAffinity, memoryPolicy, personality } = options
  if (cpuAffinity !== undefined) draft.add({ do: 'affinity', processors: numbers('cpuAffinity', cpuAffinity, 1) })
  if (memoryPolicy !== undefined) draft.add({ do: 'memoryPolicy', ...memoryOf(memoryPolicy) })
  if (scheduler !== undefined) draft.add({ do: 'scheduler', ...schedulerOf(scheduler) })
  if (ioPriority !== undefined) draft.add({ do: 'ioPriority', value: ioPriorityOf(ioPriority) })
  if (personality !== undefined) draft.add({ do: 'personality', value: oneOf('personality', personalities, personality) })
}

function oneOf<Name extends string>(option: string, table: Readonly<Record<Name, number>>, name: Name): number {
  if (!Object.hasOwn(table, name)) throw invalid(option, name, `one of ${Object.keys(table).join(', ')}`)
  return table[name]
}

function schedulerOf(scheduler: Scheduler) {
  refuseUnknownOptions('scheduler', scheduler, schedulerOptions)
  const { policy, nice = 0, priority = 0, runtime = 0, deadline = 0, period = 0, flags = [] } = scheduler
  const realtime = policy === 'fifo' || policy === 'rr'
  const time = (name: string, value: number): bigint => BigInt(whole(`scheduler.${name}`, value, 0, Number.MAX_SAFE_INTEGER))
  return {
    policy: oneOf('scheduler.policy', policies, policy),
    flags: flags.reduce((bits, flag) => bits | oneOf('scheduler.flags', flagBits, flag), 0),
    nice: whole('scheduler.nice', nice, -20, 19),
    priority: whole('scheduler.priority', priority, realtime ? 1 : 0, realtime ? 99 : 0),
    runtime: time('runtime', runtime),
    deadline: time('deadline', deadline),
    period: time('period', period),
  }
}

function ioPriorityOf(ioPriority: IoPriority): number {
  refuseUnknownOptions('ioPriority', ioPriority, ioPriorityOptions)
  const number = oneOf('ioPriority.class', classes, ioPriority.class)
  const priority = ioPriority.priority ?? (ioPriority.class === 'idle' ? 0 : 4)
  return (number << 13) | whole('ioPriority.priority', priority, 0, 7)
}

function memoryOf(policy: MemoryPolicy) {
  refuseUnknownOptions('memoryPolicy', policy, memoryPolicyOptions)
  const flags = (policy.flags ?? []).reduce((bits, flag) => bits | oneOf('memoryPolicy.flags', modeFlags, flag), 0)
  return { mode: oneOf('memoryPolicy.mode', modes, policy.mode) | flags, nodes: numbers('memoryPolicy.nodes', policy.nodes ?? [], 0) }
}

/** Numbers of processors or nodes. */
function numbers(option: string, list: readonly number[], least: number): readonly number[] {
  if (list.length < least) throw invalid(option, 'an empty list', 'a list with a number')
  return list.map((number) => whole(option, number, 0, 8191))
}
