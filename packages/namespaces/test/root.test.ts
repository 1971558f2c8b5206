import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import {
  type Mount,
  type NamespaceKind,
  type SpawnOptions,
  defaultSeccompProfile,
  spawn,
  standardCapabilities,
  standardMaskedPaths,
  standardMounts,
  standardReadOnlyPaths,
} from '../src/index.ts'
import { asOrdinaryUser } from './support/ordinary-user.ts'
import { RootFolder } from './support/root-folder.ts'
import { asRoot, run, shell } from './support/run.ts'

const all: readonly NamespaceKind[] = ['user', 'pid', 'mount', 'uts', 'ipc', 'network', 'cgroup']
const withoutUser = all.filter((kind) => kind !== 'user')

let root: RootFolder
beforeAll(() => {
  root = new RootFolder()
})
afterAll(() => {
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(root.path)
  root.close()
})

describe.each([
  ['under a user namespace', all],
  ['as root of the host', withoutUser],
])('a root of its own %s', (_title, namespaces) => {
  const inRoot = (options: SpawnOptions = {}): SpawnOptions => ({ namespaces, root, ...options })
  const test = process.getuid?.() === 0 ? it : it.skip

  test('shows the root’s files, and nothing of the host', async () => {
    const entries = (await shell('ls /', inRoot())).split('\n')
    expect(entries).toEqual(expect.arrayContaining(['bin', 'dev', 'etc', 'proc', 'sys', 'tmp', 'work']))
    expect(entries).not.toContain('root')
    expect(await shell('ls /proc | { while read n; do case $n in [0-9]*) echo $n;; esac; done; }', inRoot())).toMatch(/^1\n/)
  })

  test('the standard mounts and devices are there', async () => {
    const mounts = await shell('cat /proc/mounts', inRoot())
    for (const { target, type } of standardMounts.filter((mount) => mount.type !== 'cgroup'))
      expect(mounts).toMatch(new RegExp(` ${target} ${type} `))
    expect(mounts).toMatch(/ \/sys\/fs\/cgroup (tmpfs|cgroup2) ro,/)
    expect(mounts).not.toContain('/work/')
    expect(await shell('stat -c %t:%T /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty', inRoot())).toBe(
      ['1:3', '1:5', '1:7', '1:8', '1:9', '5:0'].join('\n'),
    )
    expect(await shell('readlink /dev/fd; echo x > /dev/null; cat /dev/null', inRoot())).toBe('/proc/self/fd')
  })

  test('what is mounted below a mount of the plan’s own follows what lies over it then', async () => {
    root.link('/work', '/also-work')
    try {
      const tmpfs = (target: `/${string}`): Mount => ({ type: 'tmpfs', target })
      const mounts = [
        ...standardMounts,
        tmpfs('/work'),
        tmpfs('/work/below'),
        tmpfs('/also-work'),
        tmpfs('/work/above'),
        tmpfs('/work/above/x'),
      ]
      expect(await shell('ls /work; ls /work/above', inRoot({ mounts }))).toBe('above\nx')
      const linked = [...standardMounts, tmpfs('/work'), tmpfs('/work/a/b'), tmpfs('/tmp'), tmpfs('/work/a/c')]
      expect(await shell('ls /work/a; ls /tmp /dev/shm', inRoot({ mounts: linked }))).toBe('b\nc\n/dev/shm:\n\n/tmp:')
    } finally {
      rmSync(join(root.path, 'also-work'))
    }
  })

  test('hidden paths are empty and read-only paths refuse', async () => {
    const options = inRoot({ maskedPaths: [...standardMaskedPaths, '/etc'], readOnlyPaths: [...standardReadOnlyPaths, '/tmp'] })
    expect(await shell('ls /etc; cat /proc/keys; cat /proc/timer_list', options)).toBe('')
    expect((await run(['sh', '-c', 'echo x > /tmp/x'], options)).stderr).toContain('Read-only file system')
    expect((await run(['sh', '-c', 'echo x > /etc/x'], options)).exitCode).not.toBe(0)
    expect((await run(['sh', '-c', 'echo 0 > /proc/sys/kernel/domainname'], options)).stderr).toContain('Read-only file system')
    expect(readdirSync(join(root.path, 'tmp'))).toEqual([])
  })

  test('a read-only root leaves the mounts on it writable', async () => {
    const mounts = [...standardMounts, { type: 'tmpfs', target: '/tmp', size: '1MiB' }] as const
    expect((await run(['sh', '-c', 'echo x > /work/x'], inRoot({ readOnlyRoot: true, mounts }))).stderr).toContain('Read-only file system')
    expect(await shell('echo x > /tmp/x; cat /tmp/x', inRoot({ readOnlyRoot: true, mounts }))).toBe('x')
  })

  test('a folder is bound, read-only where that is asked for', async () => {
    const source = join(root.path, 'work')
    writeFileSync(join(source, 'file'), 'from outside')
    const bind = (readOnly: boolean): SpawnOptions =>
      inRoot({ mounts: [...standardMounts, { type: 'bind', source, target: '/made/for/it', readOnly }] })
    expect(await shell('cat /made/for/it/file', bind(false))).toBe('from outside')
    expect((await run(['sh', '-c', 'echo x > /made/for/it/file'], bind(true))).stderr).toContain('Read-only file system')
    rmSync(join(root.path, 'made'), { recursive: true })
  })

  test('each attribute of a bound folder is in force', async () => {
    const attributes = { readOnly: true, nosuid: true, nodev: true, noexec: true, noatime: true, nosymfollow: true }
    const source = join(root.path, 'work')
    for (const from of [source, { fd: root.fd }]) {
      const mounts = [...standardMounts, { type: 'bind', source: from, target: '/made', ...attributes }] as const
      const [line = ''] = (await shell('cat /proc/mounts', inRoot({ mounts }))).match(/^\S+ \/made .*$/m) ?? []
      expect(line).toMatch(/ ro,nosuid,nodev,noexec,noatime,nosymfollow[ ,]/)
    }
    rmSync(join(root.path, 'made'), { recursive: true })
  })

  test('a link of the image leads a mount nowhere but inside', async () => {
    const outside = join(root.path, '..', `${root.path.split('/').at(-1)}-outside`)
    mkdirSync(outside)
    try {
      symlinkSync(outside, join(root.path, 'escape'))
      const mounts = [...standardMounts, { type: 'tmpfs', target: '/escape/here' }] as const
      const { error } = await run(['true'], inRoot({ mounts })).then(
        () => ({ error: undefined }),
        (thrown: unknown) => ({ error: thrown }),
      )
      expect(error).toMatchObject({ step: 'mount', path: '/escape/here' })
      expect(readdirSync(outside)).toEqual([])
    } finally {
      rmSync(join(root.path, 'escape'))
      rmSync(outside, { recursive: true })
    }
  })

  test('a link in the place of /proc is refused', async () => {
    rmSync(join(root.path, 'proc'), { recursive: true, force: true })
    symlinkSync('/tmp', join(root.path, 'proc'))
    try {
      await expect(spawn(['true'], inRoot())).rejects.toMatchObject({ step: 'mount', errno: 'ELOOP', path: '/proc' })
    } finally {
      rmSync(join(root.path, 'proc'))
    }
  })

  test('a /dev/null that is none hides nothing', async () => {
    const mounts = [
      { type: 'proc', target: '/proc' },
      { type: 'tmpfs', target: '/dev' },
    ] as const
    mkdirSync(join(root.path, 'dev'), { recursive: true })
    const options = inRoot({ mounts, devices: [{ path: '/dev/null', type: 'fifo' }], maskedPaths: ['/proc/keys'] })
    await expect(spawn(['true'], options)).rejects.toMatchObject({ step: 'mask a path', path: '/dev/null', code: 'ERR_BOX_STATE' })
  })

  test('capabilities are those of the list, and none can be inherited or regained', async () => {
    const status = await shell('cat /proc/self/status', inRoot({ capabilities: ['CAP_CHOWN', 'CAP_KILL'], noNewPrivileges: true }))
    const set = ((1n << 0n) | (1n << 5n)).toString(16).padStart(16, '0')
    const none = '0'.repeat(16)
    for (const [name, value] of [
      ['CapInh', none],
      ['CapPrm', set],
      ['CapEff', set],
      ['CapBnd', set],
      ['CapAmb', none],
      ['NoNewPrivs', '1'],
    ])
      expect(status).toMatch(new RegExp(`^${name}:\\s${value}$`, 'm'))
  })

  test('another user keeps no capability, or the ambient ones that it is given', async () => {
    const user = { uid: 0, gid: 0 }
    expect(await shell('cat /proc/self/status', inRoot({ user, capabilities: [] }))).toMatch(/^CapPrm:\s0{16}$/m)
    const set = ['CAP_NET_BIND_SERVICE'] as const
    const ambient = { bounding: set, effective: set, permitted: set, inheritable: set, ambient: set }
    expect(await shell('id -u; cat /proc/self/status', inRoot({ user: { uid: 1000, gid: 1000 }, capabilities: ambient }))).toMatch(
      /^1000[^]*^CapAmb:\s0{13}400$/m,
    )
  })

  test('the default filter lets ordinary work pass and refuses a new mount', async () => {
    const options = inRoot({
      seccomp: defaultSeccompProfile,
      noNewPrivileges: true,
      capabilities: ['CAP_SYS_ADMIN', ...standardCapabilities],
    })
    expect(await shell('ls /bin/sh; grep -q x /dev/null; cat /proc/self/status', { ...options, seccomp: defaultSeccompProfile })).toMatch(
      /^Seccomp:\s2$/m,
    )
    expect((await run(['mount', '-t', 'tmpfs', 'none', '/tmp'], options)).exitCode).not.toBe(0)
    expect((await run(['mount', '-t', 'tmpfs', 'none', '/tmp'], inRoot())).exitCode).toBe(0)
  })

  test('the process is born in its cgroup', async () => {
    const name = `box-test-launch-${process.pid}`
    const hierarchies = ['memory', 'pids'].map((controller) => `/sys/fs/cgroup/${controller}/${name}`)
    const folders = hierarchies.filter((path) => readdirSync('/sys/fs/cgroup').includes(path.split('/')[4] ?? ''))
    for (const folder of folders) mkdirSync(folder)
    try {
      const options = { namespaces: namespaces.filter((kind) => kind !== 'cgroup'), root, cgroup: { paths: { v1: folders } } }
      const groups = await shell('cat /proc/self/cgroup', options)
      for (const folder of folders) expect(groups).toContain(`:${folder.split('/')[4]}:/${name}`)
      const apart = await shell('cat /proc/self/cgroup', { ...options, namespaces })
      for (const folder of folders) expect(apart).toMatch(new RegExp(`:${folder.split('/')[4]}:/$`, 'm'))
    } finally {
      for (const folder of folders) rmdirSync(folder)
    }
  })

  test('the process is cloned into its group of the v2 hierarchy', async () => {
    const top = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) => existsSync(join(path, 'cgroup.controllers')))
    if (top === undefined) throw new Error('this host has no v2 hierarchy')
    const folder = join(top, `box-test-launch-${process.pid}`)
    mkdirSync(folder)
    try {
      const options = { namespaces: namespaces.filter((kind) => kind !== 'cgroup'), root, cgroup: { paths: { v2: folder, v1: [] } } }
      expect(await shell('cat /proc/self/cgroup', options)).toMatch(new RegExp(`^0::/box-test-launch-${process.pid}$`, 'm'))
    } finally {
      rmdirSync(folder)
    }
  })

  test('a working directory outside cannot be reached by a descriptor', async () => {
    for (const fd of [3, 4, 5, 6, 7, 8]) {
      await expect(spawn(['true'], inRoot({ cwd: `/proc/self/fd/${fd}` }))).rejects.toMatchObject({ step: 'change the directory' })
    }
  })

  test('runc CVE-2024-21626: a program outside cannot be reached by a descriptor', async () => {
    const outside = realpathSync('/usr/bin/head')
    const numbers = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    for (const fd of numbers) {
      root.link(`/proc/self/fd/${fd}/..${outside}`, `/tmp/link-${fd}`)
      root.write(`/tmp/script-${fd}`, `#!/proc/self/fd/${fd}/..${outside}\n`)
    }
    const given = openSync('/proc', 'r')
    try {
      const attack = (path: string, descriptors?: SpawnOptions['descriptors']) => run([path, '/dev/null'], inRoot({ descriptors }))
      for (const kind of ['link', 'script']) expect((await attack(`/tmp/${kind}-3`, { 3: given })).exitCode).toBe(0)
      for (const fd of numbers)
        for (const kind of ['link', 'script']) await expect(attack(`/tmp/${kind}-${fd}`)).rejects.toMatchObject({ syscall: 'execve' })
    } finally {
      closeSync(given)
      for (const fd of numbers) for (const kind of ['link', 'script']) rmSync(join(root.path, `tmp/${kind}-${fd}`))
    }
  })
})

asRoot('as an ordinary user', () => {
  test('a root folder by its path, with all standard mounts', async () => {
    const options = { namespaces: all, hostname: 'box', root: { path: root.path, fd: -1 } }
    const outcome = await asOrdinaryUser(['sh', '-c', 'ls /; stat -c %t:%T /dev/null; id -u'], options)
    expect(outcome).toMatchObject({ exitCode: 0 })
    expect(outcome.stdout).toMatch(/1:3\n0\n$/)
  })
})
