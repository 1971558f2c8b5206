import type { NativeFailure } from '@box/core'

type Hint = string | ((failure: NativeFailure) => string)

const privilege = 'it takes a privilege in the user namespace that the process is in: keep the capability, or leave this option out'

/** What to do about the failure of a step, by the step's name: those of the plan, and what a launch does around them. */
const hints: Readonly<Record<string, Hint>> = {
  'open the descriptors': 'a descriptor that is passed on must be open until spawn() has resolved',
  "open the mount's source": ({ syscall }) =>
    syscall === 'mount_setattr'
      ? 'other ids can be shown only by who has CAP_SYS_ADMIN over the file system, of one that can do it: ext4, xfs, btrfs, tmpfs from Linux 6.3, not overlayfs'
      : 'the source of a bind mount must be there, and the caller must be able to reach it',
  'clone the root': 'a root is a descriptor of a mount or a folder that is open until spawn() has resolved',
  'make the overlay': ({ syscall }) =>
    syscall === 'open'
      ? 'each folder must be there, and the process that makes the overlay must be able to reach it'
      : 'an ordinary user needs Linux 6.8; upper and work must be empty or of an earlier overlay, and on one file system that overlayfs can write to, which overlayfs itself is not',
  'open the device': 'in a user namespace a device is bound: the host must have it at this path, with this number',
  'open the cgroup': ({ errno }) =>
    errno === 'ENOENT' ? 'make the cgroup before the process' : 'give the folder of a cgroup that the caller may put processes in',
  'enter the cgroup': 'the cgroup must take processes: one of cpuset needs processors and memory nodes first',
  'join the namespaces': ({ syscall, errno }) => {
    if (errno === 'EINVAL') return 'give a namespace of this kind; the user namespace that the caller is in cannot be joined again'
    if (errno === 'EPERM') return 'joining takes CAP_SYS_ADMIN in the user namespace that owns the namespace: join that one, too'
    return syscall === 'open' ? 'the namespace must be there, and the caller must be able to reach it' : 'join a process that still runs'
  },
  'make the time namespace': ({ errno }) =>
    errno === 'ERANGE'
      ? 'no clock can be set before 0 or beyond some 146 years: offset it by less'
      : "it takes Linux 5.6 and CAP_SYS_ADMIN, or a new user namespace ('user') with it",
  'make the process': makeTheProcess,
  'map the ids': 'an ordinary user maps its own id, and what /etc/subuid and /etc/subgid grant',
  'become root of the user namespace': 'the first id of uidMappings and gidMappings must be mapped in the user namespace that is entered',
  'set the host name': 'give a name of at most 64 bytes, to a new uts namespace',
  'set the domain name': 'give a name of at most 64 bytes, to a new uts namespace',
  'bring loopback up': privilege,
  'make the cgroup namespace': privilege,
  'set a sysctl': ({ errno }) =>
    errno === 'ENOENT'
      ? 'this kernel has no parameter of that name in that namespace'
      : 'the kernel does not take this value for the parameter',
  'set a resource limit': 'a hard limit can be raised only with CAP_SYS_RESOURCE in the host: ask for at most the caller’s own',
  'set oom_score_adj': 'it can be lowered only with CAP_SYS_RESOURCE in the host: ask for at least the caller’s own',
  'set the propagation': privilege,
  'attach the root': 'a root is a mount or a folder of the user namespace that the process is in',
  mount: mount,
  'set mount attributes': 'the target must be where something is mounted',
  'make a device': ({ errno }) =>
    errno === 'EEXIST'
      ? 'another file is in that place: choose another path'
      : 'a node can be made only with CAP_MKNOD in the host, below a folder',
  'make a link': 'what is above the link must be folders',
  'take the terminal': 'a terminal needs a devpts: mount one at /dev/pts, or leave the caller’s /dev/ptmx where it is',
  'enter the root': 'a root must be a mount of its own in a new mount namespace',
  'make a path read-only': 'name a file or folder, not a link of /proc that leads to what a process holds',
  'mask a path': 'name a file or folder, not a link of /proc, and let the root’s /dev/null be the null device',
  'change the directory': 'the working directory must be there inside the root, and be open to the user; links of /proc are not followed',
  'drop the bounding set': 'it takes CAP_SETPCAP: leave capabilities out, or add a new user namespace',
  'change the user': ({ errno }) =>
    errno === 'EINVAL'
      ? 'the user and its groups must be mapped in the user namespace'
      : 'it takes CAP_SETUID and CAP_SETGID in the user namespace',
  'set capabilities': 'ask for those that the caller has; an ambient one must be permitted and inheritable, too',
  'set no_new_privs': 'a filter that the caller is under forbids it',
  'install the system call filter': ({ errno }) => {
    if (errno === 'EACCES') return 'without CAP_SYS_ADMIN a filter needs noNewPrivileges'
    return errno === 'EBUSY' ? 'a process has one listener: the caller’s filter has one already' : 'the kernel does not take this filter'
  },
  'restrict by landlock': ({ code }) =>
    code === 'ERR_BOX_UNSUPPORTED'
      ? 'this kernel lacks landlock or a right that was asked for: ask for less, or take what there is with bestEffort'
      : 'each path must be there inside the root',
  'set the scheduler': ({ errno }) =>
    errno === 'EPERM'
      ? 'a policy above the caller’s takes CAP_SYS_NICE in the host'
      : 'runtime, deadline and period must grow in this order, from 1,024 ns on',
  'set the I/O priority': 'the realtime class takes CAP_SYS_NICE or CAP_SYS_ADMIN in the host',
  'set the CPU affinity': 'name a processor that is online and in the caller’s cpuset',
  'set the memory policy': 'the nodes must be there and in the caller’s cpuset, and the mode must be one that takes nodes',
  'set the personality': 'a filter that the caller is under forbids it',
  'make the session keyring':
    'a filter that the caller is under forbids it, or the name is too long, or the user has too many keys (kernel.keys.maxkeys)',
  'hand over the listener': 'the program that answers system calls must listen at this path before the process is started',
  'end with the caller': 'a filter that the caller is under forbids it: detached asks for nothing of the kind',
  'arrange the descriptors': 'the limit of open files (nofile) must leave room for the descriptors',
  'start the init': 'the limits of processes (nproc, pids) must leave room for an init and the command',
  'execute the program': executeTheProgram,
  'mount the overlay': 'the folders must be there, on a file system that overlayfs can use in a user namespace',
  'open the namespace': 'this kernel has no namespace of that kind',
}

