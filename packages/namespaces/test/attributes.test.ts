import { type SpawnOptions, plan } from '../src/index.ts'
import { asRoot, shell } from './support/run.ts'

/** A field of /proc/self/stat by its number (proc_pid_stat(5)). */
const stat = (field: number): string => `set -- $(cat /proc/$$/stat); shift ${field - 1}; echo $1`

asRoot('what a process is given is in force in it', () => {
  const table: readonly (readonly [string, SpawnOptions, string, RegExp | string])[] = [
    ['nice', { scheduler: { policy: 'other', nice: 7 } }, stat(19), '7'],
    ['the batch policy', { scheduler: { policy: 'batch' } }, stat(41), '3'],
    ['the idle policy', { scheduler: { policy: 'idle' } }, stat(41), '5'],
    [
      'a realtime policy',
      { scheduler: { policy: 'fifo', priority: 3, flags: ['resetOnFork'] } },
      `${stat(41)}; chrt -p $$`,
      /^1\n.*SCHED_FIFO.*RESET_ON_FORK.*\n.*: 3$/,
    ],
    ['a realtime policy in turns', { scheduler: { policy: 'rr', priority: 9 } }, 'chrt -p $$', /SCHED_RR\n.*: 9$/],
    [
      'the deadline policy',
      { scheduler: { policy: 'deadline', runtime: 5_000_000, deadline: 10_000_000, period: 20_000_000, flags: ['resetOnFork'] } },
      'chrt -p $$',
      /SCHED_DEADLINE[^]*: 5000000\/10000000\/20000000$/,
    ],
    ['an I/O priority', { ioPriority: { class: 'bestEffort', priority: 6 } }, 'ionice -p $$', 'best-effort: prio 6'],
    ['the idle I/O class', { ioPriority: { class: 'idle' } }, 'ionice -p $$', 'idle'],
    ['processors', { cpuAffinity: [1] }, 'grep Cpus_allowed_list /proc/self/status', /\t1$/],
    ['a memory policy', { memoryPolicy: { mode: 'bind', nodes: [0] } }, 'cat /proc/self/numa_maps', /^\S+ bind:0 /],
    ['the local memory policy', { memoryPolicy: { mode: 'local' } }, 'cat /proc/self/numa_maps', /^\S+ local /],
    ['the default memory policy', { memoryPolicy: { mode: 'default' } }, 'cat /proc/self/numa_maps', /^\S+ default /],
    [
      'a memory policy with a flag',
      { memoryPolicy: { mode: 'interleave', nodes: [0], flags: ['staticNodes'] } },
      'cat /proc/self/numa_maps',
      /^\S+ interleave=static:0 /,
    ],
    ['a personality', { personality: 'linux32' }, 'uname -m', 'i686'],
    ['a session keyring', { sessionKeyring: 'of-a-test' }, 'cat /proc/keys', /keyring\s+of-a-test: empty/],
    ['a umask', { umask: 0o137 }, 'umask', '0137'],
    ['oom_score_adj', { oomScoreAdj: 321 }, 'cat /proc/self/oom_score_adj', '321'],
    ['limits', { rlimits: { core: { soft: 1024, hard: 4096 } } }, 'grep "core file" /proc/self/limits', /1024\s+4096\s+bytes/],
    ['a domain name', { namespaces: ['uts'], domainname: 'of.box' }, 'cat /proc/sys/kernel/domainname', 'of.box'],
    [
      'a sysctl of the network',
      { namespaces: ['network'], sysctls: { 'net.ipv4.ip_forward': '1' } },
      'cat /proc/sys/net/ipv4/ip_forward',
      '1',
    ],
    ['a sysctl of ipc', { namespaces: ['ipc'], sysctls: { 'kernel.msgmax': '4242' } }, 'cat /proc/sys/kernel/msgmax', '4242'],
    ['further groups', { user: { uid: 1, gid: 2, additionalGids: [30, 40] }, cwd: '/' }, 'id -u; id -G', '1\n2 30 40'],
    [
      'capabilities in all five sets',
      {
        capabilities: {
          bounding: ['CAP_CHOWN', 'CAP_KILL', 'CAP_SETUID', 'CAP_NET_RAW'],
          permitted: ['CAP_CHOWN', 'CAP_KILL', 'CAP_SETUID'],
          effective: ['CAP_CHOWN', 'CAP_KILL'],
          inheritable: ['CAP_CHOWN', 'CAP_KILL'],
          ambient: ['CAP_KILL'],
        },
        user: { uid: 1000, gid: 1000 },
        cwd: '/',
      },
      'grep ^Cap /proc/self/status',
      // execve(2) of a user other than 0 leaves the ambient set, and what can be inherited.
      'CapInh:\t0000000000000021\nCapPrm:\t0000000000000020\nCapEff:\t0000000000000020\nCapBnd:\t00000000000020a1\nCapAmb:\t0000000000000020',
    ],
  ]
  test.each(table)('%s', async (_title, options, script, expected) => {
    const output = await shell(script, options)
    if (typeof expected === 'string') expect(output).toBe(expected)
    else expect(output).toMatch(expected)
  })
})

test.each([
  ['scheduler.policy', { scheduler: { policy: JSON.parse('"fair"') } }],
  ['scheduler.nice', { scheduler: { policy: 'other', nice: 20 } }],
  ['scheduler.priority', { scheduler: { policy: 'fifo' } }],
  ['scheduler.priority', { scheduler: { policy: 'other', priority: 1 } }],
  ['ioPriority.priority', { ioPriority: { class: 'idle', priority: 8 } }],
  ['cpuAffinity', { cpuAffinity: [] }],
  ['memoryPolicy.mode', { memoryPolicy: { mode: JSON.parse('"near"') } }],
  ['sessionKeyring', { sessionKeyring: '.dns_resolver' }],
  ['personality', { personality: JSON.parse('"solaris"') }],
] satisfies [string, SpawnOptions][])('%s that cannot be is refused', (named, options) => {
  expect(() => plan(['true'], options)).toThrow(
    expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT', message: expect.stringContaining(named) }),
  )
})
