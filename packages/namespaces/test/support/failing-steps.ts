/** For each step of a plan, and for what a launch does around them, a launch in which it fails, and what the error says. */
import { closeSync, mkdtempSync, openSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EnterStep, type NamespaceKind, type PlanData, type PrepareStep, type SpawnOptions, Plan } from '../../src/index.ts'
import { compile } from '../../src/plan/compile.ts'
import { compileSeccomp } from '../../src/seccomp/compile.ts'
import type { SeccompArgument } from '../../src/seccomp.ts'

export interface Row {
  readonly title: string
  readonly plan: Plan
  readonly onSystemCall?: SpawnOptions['onSystemCall']
  readonly expected: { readonly step: string; readonly [detail: string]: unknown }
}

const own: readonly NamespaceKind[] = ['mount', 'pid']
const nobody: EnterStep = { do: 'user', uid: 65534, gid: 65534, groups: [] }

/** What options of `spawn` come to. */
function of(options: SpawnOptions): Plan {
  return new Plan(compile(['true'], options), undefined)
}

/** What no option comes to: steps that are done before those of the options. */
function steps(enter: readonly EnterStep[], options: SpawnOptions = {}): Plan {
  return changed(options, (data) => ({ ...data, enter: [...enter, ...data.enter] }))
}

function changed(options: SpawnOptions, change: (data: PlanData) => PlanData): Plan {
  return new Plan(change(compile(['true'], options)), undefined)
}

/** A filter under which a system call fails, as under that of a container that all of this runs in. */
function refusing(name: string, errnoRet: number, args: readonly SeccompArgument[] = []): EnterStep {
  const { flags, program } = compileSeccomp({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: [name], action: 'SCMP_ACT_ERRNO', errnoRet, args }],
  })
  return { do: 'seccomp', flags, filter: program }
}

const [EPERM, EAGAIN, EINVAL, EMFILE] = [1, 11, 22, 24]
/** prctl(2), by its first argument. */
const option = (value: number): SeccompArgument[] => [{ index: 0, value, op: 'SCMP_CMP_EQ' }]
const [PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS] = [1, 38]

/** What rows need outside: files of theirs, which are there until `close`. */
export class FailingSteps {
  readonly #folder = mkdtempSync(join(tmpdir(), 'box-failing-'))
  readonly #file = openSync('/etc/passwd', 'r')

