import { watch, type FSWatcher } from 'node:fs'
import { BoxError } from '@box/core'
import { memoryAlarms, pressureAlarms, setAlarms, type Alarm, type PressureLevel, type PressureTrigger } from './alarms.ts'
import { read } from './files.ts'
import { OomLog, type KilledProcess } from './oom-kills.ts'
import { flatKeyed } from './parse.ts'
import type { Places } from './places.ts'

/** What the kernel tells of a group without being asked. */
export type EventKind =
  | 'populated'
  | 'empty'
  | 'frozen'
  | 'thawed'
  | 'memoryLow'
  | 'memoryHigh'
  | 'memoryMax'
  | 'oom'
  | 'oomKill'
  | 'pidsMax'
  | 'pressure'

export interface CgroupEvent {
  readonly kind: EventKind
  /** How often since the last event of this kind; 1 for those that are states. */
  readonly count: number
  /** When it was seen, in milliseconds since the epoch. */
  readonly time: number
  /** With `pressure`: which of the triggers. */
  readonly trigger?: PressureTrigger | PressureLevel
  /**
   * With `oomKill`: who was ended, where /dev/kmsg can be read and the kernel has named it there. It names the first of the processes that
   * `memory.oomGroup` ends together, and no more than ten kills in five seconds on the whole machine.
   */
  readonly process?: KilledProcess
}

interface Source {
  readonly folder: string
  readonly file: string
  /** The kinds of its keys: one for a counter, two (for 0 and 1) for a state. */
  readonly keys: Readonly<Record<string, EventKind | readonly [EventKind, EventKind]>>
  /** The file changes and does not tell: the kernel's log does. */
  readonly silent?: boolean
}

/** The files that tell by changing. The v1 controllers tell of memory only through eventfd(2) and the kernel's log, and of pids not at all. */
function sourcesOf({ v2, v1, controllers }: Places, log: boolean): Source[] {
  const memory = v1.get('memory')
  const sources: Source[] =
    memory === undefined || !log ? [] : [{ folder: memory, file: 'memory.oom_control', keys: { oom_kill: 'oomKill' }, silent: true }]
  if (v2 === undefined) return sources
  sources.push({ folder: v2, file: 'cgroup.events', keys: { populated: ['empty', 'populated'], frozen: ['thawed', 'frozen'] } })
  if (controllers.has('memory'))
    sources.push({
      folder: v2,
      file: 'memory.events',
      keys: { low: 'memoryLow', high: 'memoryHigh', max: 'memoryMax', oom: 'oom', oom_kill: 'oomKill' },
    })
  if (controllers.has('pids')) sources.push({ folder: v2, file: 'pids.events', keys: { max: 'pidsMax' } })
  return sources
}

/**
 * The changes from now on, until `ended`. What files tell before the first step of the iteration is seen in it; alarms are set by it.
 * @param memoryGroup The group in the hierarchy of the memory controller, as in /proc/PID/cgroup.
 * @throws BoxError `ERR_BOX_CGROUP_UNSUPPORTED` for a kind that this group's hierarchies do not tell.
 */
