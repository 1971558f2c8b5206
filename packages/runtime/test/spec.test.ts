import { plan } from '@box/namespaces'
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
  expect(options).toEqual({ start, exec })
  expect(() => plan(['true'], { ...options.start, ...options.exec })).not.toThrow()
})

test.each([
  ['process.scheduler.policy', { scheduler: { policy: 'SCHED_ISO' } }, {}],
  ['process.scheduler.flags', { scheduler: { policy: 'SCHED_OTHER', flags: ['SCHED_FLAG_UTIL_CLAMP_MIN'] } }, {}],
  ['linux.personality.flags', {}, { personality: { domain: 'LINUX', flags: ['ADDR_NO_RANDOMIZE'] } }],
])('%s that cannot be had is refused', (field, process, linux) => {
  expect(() => processOptionsFromSpec(configOf(process, linux))).toThrow(
    expect.objectContaining({ code: 'ERR_BOX_UNSUPPORTED', message: expect.stringContaining(field), hint: expect.any(String) }),
  )
})

test.each(['3-1', '0-8192', '99999999999999999999'])('%j is no list of processors', (final) => {
  expect(() => processOptionsFromSpec(configOf({ execCPUAffinity: { final } }))).toThrow(
    expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }),
  )
})
