import { BoxError, type ErrorCode, fromNative } from '@box/core'
import { readFileSync } from 'node:fs'
import { hintOf } from './hints.ts'
import type { NamespaceKind } from './options.ts'
import type { PlanData } from './plan/steps.ts'

/** What of a plan says whether a host's policy can have stopped it. */
export type Asked = Pick<PlanData, 'namespaces' | 'mappers'>

/**
 * What the native core threw or reported of a launch, as an error with what is known of its reason: where a setting of the host forbids
 * it, that file as `path`, and what to do about it.
 */
export function explained(thrown: unknown, asked: Asked): unknown {
  const error = fromNative(thrown)
  if (!(error instanceof BoxError)) return error
  const reason = reasonOf(error, asked)
  if (error.hint !== undefined || reason === undefined) return fromNative(thrown, hintOf)
  const { syscall, errno, step } = error
  const path = reason.path ?? error.path
  return new BoxError(reason.code ?? error.code, error.message, { syscall, errno, step, path, hint: reason.hint })
}

interface Reason {
  readonly code?: ErrorCode
  readonly path?: string
  readonly hint: string
}

function reasonOf({ syscall, errno, step }: BoxError, { namespaces, mappers }: Asked): Reason | undefined {
  const makes = syscall === 'clone3' || syscall === 'unshare'
  const refused = errno === 'EPERM' || errno === 'EACCES'
  if (makes && errno === 'ENOSPC') return limitOf(namespaces)
  if (!namespaces.includes('user')) return undefined
  const maps = step === 'map the ids' || (step === 'make the time namespace' && syscall === 'write')
  if (maps && mappers.length > 0 && syscall === undefined)
    return { hint: `it is run with the ids that ${mappers.join(' and ')} read in /etc/subuid and /etc/subgid: see newuidmap(1)` }
  if (!refused) return undefined
  if (makes || maps) return policy() ?? (makes ? anyPolicy : undefined)
  // With AppArmor's restriction the namespace can be made, and its owner has no capability in it.
  return process.geteuid?.() === 0 ? undefined : hintAlone(restriction())
}

const anyPolicy: Reason = {
  hint: 'this host, or the container or chroot around this process, forbids new user namespaces: run it as root, or outside of that',
}

const debian = '/proc/sys/kernel/unprivileged_userns_clone'
const apparmor = '/proc/sys/kernel/apparmor_restrict_unprivileged_userns'

/** The settings of distributions that forbid an ordinary user what the kernel would allow. */
function policy(): Reason | undefined {
  if (process.geteuid?.() === 0) return undefined
  if (read(debian) === '0')
    return { path: debian, hint: 'the host lets only root make user namespaces; as root: sysctl -w kernel.unprivileged_userns_clone=1' }
  return restriction()
}

function restriction(): Reason | undefined {
  if (read(apparmor) !== '1') return undefined
  return {
    path: apparmor,
    hint: `AppArmor restricts the user namespaces of programs without a profile; as root: give ${process.execPath} a profile with the rule "userns,", or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`,
  }
}

function hintAlone(reason: Reason | undefined): Reason | undefined {
  return reason === undefined ? undefined : { hint: reason.hint }
}

const limits: Readonly<Record<NamespaceKind, string>> = {
  user: 'max_user_namespaces',
  pid: 'max_pid_namespaces',
  mount: 'max_mnt_namespaces',
  uts: 'max_uts_namespaces',
  ipc: 'max_ipc_namespaces',
  network: 'max_net_namespaces',
  cgroup: 'max_cgroup_namespaces',
  time: 'max_time_namespaces',
}

/** Which number of namespaces(7) is used up: one that is 0 forbids the kind, another one is reached. */
function limitOf(namespaces: readonly NamespaceKind[]): Reason | undefined {
  const names = namespaces.map((kind) => limits[kind])
  const none = names.find((name) => read(`/proc/sys/user/${name}`) === '0')
  if (none === undefined) return undefined
  return {
    code: 'ERR_BOX_UNSUPPORTED',
    path: `/proc/sys/user/${none}`,
    hint: `the host allows none; as root, in the namespace around this process: sysctl -w user.${none}=15000`,
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
