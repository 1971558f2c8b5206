/**
 * Every error that a Box package throws by its own will is a BoxError. The code is stable and is what a program decides by; the
 * message is for people. Where the kernel refused something, `syscall`, `errno`, `path` and `step` say what was tried.
 */

/** Every code, with the one line that the documentation prints for it. */
export const errorCodes = {
  ERR_BOX_INVALID_ARGUMENT: 'An option or argument has a value that the call does not take.',
  ERR_BOX_STATE: 'The call is not possible in the state that the handle is in.',
  ERR_BOX_UNSUPPORTED: 'The kernel, the platform or the privileges at hand do not offer what was asked for.',
  ERR_BOX_SYSTEM: 'A system call failed for a reason that has no code of its own.',
  ERR_BOX_PERMISSION: 'The caller lacks a privilege that the call needs.',
  ERR_BOX_NOT_FOUND: 'What was named does not exist.',
  ERR_BOX_COMMAND_NOT_FOUND: 'The program to run does not exist inside the root.',
  ERR_BOX_LAUNCHER_LOST: 'The launcher ended before it had answered, and the launch could not be repeated safely.',
  ERR_BOX_EXIT_STOLEN: 'The exit status was collected by someone else in this process.',
  ERR_BOX_TIMEOUT: 'The time allowed for the call is over.',
  ERR_BOX_RUN_FAILED: 'The command ended with an exit code other than 0, or by a signal.',
  ERR_BOX_CGROUP_UNSUPPORTED: 'A limit was asked for that the cgroup hierarchy of this host cannot hold.',
  ERR_BOX_CGROUP_EXISTS: 'A cgroup of that name exists and was made by someone else.',
  ERR_BOX_CGROUP_BUSY: 'Controllers cannot be enabled below a cgroup that holds processes itself.',
  ERR_BOX_DOCUMENT_INVALID: 'A document breaks its specification.',
  ERR_BOX_DIGEST_INVALID: 'A string is not a digest of a registered algorithm.',
  ERR_BOX_REFERENCE_INVALID: 'A string is not an image reference.',
  ERR_BOX_DIGEST_MISMATCH: 'Content does not have the digest that was promised.',
  ERR_BOX_SIZE_MISMATCH: 'Content does not have the size that was promised.',
  ERR_BOX_BLOB_ABSENT: 'A blob that is needed is not in the store.',
  ERR_BOX_STORE_INVALID: 'A folder is not a store that this version can open.',
  ERR_BOX_LAYER_INVALID: 'A layer holds something that must not be unpacked.',
  ERR_BOX_LIMIT: 'A limit that guards against hostile input was passed.',
  ERR_BOX_REGISTRY: 'A registry answered with an error.',
  ERR_BOX_REGISTRY_UNAUTHORIZED: 'A registry refused the credentials, or asks for some.',
  ERR_BOX_REGISTRY_BUSY: 'A registry asks to be called less often.',
  ERR_BOX_REGISTRY_UNREACHABLE: 'No connection to a registry could be made, or it broke.',
  ERR_BOX_SIGNATURE_INVALID: 'An image has no signature that is asked for.',
  ERR_BOX_EGRESS_DENIED: 'A request was about to go where it may not go.',
} as const

export type ErrorCode = keyof typeof errorCodes

export interface BoxErrorDetails {
  /** The system call that failed, by its name in section 2 of the manual. */
  readonly syscall?: string | undefined
  /** The error's name, as in errno(3): `EPERM`. */
  readonly errno?: string | undefined
  /** The file or folder concerned. */
  readonly path?: string | undefined
  /** The step of a launch plan, of an unpacking or of a transfer that failed. */
  readonly step?: string | undefined
  /** What to do about it. */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

const brand: unique symbol = Symbol.for('@box/core/BoxError')

/** The one error class. `instanceof` works across copies of this package and across realms. */
export class BoxError extends Error {
  override readonly name: string = 'BoxError'
  readonly code: ErrorCode
  readonly syscall: string | undefined
  readonly errno: string | undefined
  readonly path: string | undefined
  readonly step: string | undefined
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, details: BoxErrorDetails = {}) {
    super(details.hint === undefined ? message : `${message} (${details.hint})`)
    Object.defineProperty(this, brand, { value: true })
    this.code = code
    this.syscall = details.syscall
    this.errno = details.errno
    this.path = details.path
    this.step = details.step
    this.hint = details.hint
    if (details.cause !== undefined) Object.defineProperty(this, 'cause', { value: details.cause, configurable: true, writable: true })
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value
  }
}

/** What the native core throws: plain data, made into a BoxError on this side so that it has the caller's stack. */
export interface NativeFailure {
  /** A code of `errorCodes` where the core knows one. */
  readonly code?: string
  readonly message: string
  readonly syscall?: string
  readonly errno?: string
  readonly path?: string
  readonly step?: string
  readonly hint?: string
}

function isNativeFailure(value: unknown): value is NativeFailure {
  return typeof value === 'object' && value !== null && 'boxFailure' in value && 'message' in value
}

function isErrorCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && Object.hasOwn(errorCodes, code)
}

function codeOf(failure: NativeFailure): ErrorCode {
  if (isErrorCode(failure.code)) return failure.code
  switch (failure.errno) {
    case 'EPERM':
    case 'EACCES':
      return 'ERR_BOX_PERMISSION'
    case 'ENOENT':
      return 'ERR_BOX_NOT_FOUND'
    case 'ENOSYS':
    case 'EOPNOTSUPP':
      return 'ERR_BOX_UNSUPPORTED'
    default:
      return 'ERR_BOX_SYSTEM'
  }
}

/** Turns what the native core threw into a BoxError, with what is to be done about it; anything else is given back as it is. */
export function fromNative(thrown: unknown, hint?: string | ((failure: NativeFailure) => string | undefined)): unknown {
  if (!isNativeFailure(thrown)) return thrown
  const { syscall, errno, path, step } = thrown
  return new BoxError(codeOf(thrown), thrown.message, {
    syscall,
    errno,
    path,
    step,
    hint: thrown.hint ?? (typeof hint === 'function' ? hint(thrown) : hint),
  })
}
