import { type NamespaceKind, type SpawnOptions, plan, Plan } from '../../src/index.ts'
import { compile } from '../../src/plan/compile.ts'
import { type PlanContext, parseCgroups } from '../../src/plan/context.ts'
import { everything } from './everything.ts'

const all: readonly NamespaceKind[] = ['user', 'pid', 'mount', 'uts', 'ipc', 'network', 'cgroup']
const root: PlanContext = { uid: 0, gid: 0, cwd: '/here', timeNamespaces: () => true, cgroups: () => ({ unified: 'only', v1: [] }) }
const user: PlanContext = { ...root, uid: 1000, gid: 1001 }

const explain = (options: SpawnOptions, context: PlanContext): string => String(new Plan(compile(['true'], options, context), undefined))

test('the explanation of a sandbox with a root, as root', () => {
  const options: SpawnOptions = {
    namespaces: all,
    root: { fd: 7 },
    hostname: 'box',
    maskedPaths: ['/proc/keys'],
    readOnlyPaths: ['/proc/sys'],
    capabilities: ['CAP_CHOWN'],
    noNewPrivileges: true,
    cgroup: { paths: { v2: '/sys/fs/cgroup/a', v1: [] } },
  }
  expect(explain(options, root)).toMatchSnapshot()
})

test('the explanation of the same as an ordinary user', () => {
  expect(explain({ namespaces: all, root: { fd: 7, path: '/roots/a' }, hostname: 'box' }, user)).toMatchSnapshot()
})

test('the explanation names every step', () => {
  const text = String(new Plan(everything, undefined))
  expect(text).toMatchSnapshot()
  expect(text).not.toContain('undefined')
})

test('a plan is the same for the same options, and touches nothing', () => {
  const options: SpawnOptions = { namespaces: all, root: { fd: 7 } }
  expect(compile(['true'], options, root)).toEqual(compile(['true'], options, root))
  // A descriptor that is not open, and a path that is not there: only a launch would notice.
  expect(() => plan(['true'], { namespaces: ['mount'], mounts: [{ type: 'bind', source: '/no/such', target: '/x' }] })).not.toThrow()
})

test('root maps all its ids, another user its own alone and without setgroups', () => {
  expect(compile(['true'], { namespaces: ['user'] }, root)).toMatchObject({
    uidMap: '0 0 4294967295\n',
    denySetgroups: false,
    mapSelf: false,
  })
  expect(compile(['true'], { namespaces: ['user'] }, user)).toMatchObject({
    uidMap: '0 1000 1\n',
    gidMap: '0 1001 1\n',
    denySetgroups: true,
    mapSelf: true,
  })
  const map = [{ containerId: 0, hostId: 100000, size: 65536 }]
  expect(() => compile(['true'], { namespaces: ['user'], uidMappings: map, gidMappings: map }, user)).toThrow(
    expect.objectContaining({ code: 'ERR_BOX_PERMISSION' }),
  )
})

test('a root that belongs to a user namespace is entered with it: root makes one of the same maps, another user joins it', () => {
  const map = [{ containerId: 0, hostId: 100000, size: 65536 }]
  const owned = { fd: 7, userNamespace: { fd: 8, uidMappings: map, gidMappings: map } }
  const asRoot = compile(['true'], { namespaces: ['mount'], root: owned }, root)
  expect(asRoot).toMatchObject({ namespaces: ['mount', 'user'], joins: [], uidMap: '0 100000 65536\n' })
  const asUser = compile(['true'], { namespaces: ['mount', 'user'], root: owned }, user)
  expect(asUser).toMatchObject({ namespaces: ['mount'], uidMap: '' })
  expect(asUser.joins).toHaveLength(1)
  expect(asUser.joins[0]?.kinds).toEqual(['user'])
})

test('devices are made by root, and bound in a user namespace', () => {
  const made = compile(['true'], { namespaces: ['mount'], root: { fd: 7 } }, root)
  const bound = compile(['true'], { namespaces: ['mount', 'user'], root: { fd: 7 } }, root)
  expect(made.prepare.filter((step) => step.do === 'device')).toEqual([])
  expect(bound.prepare.filter((step) => step.do === 'device')).toHaveLength(6)
})

test('cgroup hierarchies are read out of mountinfo', () => {
  const line = (target: string, type: string, options: string): string =>
    `30 25 0:26 / ${target} rw,nosuid shared:9 - ${type} ${type} ${options}`
  const hybrid = [
    line('/sys/fs/cgroup', 'tmpfs', 'ro,mode=755'),
    line('/sys/fs/cgroup/unified', 'cgroup2', 'rw,nsdelegate'),
    line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct'),
    line('/sys/fs/cgroup/systemd', 'cgroup', 'rw,xattr,name=systemd'),
    line('/elsewhere/memory', 'cgroup', 'rw,memory'),
  ].join('\n')
  expect(parseCgroups(hybrid)).toEqual({
    unified: 'beside',
    v1: [
      {
        name: 'cpu,cpuacct',
        parameters: [
          ['cpu', ''],
          ['cpuacct', ''],
        ],
      },
      {
        name: 'systemd',
        parameters: [
          ['none', ''],
          ['name', 'systemd'],
        ],
      },
    ],
  })
  expect(parseCgroups(line('/sys/fs/cgroup', 'cgroup2', 'rw'))).toEqual({ unified: 'only', v1: [] })
  expect(parseCgroups('')).toEqual({ unified: 'none', v1: [] })
})

const misspelt: readonly (readonly [object, string])[] = [
  [{ namespace: ['pid'] }, 'spawn has no option "namespace"'],
  [
    { namespaces: ['mount'], mounts: [{ type: 'bind', source: '/', target: '/x', readonly: true }] },
    'a bind mount has no option "readonly"',
  ],
  [{ namespaces: ['mount'], mounts: [{ type: 'tmpfs', target: '/x', recursive: true }] }, 'a tmpfs mount has no option "recursive"'],
  [{ namespaces: ['mount'], mounts: [{ type: 'ext4', target: '/x' }] }, 'mounts.type: "ext4" is not one of bind'],
  [{ namespaces: ['mount'], devices: [{ path: '/dev/x', type: 'char', owner: 5 }] }, 'a device has no option "owner"'],
  [{ landlock: { file: [] } }, 'landlock has no option "file"'],
  [{ landlock: { files: [{ path: '/', allowed: [] }] } }, 'landlock.files has no option "allowed"'],
  [{ landlock: { scopes: ['toString'] } }, 'landlock.scopes: "toString" is not one of abstractUnixSockets, signals'],
  [{ scheduler: { policy: 'other', niceness: 5 } }, 'scheduler has no option "niceness"'],
  [{ ioPriority: { class: 'idle', level: 5 } }, 'ioPriority has no option "level"'],
  [{ memoryPolicy: { mode: 'bind', node: [0] } }, 'memoryPolicy has no option "node"'],
  [{ terminal: { cols: 80, rows: 25 } }, 'terminal has no option "cols"'],
  [{ user: { uid: 1, gid: 1, groups: [5] } }, 'user has no option "groups"'],
  [{ capabilities: { Bounding: [] } }, 'capabilities has no option "Bounding"'],
  [{ rlimits: { nofile: { soft: 5, max: 5 } } }, 'rlimits.nofile has no option "max"'],
  [{ timeout: -1 }, 'timeout: -1 is not a number of milliseconds'],
  [{ timeout: Number.NaN }, 'timeout: NaN is not a number of milliseconds'],
]

test.each(misspelt)('a process is not started with less than %j asks for', (options, message) => {
  expect(() => compile(['true'], options, root)).toThrow(message)
})
