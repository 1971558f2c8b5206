import { BoxError } from '@box/core'
import { type Capabilities, type CapabilityName, capabilityNames, type ResourceLimit } from '@box/namespaces'
import type { RuntimeProcess } from '@box/oci'

import type { StartOptions } from '../options.ts'
import { refuse, unsupported } from './unsupported.ts'

/** What a process is and may: all of a configuration's process (config.md, "Process") but its words and how it is scheduled. */
export function identityOf(
  process: Partial<RuntimeProcess>,
): Pick<
  StartOptions,
  'cwd' | 'env' | 'user' | 'additionalGids' | 'umask' | 'rlimits' | 'capabilities' | 'noNewPrivileges' | 'oomScoreAdj' | 'terminal'
> {
  const { cwd, env, user, rlimits, capabilities, noNewPrivileges, oomScoreAdj, terminal, consoleSize } = process
  refuse(
    {
      'process.apparmorProfile': process.apparmorProfile,
      'process.selinuxLabel': process.selinuxLabel,
      'process.commandLine': process.commandLine,
      'process.user.username': user?.username,
    },
    {
      'process.apparmorProfile': 'confine it by seccomp, capabilities and landlock',
      'process.selinuxLabel': 'confine it by seccomp, capabilities and landlock',
      'process.commandLine': 'that is for Windows: give args',
      'process.user.username': 'that is for Windows: give uid and gid',
    },
  )
  return {
    cwd,
    env: env && Object.fromEntries(env.map(variable)),
    user: user && `${user.uid}:${user.gid}`,
    additionalGids: user?.additionalGids,
    umask: user?.umask,
    rlimits: rlimits && limitsOf(rlimits),
    capabilities: capabilities && setsOf(capabilities),
    noNewPrivileges,
    oomScoreAdj,
    // The size is of a terminal: without one it says nothing (config.md, "consoleSize").
    terminal: terminal === true ? (consoleSize ? { columns: consoleSize.width, rows: consoleSize.height } : true) : undefined,
  }
}

function variable(entry: string): [string, string] {
  const equals = entry.indexOf('=')
  if (equals < 1) throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `process.env: ${JSON.stringify(entry)} is not a name, "=" and a value`)
  return [entry.slice(0, equals), entry.slice(equals + 1)]
}

/** RLIM_INFINITY, as JSON numbers keep it. */
const unlimited = 2 ** 63

function limitsOf(rlimits: NonNullable<RuntimeProcess['rlimits']>): StartOptions['rlimits'] {
  const limits = new Map<string, ResourceLimit>()
  for (const { type, soft, hard } of rlimits) {
    const name = /^RLIMIT_([A-Z]+)$/.exec(type)?.[1]?.toLowerCase()
    if (name === undefined) throw unsupported('process.rlimits.type', type, 'give a name of getrlimit(2): RLIMIT_NOFILE')
    if (limits.has(name)) throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `process.rlimits: ${type} is there twice`)
    limits.set(name, { soft: limitOf(soft), hard: limitOf(hard) })
  }
  return Object.fromEntries(limits)
}

function limitOf(value: number): number {
  return value >= unlimited ? Infinity : value
}

function setsOf({ bounding, effective, inheritable, permitted, ambient }: NonNullable<RuntimeProcess['capabilities']>): Capabilities {
  return {
    bounding: namesOf(bounding),
    effective: namesOf(effective),
    inheritable: namesOf(inheritable),
    permitted: namesOf(permitted),
    ambient: namesOf(ambient),
  }
}

function namesOf(names: readonly string[] | undefined): readonly CapabilityName[] | undefined {
  return names?.map((name) => {
    const found = capabilityNames.find((one) => one === name)
    if (found === undefined) throw unsupported('process.capabilities', name, 'give a name of capabilities(7): CAP_CHOWN')
    return found
  })
}
