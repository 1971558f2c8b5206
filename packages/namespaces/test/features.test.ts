import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createUserNamespace,
  defaultSeccompProfile,
  type Feature,
  type FeatureName,
  type NamespaceKind,
  plan,
  probe,
  type Process,
  spawn,
  type SpawnOptions,
  standardMounts,
  type UserNamespace,
} from '../src/index.ts'
import { groupFolder, parseLimits } from '../src/plan/context.ts'
import { RootFolder } from './support/root-folder.ts'
import { asRoot, run } from './support/run.ts'

/** Does something while `BOX_DENY` has this value. */
async function denying<Value>(names: readonly string[], act: () => Value | Promise<Value>): Promise<Value> {
  process.env['BOX_DENY'] = names.join(',')
  try {
    return await act()
  } finally {
    delete process.env['BOX_DENY']
  }
}

const range = [{ containerId: 0, hostId: 100_000, size: 65_536 }]
const nothing = new Map<FeatureName, Feature>()
let features: ReadonlyMap<string, Feature> = nothing
let root: RootFolder
let target: Process
let userNamespace: UserNamespace
let fd: number
const folder = mkdtempSync(join(tmpdir(), 'box-features-'))

asRoot('each feature that a plan may use', () => {
  beforeAll(async () => {
    features = new Map((await probe()).map((feature) => [feature.name, feature]))
    root = new RootFolder()
    target = await spawn(['sleep', '60'], { namespaces: ['uts', 'time'], stdio: 'ignore' })
    userNamespace = await createUserNamespace({ uidMappings: range, gidMappings: range })
    fd = openSync(root.path, 'r')
  })
  afterAll(async () => {
    closeSync(fd)
    await userNamespace.close()
    await target.close()
    root.close()
    rmSync(folder, { recursive: true })
  })

  const mounted = (mount: NonNullable<SpawnOptions['mounts']>[number], ...kinds: NamespaceKind[]): SpawnOptions => ({
    namespaces: ['mount', ...kinds],
    mounts: [mount],
  })

  /** A launch that needs the feature: its command, its options, and what it prints without the feature where there is a fallback. */
  const uses: Readonly<Record<FeatureName, () => readonly [string, SpawnOptions, RegExp?]>> = {
    'user-namespace': () => ['true', { namespaces: ['user'] }],
    'pid-namespace': () => ['true', { namespaces: ['pid'] }],
    'mount-namespace': () => ['true', { namespaces: ['mount'] }],
    'uts-namespace': () => ['true', { namespaces: { uts: target } }],
    'ipc-namespace': () => ['true', { namespaces: ['ipc'] }],
    'network-namespace': () => ['true', { namespaces: ['network'] }],
    'cgroup-namespace': () => ['true', { namespaces: ['cgroup'] }],
    'time-namespace': () => ['readlink /proc/self/ns/uts /proc/self/ns/time', { namespaces: target }, /^uts:.*\ntime:/],
    'id-ranges': () => ['true', { namespaces: ['user'], uidMappings: range, gidMappings: range }],
    'change-user': () => ['true', { user: { uid: 65_534, gid: 65_534 }, cwd: '/' }],
    'cgroup-v2-birth': () => ['true', { cgroup: { paths: { v2: ownGroup() ?? '/none', v1: [] } } }],
    'mount-clone': () => ['cat /tmp/passwd', mounted({ type: 'bind', source: '/etc', target: '/tmp' }), /root:/],
    'id-mapped-mount': () => ['true', mounted({ type: 'bind', source: { fd }, target: '/tmp', recursive: false, userNamespace })],
    overlay: () => ['true', mounted({ type: 'overlay', lowers: ['/etc', '/usr'], target: '/tmp' })],
    proc: () => ['true', mounted({ type: 'proc', target: '/proc' }, 'pid')],
    sysfs: () => ['stat -f -c %T /sys', mounted({ type: 'sysfs', target: '/sys' }), /^sysfs$/],
    mqueue: () => ['true', mounted({ type: 'mqueue', target: '/tmp' }, 'ipc')],
    tmpfs: () => ['true', mounted({ type: 'tmpfs', target: '/tmp' })],
    devpts: () => ['true', mounted({ type: 'devpts', target: '/tmp' })],
    terminal: () => ['true', { terminal: true }],
    'device-nodes': () => [
      'stat -c %t:%T /dev/null; echo x > /dev/null',
      { ...mounted({ type: 'tmpfs', target: '/dev', mode: 0o755 }), devices: [{ path: '/dev/null', type: 'char', major: 1, minor: 3 }] },
      /^1:3$/,
    ],
    'lower-oom-score': () => ['true', { oomScoreAdj: -1 }],
    'raise-limits': () => ['true', { rlimits: { msgqueue: { soft: 0, hard: 1e12 } } }],
    'realtime-scheduling': () => ['true', { scheduler: { policy: 'rr', priority: 1 } }],
    'realtime-io': () => ['true', { ioPriority: { class: 'realtime', priority: 7 } }],
    'memory-policy': () => ['true', { memoryPolicy: { mode: 'local' } }],
    'session-keyring': () => ['true', { sessionKeyring: 'box-test' }],
    'capability-sets': () => ['true', { capabilities: [] }],
    seccomp: () => ['true', { noNewPrivileges: true, seccomp: defaultSeccompProfile }],
    'seccomp-notify': () => [
      'true',
      {
        seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['reboot'], action: 'SCMP_ACT_NOTIFY' }] },
        onSystemCall: () => 'continue',
      },
    ],
    landlock: () => ['cat /etc/passwd', { landlock: { files: [], bestEffort: true } }, /root:/],
    'landlock-newer-rights': () => [
      'cat /etc/passwd || echo forbidden',
      {
        landlock: {
          files: ['/usr', '/lib', '/bin'].map((path) => ({ path, allow: ['execute', 'readFile', 'readDir'] })),
          bestEffort: true,
        },
      },
      /^forbidden$/,
    ],
    'landlock-network': () => ['echo allowed', { landlock: { bindTcp: [], bestEffort: true } }, /^allowed$/],
    'landlock-scopes': () => ['echo allowed', { landlock: { scopes: ['signals'], bestEffort: true } }, /^allowed$/],
  }
  const ownGroup = (): string | undefined =>
    groupFolder(readFileSync('/proc/self/cgroup', 'utf8'), readFileSync('/proc/self/mountinfo', 'utf8'))
  const names = Object.keys(uses)

  test('is in the table of probe(), with what it is, and yes, or no and why', () => {
    expect([...features.keys()]).toEqual(['launcher', ...names])
    for (const { available, reason, what } of features.values()) {
      expect(what).toMatch(/\w/)
      expect(reason === undefined).toBe(available)
      if (!available) expect(reason).toMatchObject({ code: expect.stringMatching(/^ERR_BOX_/), message: expect.stringMatching(/\w/) })
    }
  })

  test.each(names)('%s, denied, is refused by plan() and spawn() with its name, or done without', async (name) => {
    const [script, options, printed] = Object.entries(uses).find(([one]) => one === name)?.[1]() ?? ['', {}]
    const command = ['sh', '-c', script]
    expect(() => plan(command, options)).not.toThrow()
    // Root has no id of its own alone: see below.
    if (name !== 'id-ranges') expect(printed !== undefined).toBe(features.get(name)?.fallback !== undefined)
    await denying([name], async () => {
      if (printed === undefined) {
        const error = expect.objectContaining({ code: 'ERR_BOX_UNSUPPORTED', message: expect.stringContaining(`"${name}"`) })
        expect(() => plan(command, options)).toThrow(error)
        await expect(spawn(command, options)).rejects.toEqual(error)
        return
      }
      const { stdout, stderr, exitCode } = await run(command, options)
      expect({ stdout: stdout.trim(), stderr, exitCode }).toEqual({
        stdout: expect.stringMatching(printed),
        stderr: expect.any(String),
        exitCode: 0,
      })
    })
  })

  test.each(names)('%s: what probe() says is what a launch meets', async (name) => {
    const feature = features.get(name)
    const [script, options] = Object.entries(uses).find(([one]) => one === name)?.[1]() ?? ['', {}]
    if (feature?.fallback !== undefined && name !== 'id-ranges') return
    const launched = await run(['sh', '-c', script], { ...options, ...(options.terminal === undefined ? { stdio: 'ignore' } : {}) }).then(
      ({ exitCode }) => exitCode === 0,
      () => false,
    )
    expect(launched).toBe(feature?.available)
  })

  test('a bind mount and a root that the caller does not clone are the same as those that it does', async () => {
    const options = {
      namespaces: ['mount', 'pid'],
      root: { fd, path: root.path },
      mounts: [
        ...standardMounts.filter(({ type }) => type !== 'cgroup'),
        { type: 'bind', source: '/etc/passwd', target: '/work/passwd', readOnly: true },
      ],
    } as const satisfies SpawnOptions
    const script = 'ls /; cat /work/passwd | { read line; echo $line; }; echo x > /work/passwd || echo read-only'
    const expected = (await run(['sh', '-c', script], options)).stdout
    expect(expected).toContain('read-only')
    await denying(['mount-clone'], async () => {
      expect(String(plan(['true'], options))).toContain('cloned by the child')
      expect((await run(['sh', '-c', script], options)).stdout).toBe(expected)
    })
  })

  describe('a sandbox', () => {
    const sandbox = (): SpawnOptions => ({
      namespaces: ['user', 'pid', 'mount', 'uts', 'ipc', 'network', 'cgroup'],
      root: { fd, path: root.path },
      capabilities: [],
      noNewPrivileges: true,
      seccomp: defaultSeccompProfile,
      landlock: { scopes: ['signals'], bestEffort: true },
    })

    test.each(names)('is started without %s, or refused with its name', async (name) => {
      await denying([name], async () => {
        const outcome = await run(['true'], sandbox()).then(
          ({ exitCode }) => exitCode,
          (error: unknown) => error,
        )
        if (outcome !== 0) expect(outcome).toMatchObject({ code: 'ERR_BOX_UNSUPPORTED', message: expect.stringContaining(`"${name}"`) })
      })
    })

    test('is refused where all are denied, and what needs none of them is started', async () => {
      await denying(names, async () => {
        await expect(spawn(['true'], sandbox())).rejects.toMatchObject({
          code: 'ERR_BOX_UNSUPPORTED',
          message: expect.stringMatching(/"[a-z0-9-]+"/),
        })
        expect((await run(['true'])).exitCode).toBe(0)
        const [launcher, ...others] = await probe()
        expect(launcher?.available).toBe(true)
        for (const { name, available, reason } of others) {
          expect(available).toBe(false)
          expect(reason).toMatchObject({
            code: 'ERR_BOX_UNSUPPORTED',
            message: expect.stringContaining(name),
            hint: expect.stringContaining('BOX_DENY'),
          })
        }
      })
    })
  })
})

