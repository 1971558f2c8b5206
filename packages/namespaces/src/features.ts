import { BoxError } from '@box/core'
import type { NamespaceKind } from './options.ts'
import type { PlanContext } from './plan/context.ts'
import { firstFileRights } from './plan/landlock.ts'
import type { EnterStep, PlanData } from './plan/steps.ts'
import { listenerBits } from './seccomp/compile.ts'

/** The name of a feature, as `probe()` gives it and `BOX_DENY` takes it. */
export type FeatureName =
  | 'user-namespace'
  | 'pid-namespace'
  | 'mount-namespace'
  | 'uts-namespace'
  | 'ipc-namespace'
  | 'network-namespace'
  | 'cgroup-namespace'
  | 'time-namespace'
  | 'id-ranges'
  | 'change-user'
  | 'cgroup-v2-birth'
  | 'mount-clone'
  | 'id-mapped-mount'
  | 'overlay'
  | 'proc'
  | 'sysfs'
  | 'mqueue'
  | 'tmpfs'
  | 'devpts'
  | 'terminal'
  | 'device-nodes'
  | 'lower-oom-score'
  | 'raise-limits'
  | 'realtime-scheduling'
  | 'realtime-io'
  | 'memory-policy'
  | 'session-keyring'
  | 'capability-sets'
  | 'seccomp'
  | 'seccomp-notify'
  | 'landlock'
  | 'landlock-newer-rights'
  | 'landlock-network'
  | 'landlock-scopes'

/** What is known of a feature of the kernel, or of a privilege, that a plan may use. */
export interface FeatureRow {
  /** What it is. */
  readonly what: string
  /** What a plan does without it. Where nothing stands here a plan that needs it is refused. */
  readonly fallback?: string
  /** Whether a plan needs it. */
  readonly usedBy: (plan: PlanData, context: Pick<PlanContext, 'hardLimits'>) => boolean
}

const has =
  (found: (step: EnterStep) => boolean): FeatureRow['usedBy'] =>
  (plan) =>
    plan.enter.some(found)

const namespace =
  (kind: NamespaceKind): FeatureRow['usedBy'] =>
  ({ namespaces, joins, enter }) =>
    namespaces.includes(kind) ||
    joins.some(({ kinds }) => kinds.includes(kind)) ||
    (kind === 'cgroup' && enter.some((step) => step.do === 'cgroupNamespace'))

const mounts = (kind: string): FeatureRow['usedBy'] => has((step) => step.do === 'mount' && step.kind === kind)

/**
 * Every feature of the kernel and every privilege that a plan may use and that can be missing on a supported machine (Linux 6.1 and later): by its
 * configuration, by who the caller is, by the container that it is in, or because it is newer.
 */
