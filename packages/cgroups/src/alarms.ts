import { existsSync } from 'node:fs'
import { BoxError, fromNative } from '@box/core'
import { native } from '@box/native'
import type { CgroupEvent, EventKind } from './events.ts'
import type { Places } from './places.ts'
import { unsupported } from './writes.ts'

/** When to tell of stalls: once the group has lost that much time within a window (Documentation/accounting/psi.rst). */
export interface PressureTrigger {
  readonly resource: 'cpu' | 'memory' | 'io'
  /** Whether one thread that waits is enough, or all have to wait at once. `'some'` by default. */
  readonly share?: 'some' | 'full' | undefined
  /** The time lost, in milliseconds. */
  readonly stall: number
  /** Within how many milliseconds: 500 to 10000, 2000 by default. Without CAP_SYS_RESOURCE a multiple of 2000. */
  readonly window?: number | undefined
}

/** On cgroup v1: tells while memory is short in the group (Documentation/admin-guide/cgroup-v1/memory.rst, "Memory Pressure"). */
export interface PressureLevel {
  readonly resource: 'memory'
  /** Memory is being reclaimed; reclaiming has become hard; the group is about to run out. A level tells of those above it too. */
  readonly level: 'low' | 'medium' | 'critical'
}

/** What the kernel tells by a descriptor. */
export interface Alarm {
  /** Undefined for one that only says that a file has changed. */
  readonly kind: EventKind | undefined
  readonly folder: string
  readonly file: string
  readonly trigger?: PressureTrigger | PressureLevel
  /** Words of the kernel's log instead of a file. */
  readonly words?: readonly string[]
}

/** On v1 the memory controller tells by eventfd(2) that a group has run out. */
export function memoryAlarms({ v1 }: Places): Alarm[] {
  const folder = v1.get('memory')
  return folder !== undefined && existsSync(`${folder}/cgroup.event_control`) ? [{ kind: 'oom', folder, file: 'memory.oom_control' }] : []
}

/** @throws BoxError `ERR_BOX_INVALID_ARGUMENT`, `ERR_BOX_CGROUP_UNSUPPORTED`. */
export function pressureAlarms({ v2, v1 }: Places, triggers: readonly (PressureTrigger | PressureLevel)[]): Alarm[] {
  return triggers.map((trigger) => {
    if ('level' in trigger) return levelAlarm(v1.get('memory'), trigger)
    check(trigger)
    const file = `${trigger.resource}.pressure`
    if (v2 === undefined || !existsSync(`${v2}/${file}`))
      throw unsupported('pressure', `its v2 folder has no ${file}`, 'boot with psi=1 where the kernel has it switched off')
    return { kind: 'pressure', folder: v2, file, trigger }
  })
}

function levelAlarm(folder: string | undefined, trigger: PressureLevel): Alarm {
  const file = 'memory.pressure_level'
  if (trigger.resource !== 'memory' || !['low', 'medium', 'critical'].includes(trigger.level))
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `A trigger cannot be ${JSON.stringify(trigger)}`, {
      step: 'pressure',
      hint: "resource 'memory' with a level 'low', 'medium' or 'critical'",
    })
  if (folder === undefined || !existsSync(`${folder}/${file}`))
    throw unsupported('pressure', `it has no v1 folder with ${file}`, 'on cgroup v2 name a stall instead of a level')
  return { kind: 'pressure', folder, file, trigger }
}

function check({ resource, share = 'some', stall, window = 2000 }: PressureTrigger): void {
  const whole = (value: number): boolean => Number.isFinite(value) && Number.isSafeInteger(Math.round(value * 1000))
  const known = ['cpu', 'memory', 'io'].includes(resource) && ['some', 'full'].includes(share)
  if (known && whole(stall) && whole(window) && window >= 500 && window <= 10_000 && stall > 0 && stall <= window) return
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `A trigger cannot be ${JSON.stringify({ resource, share, stall, window })}`, {
    step: 'pressure',
    hint: "resource 'cpu', 'memory' or 'io', share 'some' or 'full', a window of 500 to 10000 milliseconds and a stall of at most that",
  })
}

/**
 * Sets alarms; a thread of the core sleeps until one goes off.
 * @param tell Is called with an event, or with none by an alarm without a kind.
 * @returns what ends them
 * @throws BoxError `ERR_BOX_PERMISSION`, `ERR_BOX_SYSTEM`.
 */
export function setAlarms(alarms: readonly Alarm[], tell: (event: CgroupEvent | undefined) => void): (() => void) | undefined {
  if (alarms.length === 0) return undefined
  try {
    const set = native().GroupAlarms.set(alarms.map(toNative), ({ index, count }) => {
      const alarm = alarms[index]
      if (alarm === undefined) return
      const { kind, trigger } = alarm
      if (kind === undefined) return tell(undefined)
      // A v1 group that is removed wakes its listeners too.
      if (existsSync(`${alarm.folder}/${alarm.file}`))
        tell({ kind, count, time: Date.now(), ...(trigger === undefined ? {} : { trigger }) })
    })
    return () => set.close()
  } catch (thrown) {
    throw fromNative(thrown, 'without CAP_SYS_RESOURCE the window of a trigger is a multiple of 2000 milliseconds')
  }
}

type NativeAlarm = Parameters<ReturnType<typeof native>['GroupAlarms']['set']>[0][number]

function toNative({ folder, file, trigger, words }: Alarm): NativeAlarm {
  if (words !== undefined) return { folder, file, words: [...words] }
  if (trigger === undefined) return { folder, file }
  return 'level' in trigger ? { folder, file, level: trigger.level } : { folder, file, trigger: textOf(trigger) }
}

function textOf({ share = 'some', stall, window = 2000 }: PressureTrigger): string {
  return `${share} ${Math.round(stall * 1000)} ${Math.round(window * 1000)}`
}
