import { type Mount, type SpawnOptions, defaultSeccompProfile, plan, standardMounts } from '../../src/index.ts'
import { compile } from '../../src/plan/compile.ts'
import { currentContext } from '../../src/plan/context.ts'
import { encode } from '../../src/plan/encode.ts'

const asNew = (options: SpawnOptions): Buffer => Buffer.from(encode(compile(['true'], options, currentContext())))
const encoded = (options: SpawnOptions): Buffer => Buffer.from(plan(['true'], options).encoded)

const options = (): SpawnOptions => ({
  namespaces: ['user', 'pid', 'mount', 'uts'],
  uidMappings: [{ containerId: 0, hostId: 100_000, size: 65_536 }],
  gidMappings: [{ containerId: 0, hostId: 100_000, size: 65_536 }],
  hostname: 'one',
  root: { fd: 9, path: '/tmp/root' },
  mounts: standardMounts.map((mount): Mount => ({ ...mount })),
  rlimits: { nofile: { soft: 64, hard: Infinity } },
  capabilities: ['CAP_CHOWN'],
  seccomp: defaultSeccompProfile,
  env: { NAME: 'value' },
  stdio: ['ignore', 'pipe', 'ignore'],
})

test('plans that differ in their group have their steps in common', () => {
  const first = plan(['true'], { ...options(), cgroup: { paths: { v2: '/sys/fs/cgroup/one', v1: [] } } })
  const second = plan(['true'], { ...options(), cgroup: { paths: { v1: ['/sys/fs/cgroup/pids/é', '/sys/fs/cgroup/cpu/two'] } } })
  expect(second.data.enter).toBe(first.data.enter)
  expect(first.data.cgroupV2).toBe('/sys/fs/cgroup/one')
  expect(second.data.cgroupV1).toEqual(['/sys/fs/cgroup/pids/é', '/sys/fs/cgroup/cpu/two'])
  for (const { data, encoded: bytes } of [first, second]) expect(Buffer.from(bytes)).toEqual(Buffer.from(encode({ ...data })))
})

const changes: readonly (readonly [string, Partial<SpawnOptions>])[] = [
  ['a namespace more', { namespaces: ['user', 'pid', 'mount', 'uts', 'ipc'] }],
  ['another map', { uidMappings: [{ containerId: 0, hostId: 100_001, size: 65_536 }] }],
  ['another name', { hostname: 'two' }],
  ['another root', { root: { fd: 10, path: '/tmp/root' } }],
  ['the root at another path', { root: { fd: 9 } }],
  [
    'a root of another user namespace',
    {
      root: {
        fd: 9,
        path: '/tmp/root',
        userNamespace: {
          fd: 4,
          uidMappings: [{ containerId: 0, hostId: 1, size: 1 }],
          gidMappings: [{ containerId: 0, hostId: 1, size: 1 }],
        },
      },
      uidMappings: undefined,
      gidMappings: undefined,
    },
  ],
  ['a mount less', { mounts: standardMounts.slice(1) }],
  ['a limit that is none', { rlimits: { nofile: { soft: 64, hard: 128 } } }],
  ['no capability', { capabilities: [] }],
  ['an equal, but other filter', { seccomp: { ...defaultSeccompProfile, defaultAction: 'SCMP_ACT_ALLOW' } }],
  ['another variable', { env: { NAME: 'other' } }],
  ['an option more', { detached: true }],
  ['an option without a value', { hostname: undefined }],
]

test.each(changes)('%s makes another plan', (_what, change) => {
  encoded(options())
  expect(encoded({ ...options(), ...change })).toEqual(asNew({ ...options(), ...change }))
  expect(plan(['true'], { ...options(), ...change }).data).toEqual(compile(['true'], { ...options(), ...change }, currentContext()))
  expect(plan(['true'], { ...options(), ...change }).data).not.toEqual(plan(['true'], options()).data)
})

test('what the caller changes in its own options counts', () => {
  const mounts = [...standardMounts]
  const mine = { ...options(), mounts }
  const before = encoded(mine)
  mounts.push({ type: 'tmpfs', target: '/tmp' })
  expect(encoded(mine)).toEqual(asNew(mine))
  expect(encoded(mine)).not.toEqual(before)
})

test('values that cannot be are refused although their like was known', () => {
  const good = { ...options(), rlimits: { nofile: { soft: Infinity } } }
  encoded(good)
  expect(() => plan(['true'], { ...good, rlimits: { nofile: { soft: NaN } } })).toThrow(/rlimits/)
  expect(() => plan(['true'], Object.assign({}, good, { mount: [] }))).toThrow(/no option "mount"/)
  expect(() => plan([''], good)).toThrow(/command/)
  expect(() => Reflect.apply(plan, undefined, [['true'], null])).toThrow(/not an object/)
})

test('a process that is joined is asked for its descriptor each time', () => {
  let pidfd = 7
  class Handle {
    readonly pid = 1
    get pidfd(): number {
      return pidfd
    }
  }
  const joined = (): unknown => plan(['true'], { namespaces: new Handle() }).data.given
  expect(joined()).toContainEqual({ from: 'fd', fd: 7 })
  pidfd = 8
  expect(joined()).toContainEqual({ from: 'fd', fd: 8 })
})

test('only the last few are kept', () => {
  const first = plan(['true'], options()).data.enter
  for (let number = 0; number < 7; number += 1) plan(['true'], { ...options(), hostname: `n${number}` })
  expect(plan(['true'], options()).data.enter).toBe(first)
  for (let number = 0; number < 8; number += 1) plan(['true'], { ...options(), hostname: `m${number}` })
  expect(plan(['true'], options()).data.enter).not.toBe(first)
})
