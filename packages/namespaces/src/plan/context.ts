import { type IdMapping, fromNative } from '@box/core'
import { native } from '@box/native'
import { existsSync, readFileSync } from 'node:fs'
import { deniedFeatures, type FeatureName } from '../features.ts'

/** A cgroup hierarchy of v1 as it is mounted: the folder's name, and what names the hierarchy to mount(2). */
export interface Hierarchy {
  readonly name: string
  readonly parameters: readonly (readonly [string, string])[]
}

/** What newuidmap(1) and newgidmap(1) do for the caller. */
export interface SubordinateIds {
  /** The caller's name. */
  readonly name: string
  /** All that the caller may map: its own id as 0, and from 1 on the ranges of /etc/subuid. */
  readonly uidMappings: readonly IdMapping[]
  /** The same of groups, by /etc/subgid. */
  readonly gidMappings: readonly IdMapping[]
  /** Where the two programs are. */
  readonly newuidmap: string
  readonly newgidmap: string
}

/** What a plan depends on beside its options. */
export interface PlanContext {
  readonly uid: number
  readonly gid: number
  readonly cwd: string
  /** The ids that the caller may map beside its own. @throws BoxError what stands in the way. */
  readonly subordinateIds: () => SubordinateIds
  /** Whether setgroups(2) is forbidden in the user namespace of a process. */
  readonly forbidsGroups: (pid: number) => boolean
  /** Whether the kernel has time namespaces. */
  readonly timeNamespaces: () => boolean
  /** The caller's hard limits, by the names of resources. */
  readonly hardLimits: () => ReadonlyMap<string, number>
  /** The features that are to be taken for absent. */
  readonly denied: () => ReadonlySet<FeatureName>
  /** How cgroups are mounted below /sys/fs/cgroup. */
  readonly cgroups: () => { readonly unified: 'only' | 'beside' | 'none'; readonly v1: readonly Hierarchy[] }
}

/** The caller's, as it is now. */
export function currentContext(): PlanContext {
  const denied = deniedFeatures()
  return {
    uid: process.geteuid?.() ?? 0,
    gid: process.getegid?.() ?? 0,
    cwd: process.cwd(),
    subordinateIds: grantedIds,
    forbidsGroups: deniesSetgroups,
    timeNamespaces: () => !denied.has('time-namespace') && hasTimeNamespaces(),
    hardLimits: () => parseLimits(readFileSync('/proc/self/limits', 'utf8')),
    denied: () => denied,
    cgroups: mountedCgroups,
  }
}

function grantedIds(): SubordinateIds {
  try {
    return native().subordinateIds()
  } catch (error) {
    throw fromNative(error)
  }
}

function deniesSetgroups(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/setgroups`, 'utf8').trim() !== 'allow'
  } catch {
    // It has ended: the launch says so.
    return true
  }
}

let timed: boolean | undefined

function hasTimeNamespaces(): boolean {
  timed ??= existsSync('/proc/self/ns/time')
  return timed
}

let cached: ReturnType<PlanContext['cgroups']> | undefined

function mountedCgroups(): ReturnType<PlanContext['cgroups']> {
  cached ??= parseCgroups(readFileSync('/proc/self/mountinfo', 'utf8'))
  return cached
}

/** Reads the cgroup mounts below /sys/fs/cgroup out of mountinfo (proc_pid_mountinfo(5)). */
export function parseCgroups(mountinfo: string): ReturnType<PlanContext['cgroups']> {
  let unified: 'only' | 'beside' | 'none' = 'none'
  const v1: Hierarchy[] = []
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ')
    const target = before?.split(' ')[4]
    const [type, , options] = after?.split(' ') ?? []
    if (target === undefined || options === undefined) continue
    if (type === 'cgroup2' && target === '/sys/fs/cgroup') unified = 'only'
    if (type === 'cgroup2' && target === '/sys/fs/cgroup/unified') unified = 'beside'
    if (type !== 'cgroup' || !target.startsWith('/sys/fs/cgroup/')) continue
    v1.push({ name: target.slice('/sys/fs/cgroup/'.length), parameters: hierarchyParameters(options) })
  }
  return { unified, v1 }
}

/** Options of the super block that do not name the hierarchy. */
const others = new Set(['rw', 'ro', 'xattr', 'noprefix', 'clone_children', 'cpuset_v2_mode', 'favordynmods', 'seclabel'])

function hierarchyParameters(options: string): [string, string][] {
  const named = options.split(',').filter((option) => !others.has(option) && !option.startsWith('release_agent='))
  const parameters = named.map((option): [string, string] => {
    const [name = '', value = ''] = option.split('=')
    return [name, value]
  })
  return parameters.some(([, value]) => value === '') ? parameters : [['none', ''], ...parameters]
}

/**
 * The folder of the v2 group that a process is in, of what is mounted (proc_pid_cgroup(5), proc_pid_mountinfo(5)); undefined where its hierarchy
 * is not mounted, or only a part of it in which the group is not.
 */
export function groupFolder(cgroup: string, mountinfo: string): string | undefined {
  const group = /^0::(.*)$/m.exec(cgroup)?.[1]
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ')
    const [, , , root, target] = before?.split(' ') ?? []
    if (group === undefined || root === undefined || target === undefined || after?.startsWith('cgroup2 ') !== true) continue
    const top = root === '/' ? '' : root
    if (group === root || group.startsWith(`${top}/`)) return `${target}${group.slice(top.length)}`
  }
  return undefined
}

/** Resources as /proc/PID/limits calls them (proc_pid_limits(5)). */
const limitTitles: Readonly<Record<string, string>> = {
  'Max cpu time': 'cpu',
  'Max file size': 'fsize',
  'Max data size': 'data',
  'Max stack size': 'stack',
  'Max core file size': 'core',
  'Max resident set': 'rss',
  'Max processes': 'nproc',
  'Max open files': 'nofile',
  'Max locked memory': 'memlock',
  'Max address space': 'as',
  'Max file locks': 'locks',
  'Max pending signals': 'sigpending',
  'Max msgqueue size': 'msgqueue',
  'Max nice priority': 'nice',
  'Max realtime priority': 'rtprio',
  'Max realtime timeout': 'rttime',
}

/** The hard limits in such a file. */
export function parseLimits(limits: string): ReadonlyMap<string, number> {
  const found = limits.split('\n').flatMap((line): [string, number][] => {
    const [, title = '', hard = ''] = /^(Max [a-z ]+?) +(?:unlimited|\d+) +(unlimited|\d+)/.exec(line) ?? []
    const name = limitTitles[title]
    return name === undefined ? [] : [[name, hard === 'unlimited' ? Infinity : Number(hard)]]
  })
  return new Map(found)
}
