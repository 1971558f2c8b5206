import { BoxError, fromNative } from '@box/core'

/** Does work on the file system; what the system refuses comes out as a BoxError with the system call, the errno and the path. */
export async function systemCalls<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof BoxError || !isSystemError(error)) throw error
    throw fromNative({ boxFailure: true, message: error.message, syscall: error.syscall, errno: error.code, path: error.path })
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code)
}