export function eventsOf(
  places: Places,
  { kinds, pressure = [] }: EventOptions,
  ended: AbortSignal,
  memoryGroup?: string,
): AsyncGenerator<CgroupEvent, void, void> {
  const wantsKills = kinds === undefined || kinds.includes('oomKill')
  const log = memoryGroup === undefined || !wantsKills ? undefined : OomLog.open(memoryGroup)
  try {
    const sources = sourcesOf(places, log !== undefined)
    const alarms = [...memoryAlarms(places), ...pressureAlarms(places, pressure)]
    const told = new Set([...sources.flatMap(({ keys }) => Object.values(keys).flat()), ...alarms.map(({ kind }) => kind)])
    const untold = kinds?.find((kind) => !told.has(kind))
    if (untold !== undefined)
      throw new BoxError('ERR_BOX_CGROUP_UNSUPPORTED', `The hierarchies of this group do not tell of ${untold}`, {
        step: untold,
        hint: untold === 'pressure' ? 'name triggers by the option `pressure`' : 'on cgroup v1 read stats() instead',
      })
    const wanted = new Set(kinds ?? [...told].filter((kind) => kind !== undefined))
    const states = sources
      .filter(({ keys }) =>
        Object.values(keys)
          .flat()
          .some((kind) => wanted.has(kind)),
      )
      .map((source) => ({ source, last: valuesOf(source) }))
    const set = alarms.filter(({ kind }) => kind !== undefined && wanted.has(kind))
    // The line that follows a kill, when it has been counted; it is written of every one.
    for (const { source } of states)
      if (source.silent === true) set.push({ kind: undefined, folder: source.folder, file: source.file, words: ['Killed process '] })
    return follow({ states, kinds: wanted, alarms: set, log }, ended)
  } catch (error) {
    log?.close()
    throw error
  }
}

export interface EventOptions {
  readonly kinds?: readonly EventKind[] | undefined
  readonly pressure?: readonly (PressureTrigger | PressureLevel)[] | undefined
}

interface State {
  readonly source: Source
  last: ReadonlyMap<string, number>
}

interface Followed {
  readonly states: readonly State[]
  readonly kinds: ReadonlySet<EventKind>
  readonly alarms: readonly Alarm[]
  readonly log: OomLog | undefined
}

async function* follow({ states, kinds, alarms, log }: Followed, ended: AbortSignal): AsyncGenerator<CgroupEvent, void, void> {
  let wake: (() => void) | undefined
  const signal = (): void => wake?.()
  const watchers: FSWatcher[] = []
  const heard: CgroupEvent[] = []
  let unset: (() => void) | undefined
  ended.addEventListener('abort', signal, { once: true })
  try {
    unset = setAlarms(alarms, (event) => {
      if (event !== undefined) heard.push(event)
      signal()
    })
    for (const { source } of states) {
      if (source.silent === true) continue
      const watcher = watch(`${source.folder}/${source.file}`)
      // A file that is removed with its group is an end, not an error.
      watchers.push(watcher.on('change', signal).on('error', signal))
    }
    while (!ended.aborted) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve
      })
      const changes = states.flatMap((state) => changesOf(state)).filter(({ kind }) => kinds.has(kind))
      const events = [...heard.splice(0), ...changes.flatMap((event) => (event.kind === 'oomKill' ? withNames(event, log) : event))]
      yield* events
      if (events.length === 0 && !ended.aborted) await changed
    }
  } finally {
    ended.removeEventListener('abort', signal)
    for (const watcher of watchers) watcher.close()
    unset?.()
    log?.close()
  }
}

/** An event for each process that the log names, and one for the others. */
function withNames(event: CgroupEvent, log: OomLog | undefined): CgroupEvent[] {
  const named = (log?.take() ?? []).slice(0, event.count).map((process): CgroupEvent => ({ ...event, count: 1, process }))
  const others = event.count - named.length
  return others > 0 ? [...named, { ...event, count: others }] : named
}

function changesOf(state: State): CgroupEvent[] {
  const { source, last } = state
  const now = valuesOf(source)
  // A group that is being removed has lost its files, not its history.
  state.last = new Map([...last, ...now])
  const time = Date.now()
  return Object.entries(source.keys).flatMap(([key, kind]): CgroupEvent[] => {
    const value = now.get(key)
    const before = last.get(key) ?? 0
    if (value === undefined || value === before) return []
    if (typeof kind === 'string') return value > before ? [{ kind, count: value - before, time }] : []
    return [{ kind: value === 0 ? kind[0] : kind[1], count: 1, time }]
  })
}

function valuesOf({ folder, file }: Source): ReadonlyMap<string, number> {
  return flatKeyed(read(folder, file))
}
