import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type SpawnOptions, plan, spawn } from '../src/index.ts'
import { asRoot } from './support/run.ts'

const mountNamespace = { namespaces: ['mount', 'pid'] } as const

describe('the program', () => {
  test.each([
    ['by name', ['no-such-program'], { errno: 'ENOENT' }],
    ['by path', ['/no/such/program'], { errno: 'ENOENT', path: '/no/such/program' }],
    ['below a file', ['/etc/passwd/program'], { errno: 'ENOTDIR' }],
  ])('that is not there, %s, is ERR_BOX_COMMAND_NOT_FOUND', async (_title, command, expected) => {
    await expect(spawn(command)).rejects.toMatchObject({
      code: 'ERR_BOX_COMMAND_NOT_FOUND',
      syscall: 'execve',
      step: 'execute the program',
      ...expected,
    })
  })

  test('that may not be executed is ERR_BOX_PERMISSION', async () => {
    await expect(spawn(['/etc/passwd'])).rejects.toMatchObject({ code: 'ERR_BOX_PERMISSION', syscall: 'execve', errno: 'EACCES' })
  })

  test('whose interpreter is missing is not said to be missing itself', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'box-script-'))
    try {
      const script = join(folder, 'script')
      writeFileSync(script, '#!/no/such/interpreter\n', { mode: 0o755 })
      await expect(spawn([script])).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND', path: script })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

asRoot('every step that the kernel refuses is named with call, error and path', () => {
  const table: readonly (readonly [string, SpawnOptions, object])[] = [
    [
      'a mount source',
      { ...mountNamespace, mounts: [{ type: 'bind', source: '/no/such', target: '/mnt' }] },
      { step: "open the mount's source", syscall: 'open_tree', errno: 'ENOENT', path: '/no/such' },
    ],
    [
      'a mount parameter',
      { ...mountNamespace, mounts: [{ type: 'tmpfs', target: '/tmp', uid: 0xffff_fffe, mode: 0o7777 }], cwd: '/no/such' },
      { step: 'change the directory', syscall: 'chdir', errno: 'ENOENT', path: '/no/such' },
    ],
    [
      'a target below a file',
      { ...mountNamespace, mounts: [{ type: 'tmpfs', target: '/etc/passwd/x' }] },
      { step: 'mount', syscall: 'openat2', errno: 'ENOTDIR', path: '/etc/passwd/x' },
    ],
    [
      'a folder on a file',
      { ...mountNamespace, mounts: [{ type: 'tmpfs', target: '/etc/passwd' }] },
      { step: 'mount', syscall: 'move_mount', errno: 'EINVAL', path: '/etc/passwd' },
    ],
    [
      'a device over another file',
      { ...mountNamespace, devices: [{ path: '/etc/passwd', type: 'char', major: 1, minor: 3 }] },
      { step: 'make a device', syscall: 'mknodat', errno: 'EEXIST', path: '/etc/passwd' },
    ],
    ['a sysctl that is none', { namespaces: ['network'], sysctls: { 'net.no_such': '1' } }, { step: 'set a sysctl', errno: 'ENOENT' }],
    [
      'a limit above the hard one',
      { namespaces: ['user'], rlimits: { nofile: { soft: 1e9 } } },
      { step: 'set a resource limit', syscall: 'prlimit', errno: 'EPERM' },
    ],
    [
      'a user that is not mapped',
      {
        namespaces: ['user'],
        uidMappings: [{ containerId: 0, hostId: 100000, size: 10 }],
        gidMappings: [{ containerId: 0, hostId: 100000, size: 10 }],
        user: { uid: 11, gid: 0 },
        // The ids of the map have no way into the caller's folder, which may be closed to others.
        cwd: '/',
      },
      { step: 'change the user', syscall: 'setresuid', errno: 'EINVAL' },
    ],
    [
      'a cgroup that is not there',
      { cgroup: { paths: { v1: ['/sys/fs/cgroup/no-such/group'] } } },
      { step: 'open the cgroup', syscall: 'open', errno: 'ENOENT' },
    ],
    [
      'a namespace that is not there',
      { namespaces: { network: '/no/such' } },
      { step: 'join the namespaces', syscall: 'open', errno: 'ENOENT', path: '/no/such' },
    ],
    [
      'a namespace that is another file',
      { namespaces: { network: '/etc/passwd' } },
      { step: 'join the namespaces', syscall: 'setns', errno: 'EINVAL' },
    ],
    [
      'a map that overlaps',
      {
        namespaces: ['user'],
        uidMappings: [
          { containerId: 0, hostId: 0, size: 10 },
          { containerId: 5, hostId: 100, size: 10 },
        ],
        gidMappings: [{ containerId: 0, hostId: 0, size: 1 }],
      },
      { step: 'make the process', syscall: 'write', errno: 'EINVAL' },
    ],
  ]

  test.each(table)('%s', async (_title, options, expected) => {
    await expect(spawn(['true'], options)).rejects.toMatchObject(expected)
  })

  test('after any of them the next launch works', async () => {
    const child = await spawn(['true'])
    expect((await child.exited).exitCode).toBe(0)
  })
})

describe('options that cannot be are refused before anything is started', () => {
  const table: readonly (readonly [string, readonly string[], SpawnOptions, string])[] = [
    ['no command', [], {}, 'command'],
    ['a NUL', ['a\0b'], {}, 'command'],
    ['an unknown kind', ['true'], { namespaces: JSON.parse('["net"]') }, 'namespaces'],
    ['a clock without a time namespace', ['true'], { timeOffsets: { boottime: { secs: 1 } } }, 'timeOffsets'],
    [
      'a clock with half a second',
      ['true'],
      { namespaces: ['time'], timeOffsets: { boottime: { secs: 0.5 } } },
      'timeOffsets.boottime.secs',
    ],
    ['a name for the host', ['true'], { hostname: 'x' }, 'hostname'],
    ['a long name', ['true'], { namespaces: ['uts'], hostname: 'x'.repeat(65) }, 'hostname'],
    ['a root without a mount namespace', ['true'], { root: { fd: 0 } }, 'root'],
    ['mounts without a mount namespace', ['true'], { mounts: [] }, 'mounts'],
    ['a target with ..', ['true'], { namespaces: ['mount'], mounts: [{ type: 'proc', target: '/a/../b' }] }, 'mounts.target'],
    ['a relative target', ['true'], { namespaces: ['mount'], mounts: [{ type: 'proc', target: 'proc' }] }, 'mounts.target'],
    ['a mount of another type', ['true'], { namespaces: ['mount'], mounts: JSON.parse('[{"type":"nfs","target":"/x"}]') }, 'mounts.type'],
    ['a negative user', ['true'], { user: { uid: -1, gid: 0 } }, 'user.uid'],
    ['the user that means none', ['true'], { user: { uid: 0xffff_ffff, gid: 0 } }, 'user.uid'],
    ['a fraction', ['true'], { user: { uid: 0.5, gid: 0 } }, 'user.uid'],
    ['an unknown capability', ['true'], { capabilities: JSON.parse('["CAP_ALL"]') }, 'capabilities'],
    ['an unknown limit', ['true'], { rlimits: JSON.parse('{"files":{"soft":1}}') }, 'rlimits'],
    ['a soft limit above the hard', ['true'], { rlimits: { nofile: { soft: 2, hard: 1 } } }, 'rlimits.nofile'],
    ['a sysctl that climbs', ['true'], { sysctls: { 'net/../kernel/core_pattern': 'x' } }, 'sysctls'],
    [
      'a sysctl of the host',
      ['true'],
      { namespaces: ['network', 'ipc', 'uts'], sysctls: { 'kernel.core_pattern': '|x' } },
      'kernel.core_pattern',
    ],
    ['a sysctl of the host’s network', ['true'], { namespaces: ['ipc'], sysctls: { 'net.ipv4.ip_forward': '1' } }, 'net.ipv4.ip_forward'],
    ['a sysctl of the host’s ipc', ['true'], { namespaces: ['network'], sysctls: { 'kernel/shmmax': '1' } }, 'kernel/shmmax'],
    ['a map without a user namespace', ['true'], { uidMappings: [] }, 'uidMappings'],
    ['an init without a pid namespace', ['true'], { init: true }, 'init'],
    ['too few streams', ['true'], { stdio: JSON.parse('["pipe"]') }, 'stdio'],
    ['a variable with =', ['true'], { env: { 'A=B': 'c' } }, 'env'],
  ]
  test.each(table)('%s', (_title, command, options, named) => {
    expect(() => plan(command, options)).toThrow(
      expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT', message: expect.stringContaining(named) }),
    )
  })
})

test('a failed launch leaves no folder mounted and no process', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'box-fail-'))
  mkdirSync(join(folder, 'empty'))
  try {
    await expect(spawn(['true'], { cwd: join(folder, 'none') })).rejects.toMatchObject({ step: 'change the directory' })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
