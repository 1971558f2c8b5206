import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { plan, type SpawnOptions } from '@box/namespaces'
import { parseRuntimeConfig, type RuntimeConfig } from '@box/oci'

import { processOptionsFromSpec, type ProcessOptions } from '../src/index.ts'

/** A configuration as it stands in a bundle. */
function configOf(process: object, linux: object = {}): RuntimeConfig {
  const config = {
    ociVersion: '1.3.0',
    root: { path: 'rootfs' },
    process: { cwd: '/', args: ['sh'], user: { uid: 0, gid: 0 }, ...process },
    linux,
  }
  return parseRuntimeConfig(Buffer.from(JSON.stringify(config))).value
}

const table: readonly (readonly [string, object, object, ProcessOptions['start'], ProcessOptions['exec']])[] = [
  ['nothing', {}, {}, {}, {}],
  [
    'a scheduler with its flags',
    { scheduler: { policy: 'SCHED_BATCH', nice: 5, flags: ['SCHED_FLAG_RESET_ON_FORK', 'SCHED_FLAG_KEEP_PARAMS'] } },
    {},
    { scheduler: { policy: 'batch', nice: 5, flags: ['resetOnFork', 'keepParams'] } },
    {},
  ],
  [
    'deadlines',
    {
      scheduler: {
        policy: 'SCHED_DEADLINE',
        runtime: 1e6,
        deadline: 2e6,
        period: 3e6,
        flags: ['SCHED_FLAG_RECLAIM', 'SCHED_FLAG_DL_OVERRUN'],
      },
    },
    {},
    { scheduler: { policy: 'deadline', runtime: 1e6, deadline: 2e6, period: 3e6, flags: ['reclaim', 'overrun'] } },
    {},
  ],
  ['a realtime policy', { scheduler: { policy: 'SCHED_RR', priority: 7 } }, {}, { scheduler: { policy: 'rr', priority: 7 } }, {}],
  [
    'an I/O priority',
    { ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 6 } },
    {},
    { ioPriority: { class: 'bestEffort', priority: 6 } },
    {},
  ],
  ['the processors of a command', { execCPUAffinity: { initial: '5', final: '0-2, 7' } }, {}, {}, { cpuAffinity: [0, 1, 2, 7] }],
  ['no processors of a command', { execCPUAffinity: { initial: '5', final: '' } }, {}, {}, {}],
  [
    'a memory policy',
    {},
    { memoryPolicy: { mode: 'MPOL_PREFERRED_MANY', nodes: '0,2-3', flags: ['MPOL_F_STATIC_NODES'] } },
    { memoryPolicy: { mode: 'preferredMany', nodes: [0, 2, 3], flags: ['staticNodes'] } },
    {},
  ],
  ['a memory policy without nodes', {}, { memoryPolicy: { mode: 'MPOL_LOCAL' } }, { memoryPolicy: { mode: 'local', nodes: [] } }, {}],
  ['a personality', {}, { personality: { domain: 'LINUX32' } }, { personality: 'linux32' }, {}],
  [
    'a filter',
    {},
    {
      seccomp: {
        defaultAction: 'SCMP_ACT_ALLOW',
        flags: ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'],
        syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }],
      },
    },
    {
      seccomp: {
        defaultAction: 'SCMP_ACT_ALLOW',
        flags: ['SECCOMP_FILTER_FLAG_LOG'],
        syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }],
      },
    },
    {},
  ],
]

test('a path of a listener is the agent of a filter that asks, and of no other', () => {
  const of = (action: string) =>
    processOptionsFromSpec(
      configOf(
        {},
        {
          seccomp: {
            defaultAction: 'SCMP_ACT_ALLOW',
            listenerPath: '/run/agent',
            listenerMetadata: 'm',
            syscalls: [{ names: ['mkdir'], action }],
          },
        },
      ),
    ).start
  expect(of('SCMP_ACT_NOTIFY').onSystemCall).toEqual({ listenerPath: '/run/agent', listenerMetadata: 'm' })
  expect(of('SCMP_ACT_ERRNO').onSystemCall).toBeUndefined()
  expect(Object.keys(of('SCMP_ACT_NOTIFY').seccomp ?? {})).not.toContain('listenerPath')
})

