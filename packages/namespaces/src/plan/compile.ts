import { kinds, refuseUnknownOptions } from '@box/core'
import { refuseDenied } from '../features.ts'
import type { Landlock } from '../landlock.ts'
import { spawnOptions } from '../option-names.ts'
import type { SpawnOptions } from '../options.ts'
import { type PlanContext, currentContext } from './context.ts'
import { compileDescriptors } from './descriptors.ts'
import { Draft } from './draft.ts'
import { compileFilesystem } from './filesystem.ts'
import { compileIdentity, rootOf } from './identity.ts'
import { absolute, invalid, text, whole } from './invalid.ts'
import { type Namespaces, decideNamespaces, joinsOf, timeOffsetsText } from './namespaces.ts'
import { mapText } from './maps.ts'
import { landlockStep } from './landlock.ts'
import { compileResources } from './resources.ts'
import { compileSeccomp } from '../seccomp/compile.ts'
import type { PlanData } from './steps.ts'
import { sysctlPath } from './sysctls.ts'

/** The environment of a process that is given none. */
const defaultEnvironment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }

/** The groups of a process, as a plan has them. */
export function groupsOf({ cgroup }: Pick<SpawnOptions, 'cgroup'>): Pick<PlanData, 'cgroupV2' | 'cgroupV1'> {
  if (cgroup === undefined) return { cgroupV2: '', cgroupV1: [] }
  if (!kinds.object.fits(cgroup?.paths)) throw invalid('cgroup.paths', cgroup?.paths, 'an object with the paths v2 and v1')
  const { v2 = '', v1 } = cgroup.paths
  if (!kinds.texts.fits(v1)) throw invalid('cgroup.paths.v1', v1, 'a list of paths')
  return { cgroupV2: v2 === '' ? v2 : absolute('cgroup.paths.v2', v2), cgroupV1: v1.map((path) => absolute('cgroup.paths.v1', path)) }
}

/** Compiles options to a plan. Touches nothing. @throws BoxError `ERR_BOX_INVALID_ARGUMENT`, `ERR_BOX_PERMISSION`. */
export function compile(command: readonly string[], options: SpawnOptions, context: PlanContext = currentContext()): PlanData {
  if (!Array.isArray(command) || command.length === 0 || command[0] === '')
    throw invalid('command', command, 'a list that begins with a program')
  refuseUnknownOptions('spawn', options, spawnOptions)
  if (options.timeout !== undefined) timeoutOf(options.timeout)
  const namespaces = decideNamespaces(options, context)
  const privileged = context.uid === 0
  if (options.init === true && !namespaces.fresh.has('pid')) throw invalid('init', true, 'possible without a new pid namespace')
  const draft = new Draft()
  const descriptors = compileDescriptors(options, draft)
  const joins = joinsOf(namespaces, draft)
  compileResources(options, draft)
  if (namespaces.foreignUser) draft.add({ do: 'become', ...rootOf(namespaces) })
  if (namespaces.fresh.has('cgroup')) draft.add({ do: 'cgroupNamespace' })
  compileNames(options, namespaces, draft)
  if (namespaces.fresh.has('network')) draft.add({ do: 'loopback' })
  for (const [name, value] of Object.entries(options.sysctls ?? {}))
    draft.add({ do: 'sysctl', name: sysctlPath(name, namespaces), value: text('sysctls', value) })
  compileFilesystem(options, namespaces, context, draft)
  draft.add({ do: 'umask', mask: whole('umask', options.umask ?? 0o022, 0, 0o777) })
  draft.add({ do: 'directory', path: directoryOf(options, namespaces, context) })
  if (options.sessionKeyring !== undefined) draft.add({ do: 'sessionKeyring', name: keyringOf(options.sessionKeyring) })
  const noNewPrivileges = options.noNewPrivileges ?? options.landlock !== undefined
  if (options.landlock !== undefined && !noNewPrivileges) throw invalid('noNewPrivileges', false, 'possible with landlock')
  // Without no_new_privs a filter needs CAP_SYS_ADMIN, which the change of the user takes away.
  if (!noNewPrivileges) compileFilter(options, draft)
  compileIdentity(options, namespaces, privileged, draft)
  if (noNewPrivileges) {
    draft.add({ do: 'noNewPrivileges' })
    if (options.landlock !== undefined) restrict(options.landlock, context, draft)
    compileFilter(options, draft)
  }
  const plan: PlanData = {
    detached: options.detached ?? false,
    init: options.init ?? false,
    denySetgroups: namespaces.maps?.writer === 'self',
    mapSelf: namespaces.maps?.writer === 'self',
    namespaces: [...namespaces.fresh].filter((kind) => kind !== 'cgroup'),
    joins,
    uidMap: namespaces.maps === undefined ? '' : mapText(namespaces.maps.uid),
    gidMap: namespaces.maps === undefined ? '' : mapText(namespaces.maps.gid),
    mappers: typeof namespaces.maps?.writer === 'object' ? namespaces.maps.writer : [],
    timeOffsets: timeOffsetsText(options, namespaces),
    ...groupsOf(options),
    given: draft.given,
    descriptors,
    prepare: draft.prepare,
    enter: draft.enter,
    command: command.map((argument) => text('command', argument)),
    environment: environmentOf(options.env ?? defaultEnvironment),
  }
  refuseDenied(plan, context)
  return plan
}

function timeoutOf(timeout: number): void {
  if (!(timeout >= 0)) throw invalid('timeout', timeout, 'a number of milliseconds from 0 on')
}

function restrict(landlock: Landlock, context: PlanContext, draft: Draft): void {
  const step = landlockStep(landlock, context.denied())
  if (step !== undefined) draft.add(step)
}

function compileFilter({ seccomp }: SpawnOptions, draft: Draft): void {
  if (seccomp === undefined) return
  const filter = compileSeccomp(seccomp)
  draft.add({ do: 'seccomp', flags: filter.flags, filter: filter.program })
}

function compileNames(options: SpawnOptions, namespaces: Namespaces, draft: Draft): void {
  const { hostname, domainname } = options
  if ((hostname ?? domainname) === undefined) return
  // In the caller's own namespace it would rename the host.
  if (!namespaces.fresh.has('uts')) throw invalid('hostname', hostname ?? domainname, 'possible without a new uts namespace')
  if (hostname !== undefined) draft.add({ do: 'hostname', name: nameOf('hostname', hostname) })
  if (domainname !== undefined) draft.add({ do: 'domainname', name: nameOf('domainname', domainname) })
}

function nameOf(option: string, name: string): string {
  if (Buffer.byteLength(text(option, name)) > 64) throw invalid(option, name, 'a name of at most 64 bytes')
  return name
}

/** A keyring's name may not begin with a dot: those are the kernel's own. */
function keyringOf(name: string): string {
  if (!/^[^.\0][^\0]{0,199}$/.test(name)) throw invalid('sessionKeyring', name, 'a name of 1 to 200 characters that begins with no dot')
  return name
}

function directoryOf(options: SpawnOptions, namespaces: Namespaces, context: PlanContext): string {
  if (options.cwd !== undefined) return absolute('cwd', options.cwd)
  return options.root !== undefined || namespaces.joined.has('mount') ? '/' : context.cwd
}

function environmentOf(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(env).flatMap(([name, value]) => {
    if (value === undefined) return []
    if (name === '' || name.includes('=')) throw invalid('env', name, 'the name of a variable')
    if (typeof value !== 'string') throw invalid(`env.${name}`, value, 'a string')
    return [text('env', `${name}=${value}`)]
  })
}
