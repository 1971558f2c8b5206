import type { CgroupTarget, Root, UserNamespaceTarget } from '@box/core'
import {
  defaultSeccompProfile,
  standardCapabilities,
  standardDevices,
  standardMaskedPaths,
  standardMounts,
  standardReadOnlyPaths,
  type Capabilities,
  type CapabilityName,
  type SpawnOptions,
  type User,
} from '@box/namespaces'

import type { StartOptions } from './options.ts'

/** Over a user namespace of the container's own these two reach nothing that it could need. */
const left: readonly CapabilityName[] = ['CAP_MKNOD', 'CAP_AUDIT_WRITE']

/** The capabilities of a container that asks for no others. */
export const sandboxCapabilities: readonly CapabilityName[] = standardCapabilities.filter((name) => !left.includes(name))

/** The variables that every container has (as far as neither the image nor the caller sets them). */
export const baseEnvironment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }

/** What has been made and looked up for one container. */
export interface Made {
  readonly id: string
  readonly root: Root
  readonly userNamespace: UserNamespaceTarget | undefined
  readonly cgroup: CgroupTarget | undefined
  readonly user: User
  readonly home: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/** Translates a container's options and parts to the options of `spawn`: the one place where the sandbox is put together. */
export function sandbox(parts: Made, options: StartOptions): SpawnOptions {
  const { id, root, userNamespace, cgroup, user, home, env, cwd } = parts
  const hasTerminal = options.terminal !== undefined && options.terminal !== false
  return {
    namespaces: {
      mount: 'new',
      pid: 'new',
      uts: 'new',
      ipc: 'new',
      cgroup: 'new',
      network: options.network === 'host' ? 'host' : 'new',
      user: userNamespace ?? 'host',
    },
    root,
    readOnlyRoot: options.readOnly === true,
    mounts: [...standardMounts, ...(options.mounts ?? [])],
    devices: [...standardDevices, ...(options.devices ?? [])],
    maskedPaths: options.maskedPaths ?? standardMaskedPaths,
    readOnlyPaths: options.readOnlyPaths ?? standardReadOnlyPaths,
    rootPropagation: options.rootPropagation,
    hostname: options.hostname ?? id.slice(0, 12),
    domainname: options.domainname,
    sysctls: options.sysctls,
    cgroup,
    user,
    capabilities: capabilitiesOf(user, options.capabilities),
    noNewPrivileges: options.noNewPrivileges ?? true,
    umask: options.umask,
    seccomp: options.seccomp ?? defaultSeccompProfile,
    onSystemCall: typeof options.onSystemCall === 'object' ? { id, ...options.onSystemCall } : options.onSystemCall,
    landlock: options.landlock,
    rlimits: options.rlimits,
    oomScoreAdj: options.oomScoreAdj,
    scheduler: options.scheduler,
    ioPriority: options.ioPriority,
    cpuAffinity: options.cpuAffinity,
    memoryPolicy: options.memoryPolicy,
    personality: options.personality,
    sessionKeyring: options.sessionKeyring,
    env: { ...baseEnvironment, ...(hasTerminal ? { TERM: 'xterm' } : {}), HOME: home, ...env },
    cwd,
    stdio: options.stdio,
    terminal: options.terminal,
    descriptors: options.descriptors,
    init: options.init,
    timeout: options.timeout,
    signal: options.signal,
  }
}

/** Of a list a user other than 0 keeps the bounding set and starts with no capability, as after a login. */
export function capabilitiesOf(
  user: User,
  given: readonly CapabilityName[] | Capabilities = sandboxCapabilities,
): SpawnOptions['capabilities'] {
  return user.uid === 0 || !isList(given) ? given : { bounding: given }
}

function isList(given: readonly CapabilityName[] | Capabilities): given is readonly CapabilityName[] {
  return Array.isArray(given)
}

/** The user with groups beside its own. */
export function withGroups(user: User, more: readonly number[] = []): User {
  return more.length === 0 ? user : { ...user, additionalGids: [...new Set([...(user.additionalGids ?? []), ...more])] }
}
