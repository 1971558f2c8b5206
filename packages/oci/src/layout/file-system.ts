import { BoxError, fromNative } from '@box/core'
import type { Stats } from 'node:fs'
import { lstat, open } from 'node:fs/promises'

/** An error of Node's file system functions as a BoxError with the system call, the errno and the path. Other values stay as they are. */
export function fileSystemError(error: unknown): unknown {
  if (error instanceof BoxError || !isSystemError(error)) return error
  return fromNative({ boxFailure: true, message: error.message, syscall: error.syscall, errno: error.code, path: error.path })
}

/** Runs file system work; its errors come out as BoxErrors. */
export async function systemCalls<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work()
  } catch (error) {
    throw fileSystemError(error)
  }
}

/** The errno's name where the value is an error of a system call. */
export function errnoOf(error: unknown): string | undefined {
  return isSystemError(error) ? error.code : undefined
}

/** What lstat(2) says of the path, or undefined where nothing is there. */
export async function lstatOrAbsent(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** Makes the names in a folder durable (fsync(2)). Windows has no such call and needs none. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code)
}