test.each(table)('%s of a configuration comes to options that can be launched', (_title, process, linux, start, exec) => {
  const options = processOptionsFromSpec(configOf(process, linux))
  const least: ProcessOptions['start'] = { cwd: '/', user: '0:0' }
  expect(options).toEqual({ command: ['sh'], start: { ...least, ...start }, exec })
  const { scheduler, ioPriority, memoryPolicy, personality, seccomp, rlimits, capabilities, umask, oomScoreAdj } = options.start
  const launched: SpawnOptions = { scheduler, ioPriority, memoryPolicy, personality, seccomp, rlimits, capabilities, umask, oomScoreAdj }
  expect(() => plan(['true'], { ...launched, ...options.exec })).not.toThrow()
})

test('nothing comes of nothing', () => {
  expect(processOptionsFromSpec({})).toEqual({ start: {}, exec: {} })
})

/** Each field of the two, with a value, and what comes of it: an option, or what is said where it is refused. */
const fields: Readonly<Record<'process' | 'linux', Readonly<Record<string, readonly [value: unknown, comesTo: object | 'refused']>>>> = {
  process: {
    terminal: [true, { terminal: true }],
    consoleSize: [{ height: 20, width: 90 }, {}],
    cwd: ['/work', { cwd: '/work' }],
    env: [['A=b=c', 'D='], { env: { A: 'b=c', D: '' } }],
    args: [['true', 'x'], {}],
    user: [
      { uid: 5, gid: 6, umask: 0o77, additionalGids: [7] },
      { user: '5:6', umask: 0o77, additionalGids: [7] },
    ],
    rlimits: [
      [
        { type: 'RLIMIT_NOFILE', soft: 10, hard: 20 },
        { type: 'RLIMIT_CORE', soft: 0, hard: 2 ** 64 },
      ],
      { rlimits: { nofile: { soft: 10, hard: 20 }, core: { soft: 0, hard: Infinity } } },
    ],
    capabilities: [{ bounding: ['CAP_CHOWN'], ambient: [] }, { capabilities: { bounding: ['CAP_CHOWN'], ambient: [] } }],
    noNewPrivileges: [false, { noNewPrivileges: false }],
    apparmorProfile: ['profile', 'refused'],
    selinuxLabel: ['label', 'refused'],
    oomScoreAdj: [100, { oomScoreAdj: 100 }],
    scheduler: [{ policy: 'SCHED_IDLE' }, { scheduler: { policy: 'idle' } }],
    ioPriority: [{ class: 'IOPRIO_CLASS_IDLE', priority: 0 }, { ioPriority: { class: 'idle', priority: 0 } }],
    execCPUAffinity: [{ final: '1' }, {}],
    commandLine: ['cmd.exe', 'refused'],
  },
  linux: {
    namespaces: [['pid', 'mount', 'ipc', 'uts', 'network', 'user'].map((type) => ({ type })), { network: 'none', userns: 'auto' }],
    uidMappings: [[{ containerID: 0, hostID: 1000, size: 1 }], 'refused'],
    gidMappings: [[{ containerID: 0, hostID: 1000, size: 1 }], 'refused'],
    timeOffsets: [{ boottime: { secs: 1 } }, 'refused'],
    devices: [
      [{ type: 'c', path: '/dev/fuse', major: 10, minor: 229, fileMode: 0o600, uid: 0, gid: 0 }],
      { devices: [{ type: 'char', path: '/dev/fuse', major: 10, minor: 229, mode: 0o600, uid: 0, gid: 0 }] },
    ],
    netDevices: [{ eth0: { name: 'eth1' } }, 'refused'],
    cgroupsPath: ['/a', 'refused'],
    resources: [{ pids: { limit: 10 } }, { limits: expect.objectContaining({ pids: 10 }) }],
    intelRdt: [{ closID: 'a' }, 'refused'],
    memoryPolicy: [{ mode: 'MPOL_LOCAL' }, { memoryPolicy: { mode: 'local', nodes: [] } }],
    sysctl: [{ 'net.ipv4.ip_forward': '1' }, { sysctls: { 'net.ipv4.ip_forward': '1' } }],
    seccomp: [{ defaultAction: 'SCMP_ACT_LOG' }, { seccomp: { defaultAction: 'SCMP_ACT_LOG' } }],
    rootfsPropagation: ['slave', { rootPropagation: 'slave' }],
    maskedPaths: [['/a'], { maskedPaths: ['/a'] }],
    readonlyPaths: [[], { readOnlyPaths: [] }],
    mountLabel: ['label', 'refused'],
    personality: [{ domain: 'LINUX32' }, { personality: 'linux32' }],
  },
}