  close(): void {
    closeSync(this.#file)
    rmSync(this.#folder, { recursive: true })
  }

  /** The steps that are done outside. */
  prepare(): Readonly<Record<PrepareStep['do'], readonly Row[]>> {
    return {
      source: [
        {
          title: 'a source that is not there',
          plan: of({ namespaces: own, mounts: [{ type: 'bind', source: '/no/such', target: '/mnt' }] }),
          expected: { step: "open the mount's source", code: 'ERR_BOX_NOT_FOUND', syscall: 'open_tree', errno: 'ENOENT', path: '/no/such' },
        },
      ],
      tree: [
        {
          title: 'a root that is not given',
          plan: changed({ namespaces: own, root: { fd: this.#file } }, (data) => ({
            ...data,
            prepare: [{ do: 'tree', slot: { given: 99 }, recursive: true, attributes: [] }],
          })),
          expected: { step: 'clone the root', syscall: 'open_tree', errno: 'EBADF' },
        },
      ],
      overlay: [
        {
          title: 'an overlay of a folder that is not there',
          plan: of({ namespaces: own, mounts: [{ type: 'overlay', lowers: ['/etc', '/no/such'], target: '/mnt' }] }),
          expected: { step: 'make the overlay', code: 'ERR_BOX_NOT_FOUND', syscall: 'open', errno: 'ENOENT', path: '/no/such' },
        },
      ],
      device: [
        {
          title: 'a device that the host does not have',
          plan: of({ namespaces: ['user', 'mount'], devices: [{ path: '/dev/no-such', type: 'char', major: 1, minor: 3 }] }),
          expected: { step: 'open the device', syscall: 'open_tree', errno: 'ENOENT', path: '/dev/no-such' },
        },
        {
          title: 'a device that is another one at the host',
          plan: of({ namespaces: ['user', 'mount'], devices: [{ path: '/dev/null', type: 'char', major: 1, minor: 5 }] }),
          expected: { step: 'open the device', code: 'ERR_BOX_STATE', path: '/dev/null' },
        },
      ],
    }
  }

  /** The steps of the child. `undefined` where there is no way to fail. */
  enter(): Readonly<Record<EnterStep['do'], readonly Row[] | undefined>> {
    return { ...this.#names(), ...this.#limits(), ...this.#files(), ...this.#identity() }
  }

  #names() {
    return {
      become: [
        {
          title: 'an id that the user namespace does not have',
          plan: changed({ namespaces: ['user'] }, (data) => ({
            ...data,
            uidMap: '0 100000 10\n',
            gidMap: '0 100000 10\n',
            enter: data.enter.map((step) => (step.do === 'become' ? { ...step, uid: 11 } : step)),
          })),
          expected: { step: 'become root of the user namespace', syscall: 'setresuid', errno: 'EINVAL' },
        },
      ],
      hostname: [
        {
          title: 'a host name of 65 bytes',
          plan: steps([{ do: 'hostname', name: 'x'.repeat(65) }], { namespaces: ['uts'] }),
          expected: { step: 'set the host name', syscall: 'sethostname', errno: 'EINVAL' },
        },
      ],
      domainname: [
        {
          title: 'a domain name of 65 bytes',
          plan: steps([{ do: 'domainname', name: 'x'.repeat(65) }], { namespaces: ['uts'] }),
          expected: { step: 'set the domain name', syscall: 'setdomainname', errno: 'EINVAL' },
        },
      ],
      loopback: [
        {
          title: 'the loopback interface without privilege',
          plan: changed({ namespaces: ['network'] }, (data) => ({ ...data, enter: [nobody, { do: 'loopback' }] })),
          expected: { step: 'bring loopback up', code: 'ERR_BOX_PERMISSION', syscall: 'ioctl', errno: 'EPERM' },
        },
      ],
      cgroupNamespace: [
        {
          title: 'a cgroup namespace without privilege',
          plan: steps([nobody, { do: 'cgroupNamespace' }]),
          expected: { step: 'make the cgroup namespace', code: 'ERR_BOX_PERMISSION', syscall: 'unshare', errno: 'EPERM' },
        },
      ],
      sysctl: [
        {
          title: 'a sysctl that the kernel does not have',
          plan: of({ namespaces: ['network'], sysctls: { 'net.no_such': '1' } }),
          expected: { step: 'set a sysctl', syscall: 'write', errno: 'ENOENT', path: '/proc/sys/net/no_such' },
        },
        {
          title: 'a sysctl with a value that is none',
          plan: of({ namespaces: ['network'], sysctls: { 'net.ipv4.ip_forward': 'yes' } }),
          expected: { step: 'set a sysctl', syscall: 'write', errno: 'EINVAL', path: '/proc/sys/net/ipv4/ip_forward' },
        },
      ],
    } satisfies Partial<Record<EnterStep['do'], readonly Row[]>>
  }

  #limits() {
    return {
      rlimit: [
        {
          title: 'a limit above the hard one',
          plan: of({ namespaces: ['user'], rlimits: { nofile: { soft: 1e9 } } }),
          expected: { step: 'set a resource limit', code: 'ERR_BOX_PERMISSION', syscall: 'prlimit', errno: 'EPERM' },
        },
      ],
      oomScoreAdj: [
        {
          title: 'an oom_score_adj below the caller’s',
          plan: of({ namespaces: ['user'], oomScoreAdj: -1000 }),
          expected: { step: 'set oom_score_adj', syscall: 'write', errno: 'EACCES', path: '/proc/self/oom_score_adj' },
        },
      ],
      scheduler: [
        {
          title: 'a deadline before the time that the work takes',
          plan: of({ scheduler: { policy: 'deadline', runtime: 2_000_000, deadline: 1_000_000, period: 1_000_000 } }),
          expected: { step: 'set the scheduler', syscall: 'sched_setattr', errno: 'EINVAL' },
        },
        {
          title: 'a realtime policy without privilege',
          plan: of({ namespaces: ['user'], scheduler: { policy: 'fifo', priority: 1 } }),
          expected: { step: 'set the scheduler', code: 'ERR_BOX_PERMISSION', syscall: 'sched_setattr', errno: 'EPERM' },
        },
      ],
      ioPriority: [
        {
          title: 'a realtime I/O priority without privilege',
          plan: of({ namespaces: ['user'], ioPriority: { class: 'realtime' } }),
          expected: { step: 'set the I/O priority', code: 'ERR_BOX_PERMISSION', syscall: 'ioprio_set', errno: 'EPERM' },
        },
      ],
      affinity: [
        {
          title: 'a processor that is not there',
          plan: of({ cpuAffinity: [8191] }),
          expected: { step: 'set the CPU affinity', syscall: 'sched_setaffinity', errno: 'EINVAL' },
        },
      ],
      memoryPolicy: [
        {
          title: 'a memory node that is not there',
          plan: of({ memoryPolicy: { mode: 'bind', nodes: [8191] } }),
          expected: { step: 'set the memory policy', syscall: 'set_mempolicy', errno: 'EINVAL' },
        },
      ],
      personality: [
        {
          title: 'a personality under a filter that forbids it',
          plan: steps([refusing('personality', EPERM)], { personality: 'linux32' }),
          expected: { step: 'set the personality', code: 'ERR_BOX_PERMISSION', syscall: 'personality', errno: 'EPERM' },
        },
      ],
      sessionKeyring: [
        {
          title: 'a keyring with a name of a page',
          plan: steps([{ do: 'sessionKeyring', name: 'x'.repeat(4096) }]),
          expected: { step: 'make the session keyring', syscall: 'keyctl', errno: 'EINVAL' },
        },
        {
          title: 'a keyring under a filter that forbids it',
          plan: steps([refusing('keyctl', EPERM)], { sessionKeyring: 'of-a-test' }),
          expected: { step: 'make the session keyring', code: 'ERR_BOX_PERMISSION', syscall: 'keyctl', errno: 'EPERM' },
        },
      ],
      // umask(2): "This system call always succeeds".
      umask: undefined,
    } satisfies Partial<Record<EnterStep['do'], readonly Row[] | undefined>>
  }

  #files() {
    return {
      overlay: [
        {
          title: 'an overlay in a user namespace of a folder that is not there',
          plan: steps([{ do: 'overlay', lowers: ['/etc', '/no/such'], target: '/mnt', attributes: [] }], { namespaces: ['user', 'mount'] }),
          expected: { step: 'make the overlay', code: 'ERR_BOX_NOT_FOUND', syscall: 'open', errno: 'ENOENT', path: '/no/such' },
        },
      ],
      propagation: [
        {
          title: 'the propagation of mounts without privilege',
          plan: steps([nobody, { do: 'propagation', propagation: 'rprivate' }], { namespaces: ['mount'] }),
          expected: { step: 'set the propagation', code: 'ERR_BOX_PERMISSION', syscall: 'mount', errno: 'EPERM' },
        },
      ],
      root: [
        {
          title: 'a root that is a file',
          plan: of({ namespaces: own, root: { fd: this.#file } }),
          expected: { step: 'attach the root', syscall: 'move_mount', errno: 'EINVAL' },
        },
      ],
      mount: [
        {
          title: 'a target below a file',
          plan: of({ namespaces: own, mounts: [{ type: 'tmpfs', target: '/etc/passwd/x' }] }),
          expected: { step: 'mount', syscall: 'openat2', errno: 'ENOTDIR', path: '/etc/passwd/x' },
        },
        {
          title: 'a folder on a file',
          plan: of({ namespaces: own, mounts: [{ type: 'tmpfs', target: '/etc/passwd' }] }),
          expected: { step: 'mount', syscall: 'move_mount', errno: 'EINVAL', path: '/etc/passwd' },
        },
        {
          title: 'an owner that the user namespace does not have',
          plan: of({
            namespaces: ['user', 'mount'],
            uidMappings: [{ containerId: 0, hostId: 0, size: 10 }],
            gidMappings: [{ containerId: 0, hostId: 0, size: 10 }],
            mounts: [{ type: 'tmpfs', target: '/mnt', uid: 11 }],
          }),
          expected: { step: 'mount', syscall: 'fsconfig', errno: 'EINVAL', path: 'uid' },
        },
        {
          title: 'a file system that the kernel does not have',
          plan: steps([{ do: 'mount', kind: 'no-such', target: '/mnt', parameters: [], attributes: [] }], { namespaces: own }),
          expected: { step: 'mount', syscall: 'fsopen', errno: 'ENODEV', path: 'no-such' },
        },
      ],
      bind: [
        {
          title: 'a file on a folder',
          plan: of({ namespaces: own, mounts: [{ type: 'bind', source: '/etc/passwd', target: '/etc' }] }),
          expected: { step: 'mount', syscall: 'move_mount', errno: 'EINVAL', path: '/etc' },
        },
      ],
      attributes: [
        {
          title: 'attributes of a folder that nothing is mounted on',
          plan: steps([{ do: 'attributes', target: '/etc', recursive: false, attributes: ['readOnly'] }], { namespaces: own }),
          expected: { step: 'set mount attributes', syscall: 'mount_setattr', errno: 'EINVAL', path: '/etc' },
        },
      ],
      device: [
        {
          title: 'a device in the place of another file',
          plan: of({ namespaces: own, devices: [{ path: '/etc/passwd', type: 'char', major: 1, minor: 3 }] }),
          expected: { step: 'make a device', syscall: 'mknodat', errno: 'EEXIST', path: '/etc/passwd' },
        },
      ],
      link: [
        {
          title: 'a link below a file',
          plan: steps([{ do: 'link', path: '/etc/passwd/link', value: '/' }], { namespaces: own }),
          expected: { step: 'make a link', syscall: 'openat2', errno: 'ENOTDIR', path: '/etc/passwd/link' },
        },
      ],
      pivot: [
        {
          title: 'a pivot to the root that there is',
          plan: steps([{ do: 'pivot' }], { namespaces: own }),
          expected: { step: 'enter the root', syscall: 'pivot_root', errno: 'EBUSY' },
        },
      ],
      readOnlyPath: [
        {
          title: 'a read-only path that is a link of /proc',
          plan: of({ namespaces: own, readOnlyPaths: ['/proc/self/exe'] }),
          expected: { step: 'make a path read-only', syscall: 'openat2', errno: 'ELOOP', path: '/proc/self/exe' },
        },
      ],
      mask: [
        {
          title: 'a masked path that is a link of /proc',
          plan: of({ namespaces: own, maskedPaths: ['/proc/self/exe'] }),
          expected: { step: 'mask a path', syscall: 'openat2', errno: 'ELOOP', path: '/proc/self/exe' },
        },
      ],
      directory: [
        {
          title: 'a working directory that is not there',
          plan: of({ cwd: '/no/such' }),
          expected: { step: 'change the directory', code: 'ERR_BOX_NOT_FOUND', syscall: 'chdir', errno: 'ENOENT', path: '/no/such' },
        },
      ],
      terminal: [
        {
          title: 'a terminal where there is no /dev/ptmx',
          plan: of({ namespaces: own, mounts: [{ type: 'tmpfs', target: '/dev' }], terminal: true }),
          expected: { step: 'take the terminal', code: 'ERR_BOX_NOT_FOUND', syscall: 'openat2', errno: 'ENOENT', path: '/dev/ptmx' },
        },
        {
          title: 'a terminal of a /dev/ptmx that is another device',
          plan: of({
            namespaces: own,
            mounts: [{ type: 'tmpfs', target: '/dev' }],
            devices: [{ path: '/dev/ptmx', type: 'char', major: 1, minor: 3 }],
            terminal: true,
          }),
          expected: { step: 'take the terminal', code: 'ERR_BOX_STATE', path: '/dev/ptmx' },
        },
      ],
    } satisfies Partial<Record<EnterStep['do'], readonly Row[]>>
  }

  #identity() {
    return {
      bounding: [
        {
          title: 'a bounding set without privilege',
          plan: steps([nobody, { do: 'bounding', capabilities: 0n }]),
          expected: { step: 'drop the bounding set', code: 'ERR_BOX_PERMISSION', syscall: 'prctl', errno: 'EPERM' },
        },
      ],
      user: [
        {
          title: 'a user that is not mapped',
          plan: of({
            namespaces: ['user'],
            uidMappings: [{ containerId: 0, hostId: 100000, size: 10 }],
            gidMappings: [{ containerId: 0, hostId: 100000, size: 10 }],
            user: { uid: 11, gid: 0 },
            // The ids of the map have no way into the caller's folder, which may be closed to others.
            cwd: '/',
          }),
          expected: { step: 'change the user', syscall: 'setresuid', errno: 'EINVAL' },
        },
        {
          title: 'another user without privilege',
          plan: steps([nobody, { do: 'user', uid: 1, gid: 1, groups: undefined }]),
          expected: { step: 'change the user', code: 'ERR_BOX_PERMISSION', syscall: 'setresgid', errno: 'EPERM' },
        },
      ],
      capabilities: [
        {
          title: 'an ambient capability that cannot be inherited',
          plan: of({ capabilities: { bounding: ['CAP_KILL'], permitted: ['CAP_KILL'], ambient: ['CAP_KILL'] } }),
          expected: { step: 'set capabilities', code: 'ERR_BOX_PERMISSION', syscall: 'prctl', errno: 'EPERM' },
        },
        {
          title: 'a capability that was dropped',
          plan: steps([
            { do: 'capabilities', effective: 0n, permitted: 0n, inheritable: 0n, ambient: 0n },
            { do: 'capabilities', effective: 1n, permitted: 1n, inheritable: 0n, ambient: 0n },
          ]),
          expected: { step: 'set capabilities', code: 'ERR_BOX_PERMISSION', syscall: 'capset', errno: 'EPERM' },
        },
      ],
      noNewPrivileges: [
        {
          title: 'no_new_privs under a filter that forbids it',
          plan: steps([refusing('prctl', EINVAL, option(PR_SET_NO_NEW_PRIVS))], { noNewPrivileges: true }),
          expected: { step: 'set no_new_privs', syscall: 'prctl', errno: 'EINVAL' },
        },
      ],
      seccomp: [
        {
          title: 'a filter without privilege',
          plan: steps([nobody, refusing('mkdir', EPERM)]),
          expected: { step: 'install the system call filter', code: 'ERR_BOX_PERMISSION', syscall: 'seccomp', errno: 'EACCES' },
        },
        {
          title: 'a filter without an end',
          plan: steps([{ do: 'seccomp', flags: 0, filter: new Uint8Array(8) }]),
          expected: { step: 'install the system call filter', syscall: 'seccomp', errno: 'EINVAL' },
        },
        {
          title: 'a second listener',
          plan: steps([listening, listening]),
          onSystemCall: () => 'continue',
          expected: { step: 'install the system call filter', syscall: 'seccomp', errno: 'EBUSY' },
        },
      ],
      landlock: [
        {
          title: 'a path for landlock that is not there',
          plan: of({ landlock: { files: [{ path: '/no/such', allow: ['readFile'] }] } }),
          expected: { step: 'restrict by landlock', code: 'ERR_BOX_NOT_FOUND', syscall: 'openat2', errno: 'ENOENT', path: '/no/such' },
        },
        {
          title: 'a right of landlock that no kernel has',
          plan: steps([{ do: 'landlock', bestEffort: false, files: 1n << 60n, network: 0n, scopes: 0n, paths: [], ports: [] }]),
          expected: { step: 'restrict by landlock', code: 'ERR_BOX_UNSUPPORTED' },
        },
      ],
    } satisfies Partial<Record<EnterStep['do'], readonly Row[]>>
  }

  /** What a launch does around the steps. */
  around(): readonly Row[] {
    return [...this.#descriptors(), ...this.#namespaces(), ...this.#cgroups(), ...this.#ends()]
  }

  #descriptors(): readonly Row[] {
    return [
      {
        title: 'a descriptor that is not open',
        plan: of({ descriptors: { 3: 1_000_000 } }),
        expected: { step: 'open the descriptors', syscall: 'fcntl', errno: 'EBADF' },
      },
      {
        title: 'no room for the descriptors',
        plan: steps([refusing('dup2', EMFILE), refusing('dup3', EMFILE)]),
        expected: { step: 'arrange the descriptors', syscall: 'dup2', errno: 'EMFILE' },
      },
    ]
  }

  #namespaces(): readonly Row[] {
    const kinds: readonly NamespaceKind[] = ['user', 'pid', 'mount', 'uts', 'ipc', 'network', 'cgroup', 'time']
    const map = { containerId: 0, hostId: 0, size: 10 }
    return [
      ...kinds.flatMap((kind): readonly Row[] => [
        {
          title: `a ${kind} namespace that is not there`,
          plan: of({ namespaces: { [kind]: '/no/such' } }),
          expected: { step: 'join the namespaces', code: 'ERR_BOX_NOT_FOUND', syscall: 'open', errno: 'ENOENT', path: '/no/such' },
        },
        {
          title: `a ${kind} namespace that is another file`,
          plan: of({ namespaces: { [kind]: '/etc/passwd' } }),
          expected: { step: 'join the namespaces', syscall: 'setns', errno: 'EINVAL' },
        },
        {
          title: `a ${kind} namespace that is one of another kind`,
          plan: of({ namespaces: { [kind]: kind === 'uts' ? '/proc/self/ns/ipc' : '/proc/self/ns/uts' } }),
          expected: { step: 'join the namespaces', syscall: 'setns', errno: 'EINVAL' },
        },
      ]),
      {
        title: 'the user namespace that the caller is in',
        plan: of({ namespaces: { user: '/proc/self/ns/user' } }),
        expected: { step: 'join the namespaces', syscall: 'setns', errno: 'EINVAL' },
      },
      {
        title: 'a clock before its beginning',
        plan: of({ namespaces: ['time'], timeOffsets: { monotonic: { secs: -1e12 } } }),
        expected: { step: 'make the time namespace', syscall: 'write', errno: 'ERANGE', path: '/proc/self/timens_offsets' },
      },
      {
        title: 'a map whose ranges overlap',
        plan: of({
          namespaces: ['user'],
          uidMappings: [map, { ...map, containerId: 5, hostId: 100 }],
          gidMappings: [map],
        }),
        expected: {
          step: 'make the process',
          syscall: 'write',
          errno: 'EINVAL',
          path: expect.stringMatching(/^\/proc\/\d+\/uid_map$/),
        },
      },
      {
        title: 'a map of groups whose ranges overlap',
        plan: of({
          namespaces: ['user'],
          uidMappings: [map],
          gidMappings: [map, { ...map, containerId: 5, hostId: 100 }],
        }),
        expected: {
          step: 'make the process',
          syscall: 'write',
          errno: 'EINVAL',
          path: expect.stringMatching(/^\/proc\/\d+\/gid_map$/),
        },
      },
      {
        title: 'a map of others’ ids that the process writes itself',
        plan: changed({ namespaces: ['user'], uidMappings: [map], gidMappings: [map] }, (data) => ({
          ...data,
          mapSelf: true,
          denySetgroups: true,
        })),
        expected: { step: 'map the ids', code: 'ERR_BOX_PERMISSION', syscall: 'write', errno: 'EPERM', path: '/proc/self/gid_map' },
      },
    ]
  }

  #cgroups(): readonly Row[] {
    return [
      {
        title: 'a cgroup that is not there',
        plan: of({ cgroup: { paths: { v1: ['/sys/fs/cgroup/no-such/group'] } } }),
        expected: { step: 'open the cgroup', syscall: 'open', errno: 'ENOENT', path: '/sys/fs/cgroup/no-such/group' },
      },
      {
        title: 'a folder that is no cgroup of v2',
        plan: of({ cgroup: { paths: { v2: this.#folder, v1: [] } } }),
        expected: { step: 'make the process', syscall: 'clone3', errno: 'EBADF' },
      },
      {
        title: 'a cgroup of v1 that takes no process',
        plan: of({ cgroup: { paths: { v1: [this.#groupThatIsFull()] } } }),
        expected: { step: 'enter the cgroup', syscall: 'write', errno: 'ENOSPC' },
      },
    ]
  }

  /** A folder whose `tasks` answers as that of a cpuset without processors. */
  #groupThatIsFull(): string {
    symlinkSync('/dev/full', join(this.#folder, 'tasks'))
    return this.#folder
  }

  #ends(): readonly Row[] {
    return [
      {
        title: 'an end with the caller under a filter that forbids it',
        plan: steps([refusing('prctl', EINVAL, option(PR_SET_PDEATHSIG))]),
        expected: { step: 'end with the caller', syscall: 'prctl', errno: 'EINVAL' },
      },
      {
        title: 'an init that can start no process',
        plan: steps([refusing('clone', EAGAIN), refusing('fork', EAGAIN)], { namespaces: ['pid'], init: true }),
        expected: { step: 'start the init', syscall: 'fork', errno: 'EAGAIN' },
      },
      {
        title: 'a program that is not there',
        plan: new Plan(compile(['/no/such'], {}), undefined),
        expected: { step: 'execute the program', code: 'ERR_BOX_COMMAND_NOT_FOUND', syscall: 'execve', errno: 'ENOENT', path: '/no/such' },
      },
      {
        title: 'a program that may not be executed',
        plan: new Plan(compile(['/etc/passwd'], {}), undefined),
        expected: { step: 'execute the program', code: 'ERR_BOX_PERMISSION', syscall: 'execve', errno: 'EACCES', path: '/etc/passwd' },
      },
    ]
  }
}

const listening: EnterStep = (() => {
  const filter = compileSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }] })
  return { do: 'seccomp', flags: filter.flags, filter: filter.program }
})()
