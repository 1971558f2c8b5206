import { BoxError } from '@box/core'
import { launch } from './launch.ts'
import type { NamespaceKind, SpawnOptions } from './options.ts'
import { compile } from './plan/compile.ts'
import { Plan } from './plan.ts'
import { subordinateIds } from './user-namespace.ts'
import { defaultSeccompProfile } from './seccomp/default-profile.ts'

/** One thing that a launch can need of the kernel and of the caller's privileges. */
export interface Feature {
  readonly name: string
  /** Whether it is there, for this caller, here and now. */
  readonly available: boolean
  /** Why it is not: what was tried and what the kernel answered. */
  readonly reason?: BoxError
}

/**
 * Tries what a launch can need, each by a short-lived child that does it and ends, and says what is there.
 * The namespaces are tried as this caller would use them: an ordinary user's come with a new user namespace.
 */
export async function probe(): Promise<readonly Feature[]> {
  const features: Feature[] = []
  for (const [name, options] of trials()) features.push({ name, ...(await attempt(options)) })
  return features
}

function trials(): [string, SpawnOptions | (() => SpawnOptions)][] {
  const privileged = process.geteuid?.() === 0
  const base: readonly NamespaceKind[] = privileged ? [] : ['user']
  const kinds: readonly NamespaceKind[] = ['user', 'pid', 'mount', 'uts', 'ipc', 'network', 'cgroup', 'time']
  const range = [{ containerId: 0, hostId: 100_000, size: 65_536 }]
  const proc = { type: 'proc', target: '/proc' } as const
  return [
    ['launcher', {}],
    ...kinds.map((kind): [string, SpawnOptions] => [`${kind} namespace`, { namespaces: [...new Set([...base, kind])] }]),
    ['range of ids', () => ({ namespaces: ['user'], ...(privileged ? { uidMappings: range, gidMappings: range } : subordinateIds()) })],
    ['fresh /proc', { namespaces: ['user', 'pid', 'mount'], mounts: [proc] }],
    ['tmpfs', { namespaces: [...base, 'mount'], mounts: [{ type: 'tmpfs', target: '/tmp' }] }],
    ['system call filter', { noNewPrivileges: true, seccomp: defaultSeccompProfile }],
  ]
}

async function attempt(given: SpawnOptions | (() => SpawnOptions)): Promise<Omit<Feature, 'name'>> {
  try {
    const options = typeof given === 'function' ? given() : given
    // Without a command the child ends after its last step.
    const data = { ...compile(['-'], { ...options, stdio: 'ignore' }), command: [] }
    const child = await launch(new Plan(data, undefined))
    const { exitCode, signal } = await child.exited
    if (exitCode === 0) return { available: true }
    return { available: false, reason: new BoxError('ERR_BOX_SYSTEM', `the child ended with ${signal ?? String(exitCode)}`) }
  } catch (error) {
    if (error instanceof BoxError) return { available: false, reason: error }
    throw error
  }
}
