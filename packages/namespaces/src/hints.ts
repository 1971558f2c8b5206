import type { FailureObject } from '@box/native'

/** What to do about a failure, where that is known. */
export function hintOf(failure: FailureObject): string | undefined {
  const { code, step, syscall, errno } = failure
  if (code === 'ERR_BOX_COMMAND_NOT_FOUND')
    return "a name without a slash is looked for in the PATH of the new process; a script's interpreter or a program's loader that is missing is told in the same way"
  if (syscall === 'clone3' && errno === 'EPERM')
    return "an ordinary user needs a new user namespace ('user') with the others, and a host that allows it (kernel.unprivileged_userns_clone, AppArmor)"
  if (syscall === 'clone3' && errno === 'ENOSPC') return 'raise user.max_*_namespaces of the host, or nest less deeply'
  if (syscall === 'fsmount' || (syscall === 'fsconfig' && errno === 'EPERM'))
    return 'inside another container the kernel allows a new proc or sysfs only where the outer one hides nothing of its own'
  if (step === 'open the cgroup' && errno === 'ENOENT') return 'make the cgroup before the process'
  if (step === 'restrict by landlock' && code === 'ERR_BOX_UNSUPPORTED')
    return 'this kernel lacks landlock or a right that was asked for: ask for less, or take what there is with bestEffort'
  return undefined
}
