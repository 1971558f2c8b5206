import { BoxError, type IdMapping } from '@box/core'
import { type NamespaceKind, type SpawnOptions, plan, Plan } from '../../src/index.ts'
import { compile } from '../../src/plan/compile.ts'
import { type PlanContext, parseCgroups } from '../../src/plan/context.ts'
import { everything } from './everything.ts'

const all: readonly NamespaceKind[] = ['user', 'pid', 'mount', 'uts', 'ipc', 'network', 'cgroup']
const root: PlanContext = {
  uid: 0,
  gid: 0,
  cwd: '/here',
  subordinateIds: () => {
    throw new BoxError('ERR_BOX_PERMISSION', 'no range')
  },
  forbidsGroups: () => true,
  timeNamespaces: () => true,
  hardLimits: () => new Map(),
  denied: () => new Set(),
  cgroups: () => ({ unified: 'only', v1: [] }),
}
const user: PlanContext = { ...root, uid: 1000, gid: 1001 }
/** The same user with 65,536 ids from 100000 on, and ten groups. */
const granted: PlanContext = {
  ...user,
  subordinateIds: () => ({
    name: 'ada',
    uidMappings: [
      { containerId: 0, hostId: 1000, size: 1 },
      { containerId: 1, hostId: 100000, size: 65536 },
    ],
    gidMappings: [
      { containerId: 0, hostId: 1001, size: 1 },
      { containerId: 1, hostId: 100000, size: 5 },
      { containerId: 6, hostId: 100005, size: 5 },
    ],
    newuidmap: '/usr/bin/newuidmap',
    newgidmap: '/usr/bin/newgidmap',
  }),
}

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

describe('an ordinary user with ranges of ids', () => {
  const mappers = ['/usr/bin/newuidmap', '/usr/bin/newgidmap']
  const one = (containerId: number, hostId: number, size = 1): IdMapping[] => [{ containerId, hostId, size }]

  test('maps them all by newuidmap and newgidmap, its own ids as 0, and has no group of the caller’s', () => {
    const data = compile(['true'], { namespaces: ['user'] }, granted)
    expect(data).toMatchObject({
      uidMap: '0 1000 1\n1 100000 65536\n',
      gidMap: '0 1001 1\n1 100000 5\n6 100005 5\n',
      mappers,
      denySetgroups: false,
      mapSelf: false,
    })
    expect(data.enter).toContainEqual({ do: 'user', uid: 0, gid: 0, groups: [] })
    expect(String(new Plan(data, undefined))).toContain('by /usr/bin/newuidmap and /usr/bin/newgidmap')
  })

  test('maps what it chooses of them, over the border of two ranges, too', () => {
    const options = { namespaces: ['user'], uidMappings: one(0, 100010, 100), gidMappings: one(0, 100003, 5) } as const
    const expected = { uidMap: '0 100010 100\n', gidMap: '0 100003 5\n', mappers }
    expect(compile(['true'], options, granted)).toMatchObject(expected)
    const user = { uid: 5, gid: 1, additionalGids: [2, 3] }
    const { enter } = compile(['true'], { ...options, user }, granted)
    expect(enter).toContainEqual({ do: 'user', uid: 5, gid: 1, groups: [2, 3] })
  })

  test('maps itself alone where ranges are denied, and is refused others by the name of the feature', () => {
    const without: PlanContext = { ...granted, denied: () => new Set(['id-ranges'] as const) }
    expect(compile(['true'], { namespaces: ['user'] }, without)).toMatchObject({ uidMap: '0 1000 1\n', mappers: [], mapSelf: true })
    const options = { namespaces: ['user'], uidMappings: one(0, 100010, 100), gidMappings: one(0, 100003, 5) } as const
    expect(() => compile(['true'], options, without)).toThrow(
      expect.objectContaining({ code: 'ERR_BOX_UNSUPPORTED', message: expect.stringContaining('"id-ranges"') }),
    )
  })

  test('maps itself alone where it asks for that', () => {
    const alone = { namespaces: ['user'], uidMappings: one(0, 1000), gidMappings: one(0, 1001) } as const
    expect(compile(['true'], alone, granted)).toMatchObject({ mappers: [], mapSelf: true, denySetgroups: true })
  })

  test.each([
    ['uids', { uidMappings: one(0, 100000, 65537), gidMappings: one(0, 1001) }, '/etc/subuid', '100000 to 165536'],
    ['uids of somebody else', { uidMappings: one(0, 1002), gidMappings: one(0, 1001) }, '/etc/subuid', '1002 to 1002'],
    ['gids', { uidMappings: one(0, 1000), gidMappings: one(0, 100000, 11) }, '/etc/subgid', '100000 to 100010'],
  ])('is told which %s are too many', (_, maps, path, ids) => {
    expect(() => compile(['true'], { namespaces: ['user'], ...maps }, granted)).toThrow(
      expect.objectContaining({
        code: 'ERR_BOX_PERMISSION',
        path,
        message: expect.stringContaining(ids),
        hint: expect.stringContaining('ada'),
      }),
    )
  })

  test('sets groups in a namespace that it joins where that was mapped by newgidmap', () => {
    const userNamespace = { fd: 8, uidMappings: one(0, 1000), gidMappings: [...one(0, 1001), ...one(1, 100000, 5)] }
    const options: SpawnOptions = { namespaces: ['mount'], root: { fd: 7, userNamespace }, user: { uid: 0, gid: 0, additionalGids: [4] } }
    expect(compile(['true'], options, granted).enter).toContainEqual({ do: 'user', uid: 0, gid: 0, groups: [4] })
    const alone = { fd: 7, userNamespace: { ...userNamespace, gidMappings: one(0, 1001) } }
    expect(() => compile(['true'], { ...options, root: alone }, granted)).toThrow('user.additionalGids')
    const process = { pid: 5, pidfd: 9 }
    const joined: SpawnOptions = { namespaces: { user: process }, user: { uid: 0, gid: 0, additionalGids: [4] } }
    expect(() => compile(['true'], joined, granted)).toThrow('user.additionalGids')
    expect(compile(['true'], joined, { ...granted, forbidsGroups: (pid) => pid !== 5 }).enter).toContainEqual(
      expect.objectContaining({ groups: [4] }),
    )
  })
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
