import { watch, type FSWatcher } from 'node:fs'
import { BoxError } from '@box/core'
import { memoryAlarms, pressureAlarms, setAlarms, type Alarm, type PressureTrigger } from './alarms.ts'
import { read } from './files.ts'
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
  readonly trigger?: PressureTrigger
}

interface Source {
  readonly folder: string
  readonly file: string
  /** The kinds of its keys: one for a counter, two (for 0 and 1) for a state. */
  readonly keys: Readonly<Record<string, EventKind | readonly [EventKind, EventKind]>>
}

/** The files that tell by changing. The v1 controllers tell of memory only through eventfd(2), and of pids not at all. */
function sourcesOf({ v2, controllers }: Places): Source[] {
  if (v2 === undefined) return []
  const sources: Source[] = [
    { folder: v2, file: 'cgroup.events', keys: { populated: ['empty', 'populated'], frozen: ['thawed', 'frozen'] } },
  ]
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
 * @throws BoxError `ERR_BOX_CGROUP_UNSUPPORTED` for a kind that this group's hierarchies do not tell.
 */
export function eventsOf(
  places: Places,
  { kinds, pressure = [] }: EventOptions,
  ended: AbortSignal,
): AsyncGenerator<CgroupEvent, void, void> {
  const sources = sourcesOf(places)
  const alarms = [...memoryAlarms(places), ...pressureAlarms(places, pressure)]
  const told = new Set([...sources.flatMap(({ keys }) => Object.values(keys).flat()), ...alarms.map(({ kind }) => kind)])
  const untold = kinds?.find((kind) => !told.has(kind))
  if (untold !== undefined)
    throw new BoxError('ERR_BOX_CGROUP_UNSUPPORTED', `The hierarchies of this group do not tell of ${untold}`, {
      step: untold,
      hint: untold === 'pressure' ? 'name triggers by the option `pressure`' : 'on cgroup v1 read stats() instead',
    })
  const wanted = new Set(kinds ?? told)
  const states = sources.map((source) => ({ source, last: valuesOf(source) }))
  return follow(
    states,
    wanted,
    alarms.filter(({ kind }) => wanted.has(kind)),
    ended,
  )
}

export interface EventOptions {
  readonly kinds?: readonly EventKind[] | undefined
  readonly pressure?: readonly PressureTrigger[] | undefined
}

interface State {
  readonly source: Source
  last: ReadonlyMap<string, number>
}

async function* follow(
  states: readonly State[],
  kinds: ReadonlySet<EventKind>,
  alarms: readonly Alarm[],
  ended: AbortSignal,
): AsyncGenerator<CgroupEvent, void, void> {
  let wake: (() => void) | undefined
  const signal = (): void => wake?.()
  const watchers: FSWatcher[] = []
  const heard: CgroupEvent[] = []
  let unset: (() => void) | undefined
  ended.addEventListener('abort', signal, { once: true })
  try {
    unset = setAlarms(alarms, (event) => {
      heard.push(event)
      signal()
    })
    for (const { source } of states) {
      const watcher = watch(`${source.folder}/${source.file}`)
      // A file that is removed with its group is an end, not an error.
      watchers.push(watcher.on('change', signal).on('error', signal))
    }
    while (!ended.aborted) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve
      })
      const events = [...heard.splice(0), ...states.flatMap((state) => changesOf(state)).filter(({ kind }) => kinds.has(kind))]
      yield* events
      if (events.length === 0 && !ended.aborted) await changed
    }
  } finally {
    ended.removeEventListener('abort', signal)
    for (const watcher of watchers) watcher.close()
    unset?.()
  }
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
