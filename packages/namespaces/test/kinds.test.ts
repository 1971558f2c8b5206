import { BoxError } from '@box/core'
import { createUserNamespace, launch, Namespace, plan, spawn, type SpawnOptions } from '../src/index.ts'
import { run } from './support/run.ts'

/** Options of any kind: what is written as JSON is of none. `"@nan"` and the like stand for what JSON does not have. */
const untyped = (options: unknown): SpawnOptions =>
  JSON.parse(JSON.stringify(options), (_key, value: unknown) => (value === '@nan' ? Number.NaN : value === '@function' ? () => {} : value))

/** An object with everything that can be had, for values to be exchanged in. */
const whole = {
  namespaces: ['user', 'pid', 'mount', 'uts', 'ipc', 'network', 'cgroup', 'time'],
  uidMappings: [{ containerId: 0, hostId: 0, size: 1 }],
  gidMappings: [{ containerId: 0, hostId: 0, size: 1 }],
  timeOffsets: { monotonic: { secs: 1, nanosecs: 2 }, boottime: { secs: 1 } },
  hostname: 'a',
  domainname: 'b',
  sysctls: { 'net.ipv4.ip_forward': '1' },
  root: { fd: 7, path: '/a' },
  readOnlyRoot: true,
  rootPropagation: 'slave',
  mounts: [
    {
      type: 'bind',
      target: '/a',
      source: '/b',
      readOnly: true,
      recursive: true,
      recursiveAttributes: false,
      propagation: 'private',
      userNamespace: { fd: 8 },
    },
    { type: 'bind', target: '/a', source: { fd: 7 } },
    { type: 'overlay', target: '/a', lowers: ['/b'], upper: '/c', work: '/d', noexec: true },
    { type: 'tmpfs', target: '/a', size: '1MiB', mode: 0o700, uid: 1, gid: 1, nosuid: true },
    { type: 'proc', target: '/proc', hidepid: 'off', gid: 1, subset: 'pid' },
    { type: 'devpts', target: '/dev/pts', mode: 0o600, gid: 1, ptmxmode: 0o666 },
    { type: 'sysfs', target: '/sys' },
    { type: 'mqueue', target: '/dev/mqueue' },
    { type: 'cgroup', target: '/sys/fs/cgroup' },
  ],
  devices: [{ path: '/dev/a', type: 'char', major: 1, minor: 3, mode: 0o600, uid: 0, gid: 0 }],
  maskedPaths: ['/a'],
  readOnlyPaths: ['/b'],
  cgroup: { paths: { v2: '/a', v1: ['/b'] } },
  rlimits: { nofile: { soft: 10, hard: 20 } },
  oomScoreAdj: 1,
  scheduler: { policy: 'batch', nice: 1, priority: 0, runtime: 0, deadline: 0, period: 0, flags: ['resetOnFork'] },
  ioPriority: { class: 'bestEffort', priority: 1 },
  cpuAffinity: [0],
  memoryPolicy: { mode: 'bind', nodes: [0], flags: ['staticNodes'] },
  personality: 'linux',
  sessionKeyring: 'a',
  user: { uid: 0, gid: 0, additionalGids: [1] },
  umask: 0,
  capabilities: { bounding: ['CAP_CHOWN'], effective: [], permitted: [], inheritable: [], ambient: [] },
  noNewPrivileges: true,
  landlock: { files: [{ path: '/a', allow: ['readFile'] }], bindTcp: [1], connectTcp: [1], scopes: ['signals'], bestEffort: true },
  seccomp: {
    defaultAction: 'SCMP_ACT_ALLOW',
    defaultErrnoRet: 1,
    architectures: ['SCMP_ARCH_X86'],
    flags: ['SECCOMP_FILTER_FLAG_LOG'],
    syscalls: [
      {
        names: ['mkdir'],
        action: 'SCMP_ACT_ERRNO',
        errnoRet: 1,
        args: [{ index: 0, value: 1, valueTwo: 1, op: 'SCMP_CMP_MASKED_EQ' }],
      },
    ],
  },
  env: { A: 'b' },
  cwd: '/',
  stdio: ['ignore', 'pipe', 2],
  descriptors: { 3: 1 },
  init: true,
  detached: true,
  timeout: 5,
}

type Place = readonly (string | number)[]

/** Every place in it, from the options themselves to the last number. */
function placesIn(value: unknown, at: Place = []): Place[] {
  if (typeof value !== 'object' || value === null) return [at]
  const inside = Object.entries(value).flatMap(([name, part]) => placesIn(part, [...at, Array.isArray(value) ? Number(name) : name]))
  return at.length === 0 ? inside : [at, ...inside]
}

function replaced(value: unknown, [name, ...rest]: Place, by: unknown): unknown {
  if (name === undefined) return by
  if (Array.isArray(value)) return value.map((item: unknown, index) => (index === name ? replaced(item, rest, by) : item))
  const entries = Object.entries(Object(value))
  return Object.fromEntries(entries.map(([key, part]) => [key, key === name ? replaced(part, rest, by) : part]))
}

const wrong = [null, true, 5.5, -1, '', 'word', '\0', [], [null], ['word'], [5.5], {}, { word: null }, '@nan', '@function']

test('everything that can be had is taken', () => {
  expect(plan(['true'], untyped(whole)).encoded.length).toBeGreaterThan(1000)
})

