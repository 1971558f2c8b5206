/** A filter of system calls, as the runtime specification writes it (config-linux.md, "Seccomp"). */
export interface SeccompProfile {
  readonly defaultAction: SeccompAction
  /** The error of `SCMP_ACT_ERRNO` as the default. Default: EPERM (1). */
  readonly defaultErrnoRet?: number | undefined
  /** The architectures whose calls are filtered, beside the machine's own. Calls of any other kill the process. */
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