const rows: Readonly<Record<FeatureName, FeatureRow>> = {
  'user-namespace': { what: 'user namespaces, new or joined (user_namespaces(7))', usedBy: namespace('user') },
  'pid-namespace': { what: 'pid namespaces (pid_namespaces(7))', usedBy: namespace('pid') },
  'mount-namespace': { what: 'mount namespaces (mount_namespaces(7))', usedBy: namespace('mount') },
  'uts-namespace': { what: 'uts namespaces (uts_namespaces(7))', usedBy: namespace('uts') },
  'ipc-namespace': { what: 'ipc namespaces (ipc_namespaces(7))', usedBy: namespace('ipc') },
  'network-namespace': { what: 'network namespaces (network_namespaces(7))', usedBy: namespace('network') },
  'cgroup-namespace': { what: 'cgroup namespaces (cgroup_namespaces(7))', usedBy: namespace('cgroup') },
  'time-namespace': {
    what: 'time namespaces (time_namespaces(7))',
    fallback: 'where all namespaces of a process are joined, its time namespace is left out',
    usedBy: namespace('time'),
  },
  'id-ranges': {
    what: 'maps of other ids than the caller’s own: CAP_SETUID and CAP_SETGID',
    fallback: 'an ordinary user that names no maps has its own id mapped alone',
    usedBy: ({ uidMap, mapSelf }) => uidMap !== '' && !mapSelf,
  },
  'change-user': {
    what: 'another user or other groups than the caller’s, outside of a new user namespace: CAP_SETUID and CAP_SETGID',
    usedBy: (plan, context) => !namespace('user')(plan, context) && plan.enter.some((step) => step.do === 'user'),
  },
  'cgroup-v2-birth': {
    what: 'a process born in a cgroup of the v2 hierarchy (CLONE_INTO_CGROUP, clone3(2))',
    usedBy: ({ cgroupV2 }) => cgroupV2 !== '',
  },
  'mount-clone': {
    what: 'mounts cloned with the caller’s privilege (OPEN_TREE_CLONE, open_tree(2)), from Linux 6.15 also those that are attached nowhere',
    fallback: 'the process clones them in its own mount namespace; a root that is attached nowhere serves one launch',
    usedBy: ({ prepare }) =>
      prepare.some((step) => step.do !== 'overlay' && step.do !== 'device' && step.idMap === undefined && step.noClone !== true),
  },
  'id-mapped-mount': {
    what: 'mounts that show other ids (MOUNT_ATTR_IDMAP, mount_setattr(2)): CAP_SYS_ADMIN over the file system',
    usedBy: ({ prepare }) => prepare.some((step) => (step.do === 'source' || step.do === 'tree') && step.idMap !== undefined),
  },
  overlay: {
    what: 'overlays (overlayfs)',
    usedBy: ({ prepare, enter }) => prepare.some((step) => step.do === 'overlay') || enter.some((step) => step.do === 'overlay'),
  },
  proc: { what: 'a new /proc: refused inside a container that hides parts of its own', usedBy: mounts('proc') },
  sysfs: { what: 'a new sysfs', fallback: 'the caller’s /sys is bound', usedBy: mounts('sysfs') },
  mqueue: { what: 'a new mqueue (mq_overview(7))', usedBy: mounts('mqueue') },
  tmpfs: { what: 'file systems in memory (tmpfs(5))', usedBy: mounts('tmpfs') },
  devpts: { what: 'terminals of the process’s own (devpts)', usedBy: mounts('devpts') },
  terminal: { what: 'pseudo terminals (pty(7))', usedBy: has((step) => step.do === 'terminal') },
  'device-nodes': {
    what: 'device nodes: CAP_MKNOD',
    fallback: 'the caller’s node of that name is bound',
    usedBy: has((step) => step.do === 'device' && step.type !== 'fifo' && step.slot === undefined),
  },
  'lower-oom-score': {
    what: 'an oom_score_adj below 0: CAP_SYS_RESOURCE',
    usedBy: has((step) => step.do === 'oomScoreAdj' && step.value < 0),
  },
  'raise-limits': {
    what: 'resource limits above the caller’s hard ones (setrlimit(2)): CAP_SYS_RESOURCE',
    usedBy: ({ enter }, context) => {
      const limits = context.hardLimits()
      return enter.some((step) => step.do === 'rlimit' && step.hard > (limits.get(step.resource) ?? Infinity))
    },
  },
  'realtime-scheduling': {
    what: 'a policy or nice value above the usual (sched(7)): CAP_SYS_NICE',
    usedBy: has((step) => step.do === 'scheduler' && ([1, 2, 6].includes(step.policy) || step.nice < 0)),
  },
  'realtime-io': {
    what: 'the realtime class of reads and writes (ioprio_set(2)): CAP_SYS_NICE or CAP_SYS_ADMIN',
    usedBy: has((step) => step.do === 'ioPriority' && step.value >> 13 === 1),
  },
  'memory-policy': { what: 'NUMA memory policies (set_mempolicy(2))', usedBy: has((step) => step.do === 'memoryPolicy') },
  'session-keyring': { what: 'keyrings (session-keyring(7))', usedBy: has((step) => step.do === 'sessionKeyring') },
  'capability-sets': {
    what: 'capabilities that are dropped (capabilities(7)): CAP_SETPCAP',
    usedBy: has((step) => step.do === 'bounding'),
  },
  seccomp: { what: 'filters of system calls (seccomp(2))', usedBy: has((step) => step.do === 'seccomp') },
  'seccomp-notify': {
    what: 'system calls answered by the caller (seccomp_unotify(2))',
    usedBy: has((step) => step.do === 'seccomp' && (step.flags & listenerBits) !== 0),
  },
  landlock: {
    what: 'landlock(7): rights on files',
    fallback: 'with bestEffort they are not restricted',
    usedBy: has((step) => step.do === 'landlock'),
  },
  'landlock-newer-rights': {
    what: 'landlock(7): the rights refer (Linux 5.19), truncate (6.2) and ioctlDev (6.10)',
    fallback: 'with bestEffort they are not restricted',
    usedBy: has((step) => step.do === 'landlock' && (step.files & ~firstFileRights) !== 0n),
  },
  'landlock-network': {
    what: 'landlock(7): TCP ports, from Linux 6.7',
    fallback: 'with bestEffort they are not restricted',
    usedBy: has((step) => step.do === 'landlock' && step.network !== 0n),
  },
  'landlock-scopes': {
    what: 'landlock(7): abstract sockets and signals, from Linux 6.12',
    fallback: 'with bestEffort they are not restricted',
    usedBy: has((step) => step.do === 'landlock' && step.scopes !== 0n),
  },
}

/** All of them. */
export const featureNames: readonly FeatureName[] = Object.keys(rows).filter(isFeature)

/** What is known of one. */
export function featureOf(name: FeatureName): FeatureRow {
  return rows[name]
}

/** Reads `BOX_DENY`: the features that are to be taken for absent, by their names with commas. @throws BoxError `ERR_BOX_INVALID_ARGUMENT`. */
export function deniedFeatures(value: string | undefined = process.env['BOX_DENY']): ReadonlySet<FeatureName> {
  if (value === undefined || value === '') return none
  return new Set(
    value.split(',').map((part) => {
      const name = part.trim()
      if (isFeature(name)) return name
      throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `BOX_DENY: ${JSON.stringify(name)} is not one of ${featureNames.join(', ')}`)
    }),
  )
}

const none: ReadonlySet<FeatureName> = new Set()

function isFeature(name: string): name is FeatureName {
  return Object.hasOwn(rows, name)
}

/** The error of a feature that is denied. */
export function denied(name: FeatureName): BoxError {
  return new BoxError('ERR_BOX_UNSUPPORTED', `the feature ${JSON.stringify(name)} is not there: ${rows[name].what}`, {
    hint: 'BOX_DENY in the environment names it',
  })
}

/** Refuses a plan that uses what is denied. What has a fallback is in no such plan any more. */
export function refuseDenied(plan: PlanData, context: Pick<PlanContext, 'denied' | 'hardLimits'>): void {
  for (const name of context.denied()) if (rows[name].usedBy(plan, context)) throw denied(name)
}