test.each(placesIn(whole).map((place): [string, Place] => [place.join('.'), place]))(
  '%s takes a value, or refuses it by name',
  (name, place) => {
    for (const value of wrong) {
      const options = untyped(replaced(whole, place, value))
      let thrown: unknown
      try {
        expect(plan(['true'], options).encoded.length).toBeGreaterThan(0)
      } catch (error) {
        thrown = error
      }
      if (thrown === undefined) {
        // null is a value, and nowhere one that can be meant.
        expect([name, value]).not.toEqual([name, null])
        continue
      }
      expect([value, thrown]).toEqual([value, expect.any(BoxError)])
      expect(thrown).toMatchObject({ code: expect.stringMatching(/^ERR_BOX_(INVALID_ARGUMENT|PERMISSION)$/) })
    }
  },
)

describe('what would leave out a restriction without a word is refused', () => {
  const bind = { type: 'bind', target: '/m', source: '/etc' }
  const profile = (syscalls: unknown, more: object = {}): object => ({
    noNewPrivileges: true,
    seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls, ...more },
  })
  const rule = { names: ['mkdir'], action: 'SCMP_ACT_ERRNO' }
  const table: readonly (readonly [string, object, string])[] = [
    ['a bind mount that is read-only by a word', { mounts: [{ ...bind, readOnly: 'true' }] }, 'readOnly'],
    ['one that is by a number', { mounts: [{ ...bind, noexec: 1 }] }, 'noexec'],
    ['one of no source, which would be the working directory', { mounts: [{ ...bind, source: '' }] }, 'mounts.source'],
    ['a root that is read-only by a word', { readOnlyRoot: 'yes' }, 'readOnlyRoot'],
    ['one that is, without a mount namespace', { namespaces: ['user'], readOnlyRoot: true }, 'readOnlyRoot'],
    ['a propagation that is none', { rootPropagation: 'privat' }, 'rootPropagation'],
    ['a propagation of a mount that is none', { mounts: [{ ...bind, propagation: 'privat' }] }, 'propagation'],
    ['a mount over the root', { mounts: [{ ...bind, target: '//./' }] }, 'mounts.target'],
    ['a root that is masked', { maskedPaths: ['/'] }, 'maskedPaths'],
    ['a root that is a read-only path', { readOnlyPaths: ['/'] }, 'readOnlyPaths'],
    ['capabilities that are null', { capabilities: null }, 'capabilities'],
    ['a set of capabilities that is null', { capabilities: { bounding: null } }, 'bounding'],
    ['limits that are null', { rlimits: null }, 'rlimits'],
    ['a clock that cannot be offset', { namespaces: ['time'], timeOffsets: { realtime: { secs: 1 } } }, 'realtime'],
    ['a name that is no list', profile([{ ...rule, names: 'mkdir' }]), 'names'],
    ['a rule that is for some only', profile([{ ...rule, includes: { caps: ['CAP_SYS_ADMIN'] } }]), 'includes'],
    ['a condition with an operator that is none', profile([{ ...rule, args: [{ index: 0, value: 0, op: 'EQ' }] }]), 'op'],
    ['a condition with half a number', profile([{ ...rule, args: [{ index: 0, value: 0.5, op: 'SCMP_CMP_EQ' }] }]), 'value'],
    ['rules by another name', profile([], { syscall: [rule] }), 'syscall'],
    ['a flag that every object has', profile([], { flags: ['toString'] }), 'toString'],
    ['variables that are a list', { env: ['A=B'] }, 'env'],
    ['a variable that is null', { env: { A: null } }, 'env.A'],
    ['an init by a word', { init: 'yes' }, 'init'],
    ['a descriptor that is none', { namespaces: { network: { fd: -1 } } }, 'namespaces.network'],
  ]
  test.each(table)('%s', (_title, options, named) => {
    expect(() => plan(['true'], untyped({ namespaces: ['mount'], ...options }))).toThrow(
      expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT', message: expect.stringContaining(named) }),
    )
  })
})

test('more words than a plan can have are refused', () => {
  expect(() => plan(['true', ...Array.from({ length: 65_535 }, () => 'a')]).encoded).toThrow(
    expect.objectContaining({ code: 'ERR_BOX_LIMIT' }),
  )
})

describe('functions of the package refuse what is of another kind', () => {
  const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['launch, what is no plan', () => launch(JSON.parse('null'))],
    ['launch, an object that is none', () => launch(JSON.parse('{"word":1}'))],
    ['launch, options of spawn', () => launch(plan(['true']), untyped({ timeout: 5 }))],
    ['spawn, a signal that is a name', () => spawn(['true'], untyped({ signal: 'SIGTERM' }))],
    ['createUserNamespace, nothing', () => createUserNamespace(JSON.parse('null'))],
    ['createUserNamespace, other names', () => createUserNamespace(JSON.parse('{"word":1}'))],
    ['Namespace.of, no process', () => Namespace.of(JSON.parse('null'), 'network')],
    ['Namespace.of, an object that is none', () => Namespace.of(JSON.parse('{"word":1}'), 'network')],
    ['Namespace.open, no path', () => Namespace.open(JSON.parse('null'))],
  ]
  test.each(calls)('%s', async (_title, call) => {
    await expect(call()).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
  })
})

test.each([Infinity, 2 ** 31, 1e12])('a timeout of %d milliseconds does not end a process at once', async (timeout) => {
  const { stdout, timedOut } = await run(['sh', '-c', 'sleep 0.1; echo done'], { timeout })
  expect([stdout, timedOut]).toEqual(['done\n', false])
})
