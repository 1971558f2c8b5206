import type { SeccompProfile } from '../seccomp.ts'
import { syscallNumbers } from './syscalls.ts'

/**
 * What a container has no business with: it changes the machine and not the container, reaches other processes' files or namespaces, or
 * opens parts of the kernel that programs rarely need and attacks often use.
 */
const refused: Readonly<Record<string, readonly string[]>> = {
  modules: ['create_module', 'delete_module', 'finit_module', 'get_kernel_syms', 'init_module', 'query_module'],
  boot: ['kexec_file_load', 'kexec_load', 'reboot', 'swapoff', 'swapon'],
  mounts: [
    'fsconfig',
    'fsmount',
    'fsopen',
    'fspick',
    'listmount',
    'mount',
    'mount_setattr',
    'move_mount',
    'open_tree',
    'open_tree_attr',
    'pivot_root',
    'statmount',
    'umount2',
  ],
  namespaces: ['listns', 'setns', 'unshare'],
  keys: ['add_key', 'keyctl', 'request_key'],
  kernelInterfaces: [
    'bpf',
    'io_uring_enter',
    'io_uring_register',
    'io_uring_setup',
    'lookup_dcookie',
    'lsm_set_self_attr',
    'perf_event_open',
    'userfaultfd',
  ],
  fileHandles: ['fanotify_init', 'open_by_handle_at'],
  machine: [
    '_sysctl',
    'acct',
    'clock_settime',
    'ioperm',
    'iopl',
    'nfsservctl',
    'quotactl',
    'quotactl_fd',
    'setdomainname',
    'sethostname',
    'settimeofday',
    'sysfs',
    'syslog',
    'uselib',
    'ustat',
    'vhangup',
  ],
  memoryPlacement: ['get_mempolicy', 'mbind', 'migrate_pages', 'move_pages', 'set_mempolicy', 'set_mempolicy_home_node'],
}

/** Calls that depend on their arguments, or that fail as if the kernel did not have them. */
const conditional = ['clone', 'clone3', 'ioctl', 'personality', 'socket']

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET (clone(2)). */
const newNamespaces = 0x7e02_0000

const AF_VSOCK = 40
/** TIOCSTI and TIOCLINUX put input into a terminal as if it had been typed. */
const terminalInput = [0x5412, 0x541c]
/** Linux, without and with fixed addresses, each with UNAME26; and the question for the present one. */
const personalities = [0, 0x8, 0x4_0000, 0x2_0000, 0x2_0008, 0xffff_ffff]

const ENOSYS = 38
const EPERM = 1

const refusedNames = Object.values(refused).flat()

const allowedNames = [...new Set([...syscallNumbers('x64').keys(), ...syscallNumbers('arm64').keys()])].filter(
  (name) => !refusedNames.includes(name) && !conditional.includes(name),
)

/**
 * The filter that containers get by default. What is refused fails with EPERM; clone3, whose flags a filter cannot see, and calls newer
 * than this list fail with ENOSYS, which makes C libraries use the older call.
 */
export const defaultSeccompProfile: SeccompProfile = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: ENOSYS,
  syscalls: [
    { names: allowedNames, action: 'SCMP_ACT_ALLOW' },
    { names: refusedNames, action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
    { names: ['clone'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: newNamespaces, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }] },
    { names: ['clone'], action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
    ...personalities.map((value) => ({
      names: ['personality'],
      action: 'SCMP_ACT_ALLOW' as const,
      args: [{ index: 0, value, op: 'SCMP_CMP_EQ' as const }],
    })),
    { names: ['personality'], action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
    {
      names: ['socket'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: EPERM,
      args: [{ index: 0, value: 0xffff_ffff, valueTwo: AF_VSOCK, op: 'SCMP_CMP_MASKED_EQ' }],
    },
    { names: ['socket'], action: 'SCMP_ACT_ALLOW' },
    ...terminalInput.map((request) => ({
      names: ['ioctl'],
      action: 'SCMP_ACT_ERRNO' as const,
      errnoRet: EPERM,
      args: [{ index: 1, value: 0xffff_ffff, valueTwo: request, op: 'SCMP_CMP_MASKED_EQ' as const }],
    })),
    { names: ['ioctl'], action: 'SCMP_ACT_ALLOW' },
  ],
}