/** What to do about a failure; undefined where it is of no step. */
export function hintOf(failure: NativeFailure): string | undefined {
  // A limit of the process's own holds from its step on.
  if (failure.errno === 'EMFILE' && failure.step !== 'open the descriptors')
    return 'the limit of open files (rlimits.nofile) must leave room for what a launch opens: some 20 and one for each descriptor and mount'
  const hint = failure.step === undefined ? undefined : hints[failure.step]
  return typeof hint === 'function' ? hint(failure) : hint
}

function makeTheProcess({ syscall, errno }: NativeFailure): string {
  if (syscall === 'write') return 'ranges of a map must not overlap, and must be mapped where the caller is'
  if (errno === 'EPERM') return "an ordinary user needs a new user namespace ('user') with the others"
  if (errno === 'ENOSPC') return 'raise user.max_*_namespaces of the host, or nest less deeply'
  if (errno === 'EBADF') return 'paths.v2 of a cgroup must be a folder of the v2 hierarchy'
  return 'the limits of processes (nproc, pids) and of memory must leave room for one more'
}

function mount({ syscall, errno }: NativeFailure): string {
  if (syscall === 'fsmount' || (syscall === 'fsconfig' && errno === 'EPERM'))
    return 'inside another container the kernel allows a new proc or sysfs only where the outer one hides nothing of its own'
  if (syscall === 'fsconfig') return 'the file system does not take this option'
  if (syscall === 'fsopen') return 'this kernel does not have the file system, or not in a user namespace'
  if (syscall === 'move_mount') return 'a folder is mounted on a folder, and a file on a file'
  return 'the target must lead to a place inside the root, by folders; in the place of /proc and /sys no link is followed'
}

function executeTheProgram({ code, errno }: NativeFailure): string {
  if (code === 'ERR_BOX_COMMAND_NOT_FOUND')
    return "a name without a slash is looked for in the PATH of the new process; a script's interpreter or a program's loader that is missing is told in the same way"
  if (errno === 'ENOENT') return 'the program is there: the interpreter of its first line, or its loader, is missing'
  if (errno === 'EACCES') return 'the program must be a file that the user may execute, on a mount without noexec'
  if (errno === 'E2BIG')
    return 'a word of the command or a variable is longer than 128 KiB, or all together than a quarter of the stack’s limit (execve(2))'
  if (errno === 'ENOEXEC') return 'the program must be one for this machine, or a script whose first line names its interpreter'
  return 'the program must be one that the kernel can execute'
}
