import { BoxError } from '@box/core'
import { native } from '@box/native'
import { closeSync, readFileSync } from 'node:fs'
import { denied, deniedFeatures, type FeatureName, featureNames, featureOf } from './features.ts'
import { launch } from './launch.ts'
import type { NamespaceKind, SpawnOptions } from './options.ts'
import { compile } from './plan/compile.ts'
import { currentContext, groupFolder } from './plan/context.ts'
import { firstFileRights } from './plan/landlock.ts'
import type { EnterStep, PlanData } from './plan/steps.ts'
import { Plan } from './plan.ts'
import { callNativeAsync } from './reactor.ts'
import { defaultSeccompProfile } from './seccomp/default-profile.ts'
import { createUserNamespace, subordinateIds } from './user-namespace.ts'

/** One thing that a launch can need of the kernel and of the caller's privileges. */
export interface Feature {
  readonly name: FeatureName | 'launcher'
  /** What it is, in a line. */
  readonly what: string
  /** Whether it is there, for this caller, here and now. */
  readonly available: boolean
  /** Why it is not: what was tried and what the kernel answered, or that `BOX_DENY` names it. */
  readonly reason?: BoxError
  /** What a plan does without it. Where nothing stands here a plan that needs it is refused, or fails. */
  readonly fallback?: string
}

/**
 * Tries what a launch can need, each by a short-lived child that does it and ends, and says what is there.
 * The namespaces are tried as this caller would use them: an ordinary user's come with a new user namespace. What the environment variable
 * `BOX_DENY` names is taken for absent, here and by `plan`: names of features with commas between them.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where `BOX_DENY` names something else.
 */
export async function probe(): Promise<readonly Feature[]> {
  const absent = deniedFeatures()
  const features: Feature[] = [{ name: 'launcher', what: 'a process that is started', ...(await tried(() => attempt({}))) }]
  for (const name of featureNames) {
    const { what, fallback } = featureOf(name)
    const found = absent.has(name) ? { available: false, reason: denied(name) } : await tried(() => trials[name]())
    features.push({ name, what, ...found, ...(fallback === undefined ? {} : { fallback }) })
  }
  return features
}

type Found = Pick<Feature, 'available' | 'reason'>

async function tried(trial: () => Promise<Found>): Promise<Found> {
  try {
    return await trial()
  } catch (error) {
    if (error instanceof BoxError) return { available: false, reason: error }
    throw error
  }
}

/** Launches a child that ends after its last step. `adjust` takes out of the plan what would do without the feature. */
async function attempt(options: SpawnOptions, adjust: (step: EnterStep) => EnterStep = (step) => step): Promise<Found> {
  const stdio = options.terminal === undefined ? 'ignore' : undefined
  const data = compile(['-'], { cwd: '/', stdio, ...options })
  const strict: PlanData = { ...data, enter: data.enter.map(adjust), command: [] }
  const child = await launch(new Plan(strict, undefined), { onSystemCall: options.onSystemCall })
  const { exitCode, signal } = await child.exited
  await child.close()
  if (exitCode === 0) return { available: true }
  return { available: false, reason: new BoxError('ERR_BOX_SYSTEM', `the child ended with ${signal ?? String(exitCode)}`) }
}

/** With these an ordinary user can make other namespaces. */
const base = (): readonly NamespaceKind[] => (process.geteuid?.() === 0 ? [] : ['user'])
const namespaces = (...kinds: NamespaceKind[]): SpawnOptions => ({ namespaces: [...new Set([...base(), ...kinds])] })
const range = [{ containerId: 0, hostId: 100_000, size: 65_536 }]
const ranges = { uidMappings: range, gidMappings: range }

const newMount = (type: 'proc' | 'sysfs' | 'mqueue' | 'tmpfs' | 'devpts', ...kinds: NamespaceKind[]): (() => Promise<Found>) => {
  const strict = (step: EnterStep): EnterStep => (step.do === 'mount' ? { ...step, orBind: false } : step)
  return () => attempt({ ...namespaces('mount', ...kinds), mounts: [{ type, target: '/tmp' }] }, strict)
}