test('a name in BOX_DENY that is of no feature is refused', async () => {
  await denying(['uts-namespace', 'no-such'], async () => {
    const error = expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT', message: expect.stringContaining('"no-such"') })
    expect(() => plan(['true'])).toThrow(error)
    await expect(probe()).rejects.toEqual(error)
  })
})

test('the folder of a v2 group is found in what is mounted', () => {
  const cgroup = '1:memory:/a\n0::/a/b\n'
  expect(groupFolder(cgroup, '1 2 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw')).toBe('/sys/fs/cgroup/a/b')
  expect(groupFolder(cgroup, '1 2 0:3 /a /sys/fs/cgroup/unified rw - cgroup2 x rw')).toBe('/sys/fs/cgroup/unified/b')
  expect(groupFolder(cgroup, '1 2 0:3 /other /sys/fs/cgroup rw - cgroup2 x rw\n1 2 0:3 / /memory rw - cgroup cgroup rw')).toBeUndefined()
  expect(groupFolder('1:memory:/a\n', '1 2 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw')).toBeUndefined()
})

test('limits are read as the kernel prints them, and those within them are no privilege', async () => {
  const text = `Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max processes             100                  96365                processes 
Max realtime timeout      unlimited            5                    us        
`
  expect([...parseLimits(text)]).toEqual([
    ['cpu', Infinity],
    ['nproc', 96365],
    ['rttime', 5],
  ])
  expect(parseLimits(readFileSync('/proc/self/limits', 'utf8')).size).toBe(16)
  await denying(['raise-limits'], async () => {
    expect((await run(['true'], { rlimits: { nofile: { soft: 64 }, core: { soft: 0, hard: 0 } } })).exitCode).toBe(0)
  })
})
