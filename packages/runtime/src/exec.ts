import { BoxError, type ProcessTarget, refuseUnknownOptions } from '@box/core'
import type { MountedRoot } from '@box/layers'
import type { NamespaceChoices, Process, SpawnOptions, spawn } from '@box/namespaces'

import { execOptions } from './option-names.ts'
import type { ExecOptions, StartOptions } from './options.ts'
import { baseEnvironment, capabilitiesOf, withGroups } from './sandbox.ts'
import { userIn } from './user.ts'

/** What a command beside the first one is started with. */
export interface Confinement {
  /** How the first process was started. */
  readonly spawned: SpawnOptions
  readonly root: MountedRoot
  /** The user, variables and working directory of the first process, as it was asked for. */
  readonly user: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly capabilities: StartOptions['capabilities']
  readonly additionalGids: StartOptions['additionalGids']
  readonly launch: typeof spawn
}

/**
 * Starts a command beside the first process, in its namespaces and its cgroup, with no more rights. The user is looked up through the
 * root's descriptor, from outside: nothing of the container is executed or loaded before the command itself.
 */
export async function execIn(
  first: ProcessTarget,
  confinement: Confinement,
  command: readonly string[],
  options: ExecOptions = {},
): Promise<Process> {
  refuseUnknownOptions('exec', options, execOptions)
  const { spawned, root, launch } = confinement
  options.signal?.throwIfAborted()
  const { home, ...found } = await userIn(root, options.user ?? confinement.user)
  // Another user than the container's has groups of its own.
  const user = options.user === undefined ? withGroups(found, confinement.additionalGids) : found
  return await launch(command, {
    ...spawned,
    ...made,
    namespaces: joined(spawned.namespaces, first),
    user,
    capabilities: capabilitiesOf(user, confinement.capabilities),
    env: { ...baseEnvironment, HOME: home, ...confinement.env, ...options.env },
    cwd: options.cwd ?? confinement.cwd,
    rlimits: { ...spawned.rlimits, ...options.rlimits },
    cpuAffinity: options.cpuAffinity ?? spawned.cpuAffinity,
    stdio: options.stdio,
    terminal: options.terminal,
    descriptors: options.descriptors,
    timeout: options.timeout,
    signal: options.signal,
  })
}

/** What was made once, with the namespaces. */
const made: SpawnOptions = {
  root: undefined,
  readOnlyRoot: undefined,
  rootPropagation: undefined,
  mounts: undefined,
  devices: undefined,
  maskedPaths: undefined,
  readOnlyPaths: undefined,
  hostname: undefined,
  domainname: undefined,
  sysctls: undefined,
  uidMappings: undefined,
  gidMappings: undefined,
  init: undefined,
}

/** Each namespace that the first process does not share with the host. */
function joined(choices: SpawnOptions['namespaces'], first: ProcessTarget): NamespaceChoices {
  if (choices === undefined || Array.isArray(choices) || 'pidfd' in choices)
    throw new BoxError('ERR_BOX_STATE', 'the namespaces of the first process are not known one by one')
  return Object.fromEntries(Object.entries(choices).map(([kind, choice]) => [kind, choice === 'host' ? 'host' : first]))
}
