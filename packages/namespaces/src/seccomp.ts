/** A filter of system calls, as the runtime specification writes it (config-linux.md, "Seccomp"). */
export interface SeccompProfile {
  readonly defaultAction: SeccompAction
  /** The error of `SCMP_ACT_ERRNO` as the default. Default: EPERM (1). */
  readonly defaultErrnoRet?: number | undefined
  /**
   * Of no effect: the calls of the machine's own architecture are filtered, and those of any other, 32 bits among them, kill the process,
   * whether it is named here or not.
   */
  readonly architectures?: readonly string[] | undefined
  readonly flags?: readonly SeccompFlag[] | undefined
  readonly syscalls?: readonly SeccompRule[] | undefined
}

export type SeccompAction =
  | 'SCMP_ACT_KILL'
  | 'SCMP_ACT_KILL_PROCESS'
  | 'SCMP_ACT_KILL_THREAD'
  | 'SCMP_ACT_TRAP'
  | 'SCMP_ACT_ERRNO'
  | 'SCMP_ACT_TRACE'
  | 'SCMP_ACT_LOG'
  /** The call waits for what `onSystemCall` answers (seccomp_unotify(2)). */
  | 'SCMP_ACT_NOTIFY'
  | 'SCMP_ACT_ALLOW'

export type SeccompFlag = 'SECCOMP_FILTER_FLAG_TSYNC' | 'SECCOMP_FILTER_FLAG_LOG' | 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'

export interface SeccompRule {
  /** Names of system calls. One that this machine does not have is passed over. */
  readonly names: readonly string[]
  readonly action: SeccompAction
  readonly errnoRet?: number | undefined
  /** Conditions on the arguments, all of which must hold; rules that differ only here are alternatives. */
  readonly args?: readonly SeccompArgument[] | undefined
}

export interface SeccompArgument {
  /** Which argument, from 0 to 5. */
  readonly index: number
  readonly value: number | bigint
  /** The second value of `SCMP_CMP_MASKED_EQ`: what the masked argument is compared with. */
  readonly valueTwo?: number | bigint | undefined
  readonly op: SeccompOperator
}

export type SeccompOperator =
  | 'SCMP_CMP_NE'
  | 'SCMP_CMP_LT'
  | 'SCMP_CMP_LE'
  | 'SCMP_CMP_EQ'
  | 'SCMP_CMP_GE'
  | 'SCMP_CMP_GT'
  | 'SCMP_CMP_MASKED_EQ'

/** A system call that waits for an answer. The calls that a launch itself makes after its filter is in force are among them. */
export interface SystemCall {
  /** By its name in section 2 of the manual; `#N` where the number has none that is known here. */
  readonly name: string
  /** The process, as the caller sees it. */
  readonly pid: number
  readonly architecture: 'x64' | 'arm64'
  /** Six numbers as the registers had them. They cannot change any more; what they point to can. */
  readonly args: readonly bigint[]
  /**
   * The text that an argument points to, up to its NUL. Another thread can write to that memory at any time: decide by what was read here
   * and act on that, never by letting the call continue.
   * @throws BoxError `ERR_BOX_STATE` where the call no longer waits, `ERR_BOX_PERMISSION`, `ERR_BOX_SYSTEM` where nothing can be read.
   */
  text(argument: number): string
  /** `length` bytes, up to 65,536, at an address; fewer where the rest cannot be read. As `text`. */
  bytes(address: bigint, length: number): Uint8Array
}

/**
 * What a system call comes to: an error by its name or number, a value, a descriptor of the caller's whose copy becomes the call's value
 * (SECCOMP_IOCTL_NOTIF_ADDFD), or `continue`: the kernel carries it out. `continue` is no means of security: the memory that a call points
 * to can be changed after it was looked at (seccomp_unotify(2)).
 */
export type SystemCallAnswer =
  | 'continue'
  | { readonly errno: string | number }
  | { readonly value: number | bigint }
  | { readonly fd: number; readonly closeOnExec?: boolean | undefined }

/**
 * A program that answers system calls in the caller's place (runtime-spec config-linux.md, "Seccomp"). For each process it is connected to once,
 * and gets the container process state as JSON, with the listener of the filter (seccomp_unotify(2)) beside it (SCM_RIGHTS).
 */
export interface SystemCallAgent {
  /** The path of its unix socket (SOCK_STREAM). */
  readonly listenerPath: string
  /** `metadata` of the state. Default: none. */
  readonly listenerMetadata?: string | undefined
  /** What the state says of the container (runtime.md, "State"). Default: empty, and none. */
  readonly id?: string | undefined
  readonly bundle?: string | undefined
  readonly annotations?: Readonly<Record<string, string>> | undefined
}

/** Answers a system call. Where it throws, rejects or answers with something else the call fails with EPERM. */
export type SystemCallHandler = (call: SystemCall) => SystemCallAnswer | Promise<SystemCallAnswer>