describe.each(['process', 'linux'] as const)('of %s', (part) => {
  const schema: unknown = JSON.parse(readFileSync(join(__dirname, `../../oci/schemas/runtime-${part}.json`), 'utf8'))
  const known = Object.keys(Reflect.get(Object(schema), 'properties'))

  test('every field that the specification has is an option or refused', () => {
    expect(Object.keys(fields[part]).toSorted()).toEqual(known.toSorted())
  })

  test.each(Object.entries(fields[part]))('%s', (name, [value, comesTo]) => {
    const config = part === 'process' ? configOf({ [name]: value }) : configOf({}, { [name]: value })
    if (comesTo === 'refused') {
      expect(() => processOptionsFromSpec(config)).toThrow(
        expect.objectContaining({
          code: 'ERR_BOX_UNSUPPORTED',
          message: expect.stringContaining(`${part}.${name}`),
          hint: expect.any(String),
        }),
      )
    } else {
      expect(processOptionsFromSpec(config).start).toEqual({ cwd: '/', user: '0:0', ...comesTo })
    }
  })
})

test('the size is that of a terminal, and the words are the command', () => {
  const config = configOf({ terminal: true, consoleSize: { height: 20, width: 90 }, args: ['true', 'x'] })
  expect(processOptionsFromSpec(config)).toMatchObject({ command: ['true', 'x'], start: { terminal: { columns: 90, rows: 20 } } })
})

test.each<[string, object, object]>([
  ['linux.namespaces.path', {}, { namespaces: [{ type: 'network', path: '/run/netns/a' }] }],
  ['linux.namespaces.type', {}, { namespaces: [{ type: 'time' }] }],
  ['linux.namespaces', {}, { namespaces: [{ type: 'pid' }, { type: 'mount' }] }],
  ['process.capabilities', { capabilities: { bounding: ['CAP_NONE'] } }, {}],
  ['process.user.username', { user: { uid: 0, gid: 0, username: 'a' } }, {}],
])('%s that cannot be had is refused, too', (field, process, linux) => {
  expect(() => processOptionsFromSpec(configOf(process, linux))).toThrow(
    expect.objectContaining({ code: 'ERR_BOX_UNSUPPORTED', message: expect.stringContaining(field), hint: expect.any(String) }),
  )
})

test('a variable without a value contradicts the specification', () => {
  expect(() => processOptionsFromSpec(configOf({ env: ['A'] }))).toThrow(expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }))
})

test('what a document is refused for is refused of an object that was none, too', () => {
  const limited = (...types: string[]) => ({ process: { cwd: '/', args: [], rlimits: types.map((type) => ({ type, soft: 1, hard: 1 })) } })
  expect(() => processOptionsFromSpec(limited('nofile'))).toThrow(expect.objectContaining({ code: 'ERR_BOX_UNSUPPORTED' }))
  expect(() => processOptionsFromSpec(limited('RLIMIT_CPU', 'RLIMIT_CPU'))).toThrow(
    expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }),
  )
})
test.each(['3-1', '0-8192', '99999999999999999999'])('%j is no list of processors', (final) => {
  expect(() => processOptionsFromSpec(configOf({ execCPUAffinity: { final } }))).toThrow(
    expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }),
  )
})