const trials: Readonly<Record<FeatureName, () => Promise<Found>>> = {
  'user-namespace': () => attempt(namespaces('user')),
  'pid-namespace': () => attempt({ ...namespaces('pid', 'mount'), mounts: [] }),
  'mount-namespace': () => attempt(namespaces('mount')),
  'uts-namespace': () => attempt(namespaces('uts')),
  'ipc-namespace': () => attempt(namespaces('ipc')),
  'network-namespace': () => attempt(namespaces('network')),
  'cgroup-namespace': () => attempt(namespaces('cgroup')),
  'time-namespace': () => attempt(namespaces('time')),
  'id-ranges': () => attempt({ namespaces: ['user'], ...(process.geteuid?.() === 0 ? ranges : subordinateIds()) }),
  'change-user': () => attempt({ user: { uid: 65_534, gid: 65_534, additionalGids: [65_534] } }),
  'cgroup-v2-birth': bornInOwnGroup,
  'mount-clone': cloneDetached,
  'id-mapped-mount': mapIds,
  overlay: () => attempt({ ...namespaces('mount'), mounts: [{ type: 'overlay', target: '/tmp', lowers: ['/etc', '/usr'] }] }),
  proc: newMount('proc', 'pid'),
  sysfs: newMount('sysfs', 'network'),
  mqueue: newMount('mqueue', 'ipc'),
  tmpfs: newMount('tmpfs'),
  devpts: newMount('devpts'),
  terminal: () => attempt({ terminal: true }),
  'device-nodes': () =>
    attempt(
      {
        ...namespaces('mount'),
        mounts: [{ type: 'tmpfs', target: '/dev' }],
        devices: [{ path: '/dev/null', type: 'char', major: 1, minor: 3 }],
      },
      (step) => (step.do === 'device' ? { ...step, slot: undefined } : step),
    ),
  'lower-oom-score': () => attempt({ oomScoreAdj: -1000 }),
  'raise-limits': raiseLimit,
  'realtime-scheduling': () => attempt({ scheduler: { policy: 'fifo', priority: 1 } }),
  'realtime-io': () => attempt({ ioPriority: { class: 'realtime' } }),
  'memory-policy': () => attempt({ memoryPolicy: { mode: 'default' } }),
  'session-keyring': () => attempt({ sessionKeyring: 'box-probe' }),
  'capability-sets': () => attempt({ ...namespaces(), capabilities: [] }),
  seccomp: () => attempt({ noNewPrivileges: true, seccomp: defaultSeccompProfile }),
  'seccomp-notify': () =>
    attempt({
      noNewPrivileges: true,
      seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['reboot'], action: 'SCMP_ACT_NOTIFY' }] },
      onSystemCall: () => ({ errno: 'EPERM' }),
    }),
  landlock: () =>
    attempt({ landlock: { files: [{ path: '/', allow: ['readFile'] }] } }, (step) =>
      step.do === 'landlock' ? { ...step, files: firstFileRights } : step,
    ),
  'landlock-newer-rights': () => attempt({ landlock: { files: [{ path: '/', allow: ['readFile'] }] } }),
  'landlock-network': () => attempt({ landlock: { bindTcp: [] } }),
  'landlock-scopes': () => attempt({ landlock: { scopes: ['signals'] } }),
}

async function bornInOwnGroup(): Promise<Found> {
  const v2 = groupFolder(readFileSync('/proc/self/cgroup', 'utf8'), readFileSync('/proc/self/mountinfo', 'utf8'))
  if (v2 !== undefined) return await attempt({ cgroup: { paths: { v2, v1: [] } } })
  return { available: false, reason: new BoxError('ERR_BOX_UNSUPPORTED', 'no cgroup v2 hierarchy that holds this process is mounted') }
}

/** One of those that the kernel sets no bound for beside the limit itself. */
async function raiseLimit(): Promise<Found> {
  const limits = currentContext().hardLimits()
  const names = ['msgqueue', 'sigpending', 'nproc', 'memlock'] as const
  const name = names.find((one) => (limits.get(one) ?? Infinity) < Number.MAX_SAFE_INTEGER)
  return name === undefined ? { available: true } : await attempt({ rlimits: { [name]: { soft: 0, hard: (limits.get(name) ?? 0) + 1 } } })
}

/** A root that is attached nowhere serves a second launch only where the first one got a clone. */
async function cloneDetached(): Promise<Found> {
  const fd = await callNativeAsync(() => native().mountTmpfs(65_536, 0o755))
  try {
    const options: SpawnOptions = { ...namespaces('mount'), root: { fd }, mounts: [], devices: [] }
    const first = await attempt(options)
    return first.available ? await attempt(options) : first
  } finally {
    closeSync(fd)
  }
}

/** Which file systems can be shown with other ids differs: the caller's root, or one in memory. */
async function mapIds(): Promise<Found> {
  const userNamespace = await createUserNamespace(ranges)
  try {
    const bind = (source: string | { fd: number }): Promise<Found> => {
      const mounts = [{ type: 'bind', source, target: '/tmp', recursive: false, userNamespace }] as const
      return tried(() => attempt({ ...namespaces('mount'), mounts }))
    }
    const ofRoot = await bind('/')
    if (ofRoot.available) return ofRoot
    const fd = await callNativeAsync(() => native().mountTmpfs(65_536, 0o755))
    try {
      return await bind({ fd })
    } finally {
      closeSync(fd)
    }
  } finally {
    await userNamespace.close()
  }
}
