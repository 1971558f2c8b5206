import { readFileSync } from 'node:fs'
import { BoxError, type ErrorCode, fromNative, type NativeFailure } from './errors.ts'

/** What was asked of the kernel. */
export interface AskedNamespaces {
  /** The kinds of namespace that were to be new, by the names of the runtime specification. */
  readonly namespaces: readonly string[]
  /** The programs that were to write the maps of a user namespace, where the caller may not. Default: none. */
  readonly mappers?: readonly string[]
}

/**
 * Turns what the native core threw, or reported of a launch, into a BoxError. Where a setting of the host forbids new namespaces
 * (user.max_user_namespaces, kernel.unprivileged_userns_clone, AppArmor's restriction) the error's `path` is that of the setting, and the hint
 * says how it is changed; else the hint is the given one.
 */
export function namespaceError(
  thrown: unknown,
  asked: AskedNamespaces,
  hint?: string | ((failure: NativeFailure) => string | undefined),
): unknown {
  const error = fromNative(thrown)
  if (!(error instanceof BoxError)) return error
  const reason = reasonOf(error, asked)
  if (error.hint !== undefined || reason === undefined) return fromNative(thrown, hint)
  const { syscall, errno, step } = error
  const path = reason.path ?? error.path
  return new BoxError(reason.code ?? error.code, error.message, { syscall, errno, step, path, hint: reason.hint })
}

interface Reason {
  readonly code?: ErrorCode
  readonly path?: string
  readonly hint: string
}

function reasonOf({ syscall, errno, step }: BoxError, { namespaces, mappers = [] }: AskedNamespaces): Reason | undefined {
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

const limits: Readonly<Record<string, string>> = {
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
function limitOf(namespaces: readonly string[]): Reason | undefined {
  const names = namespaces.flatMap((kind) => limits[kind] ?? [])
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
