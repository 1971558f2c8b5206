import { type IdMapping, type ProcessTarget, refuseUnknownOptions } from '@box/core'
import { Namespace, namespaceKinds as kinds } from '../namespace.ts'
import { timeOffsetOptions, timeOffsetsOptions } from '../option-names.ts'
import type { NamespaceChoice, NamespaceKind, NamespaceTarget, SpawnOptions } from '../options.ts'
import type { PlanContext } from './context.ts'
import type { Draft } from './draft.ts'
import { invalid, whole } from './invalid.ts'
import { type Maps, decideMaps, isSelf } from './maps.ts'
import type { Join } from './steps.ts'

/** Which namespaces the process has, once decided. */
export interface Namespaces {
  readonly fresh: ReadonlySet<NamespaceKind>
  readonly joined: ReadonlyMap<NamespaceKind, Exclude<NamespaceChoice, 'new' | 'host'>>
  /** The maps of a new user namespace. */
  readonly maps: Maps | undefined
  /** Whether the process is in another user namespace than the caller. */
  readonly foreignUser: boolean
  /** Whether setgroups(2) is forbidden inside. */
  readonly groupsForbidden: boolean
}

/** Decides about the namespaces. */
export function decideNamespaces(options: SpawnOptions, context: PlanContext): Namespaces {
  const fresh = new Set<NamespaceKind>()
  const joined = new Map<NamespaceKind, Exclude<NamespaceChoice, 'new' | 'host'>>()
  for (const [kind, choice] of choices(options, context.timeNamespaces())) {
    if (choice === 'new') fresh.add(kind)
    else if (choice !== 'host') joined.set(kind, choice)
  }
  const owner = options.root?.userNamespace
  if (owner !== undefined && !joined.has('user')) {
    // Root makes a namespace of the same maps, one for each process; another user can only enter the one that the root was made in.
    if (context.uid === 0) fresh.add('user')
    else {
      fresh.delete('user')
      joined.set('user', owner)
    }
  }
  if (options.root !== undefined && !fresh.has('mount')) throw invalid('root', 'a root', 'possible without a new mount namespace')
  const maps = fresh.has('user') ? decideMaps(options, context) : undefined
  if (maps === undefined && (options.uidMappings ?? options.gidMappings) !== undefined)
    throw invalid('uidMappings', 'a map', 'possible without a new user namespace')
  return {
    fresh,
    joined,
    maps,
    foreignUser: fresh.has('user') || joined.has('user'),
    groupsForbidden: forbidsGroups(maps, joined.get('user'), context),
  }
}

/** In a namespace that an ordinary user has mapped itself setgroups(2) is forbidden for good, in one that newgidmap has mapped it is not. */
function forbidsGroups(
  maps: Maps | undefined,
  joined: Exclude<NamespaceChoice, 'new' | 'host'> | undefined,
  context: PlanContext,
): boolean {
  if (context.uid === 0) return false
  if (maps !== undefined) return maps.writer === 'self'
  if (joined === undefined) return false
  if (typeof joined === 'string') return true
  if ('pidfd' in joined) return context.forbidsGroups(joined.pid)
  return !hasMaps(joined) || isSelf(joined.gidMappings, context.gid)
}

function hasMaps(target: NamespaceTarget): target is NamespaceTarget & { readonly gidMappings: readonly IdMapping[] } {
  return 'gidMappings' in target && Array.isArray(target.gidMappings)
}

function choices(options: SpawnOptions, timed: boolean): [NamespaceKind, NamespaceChoice][] {
  const given = options.namespaces
  if (given === undefined) return []
  if (typeof given !== 'object' || given === null) throw invalid('namespaces', given, 'a list of kinds, a choice for each, or a process')
  if (isProcess(given)) return kinds.filter((kind) => kind !== 'time' || timed).map((kind) => [kind, given])
  const pairs: [string, NamespaceChoice | undefined][] = isList(given) ? given.map((kind) => [kind, 'new']) : Object.entries(given)
  return pairs.flatMap(([name, choice]): [NamespaceKind, NamespaceChoice][] => {
    const kind = kinds.find((one) => one === name)
    if (kind === undefined) throw invalid('namespaces', name, `one of ${kinds.join(', ')}`)
    return choice === undefined ? [] : [[kind, checkedChoice(kind, choice)]]
  })
}

function isList(given: NonNullable<SpawnOptions['namespaces']>): given is readonly NamespaceKind[] {
  return Array.isArray(given)
}

function isProcess(given: NonNullable<SpawnOptions['namespaces']>): given is ProcessTarget {
  return 'pidfd' in given
}

function checkedChoice(kind: NamespaceKind, choice: NamespaceChoice): NamespaceChoice {
  const right =
    typeof choice === 'string'
      ? choice === 'new' || choice === 'host' || (choice.startsWith('/') && !choice.includes('\0'))
      : typeof choice === 'object' && choice !== null && ('pidfd' in choice || 'fd' in choice)
  if (!right) throw invalid(`namespaces.${kind}`, choice, "'new', 'host', a process, a namespace or an absolute path")
  if (choice instanceof Namespace && choice.kind !== kind)
    throw invalid(`namespaces.${kind}`, `a ${choice.kind} namespace`, `a ${kind} namespace`)
  return choice
}

/** The clocks of a new time namespace as timens_offsets has them; empty where they are the host's. */
export function timeOffsetsText({ timeOffsets }: SpawnOptions, { fresh }: Namespaces): string {
  if (timeOffsets === undefined) return ''
  refuseUnknownOptions('timeOffsets', timeOffsets, timeOffsetsOptions)
  if (!fresh.has('time')) throw invalid('timeOffsets', 'an offset', 'possible without a new time namespace')
  return (['monotonic', 'boottime'] as const)
    .flatMap((clock) => {
      const offset = timeOffsets[clock]
      if (offset === undefined) return []
      refuseUnknownOptions(`timeOffsets.${clock}`, offset, timeOffsetOptions)
      const secs = whole(`timeOffsets.${clock}.secs`, offset.secs, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
      return [`${clock} ${secs} ${whole(`timeOffsets.${clock}.nanosecs`, offset.nanosecs ?? 0, 0, 999_999_999)}\n`]
    })
    .join('')
}

/** Which joins that makes, each with its descriptor. */
export function joinsOf(namespaces: Namespaces, draft: Draft): Join[] {
  const joins: Join[] = []
  const byProcess = new Map<number, NamespaceKind[]>()
  for (const [kind, choice] of namespaces.joined) {
    if (typeof choice === 'string') joins.push({ kinds: [kind], slot: { given: draft.give({ from: 'path', path: choice }) } })
    else if ('pidfd' in choice) byProcess.set(choice.pidfd, [...(byProcess.get(choice.pidfd) ?? []), kind])
    else joins.push({ kinds: [kind], slot: draft.giveFd(`namespaces.${kind}`, choice.fd) })
  }
  for (const [pidfd, together] of byProcess) joins.push({ kinds: together, slot: draft.giveFd('namespaces', pidfd) })
  return joins
}
