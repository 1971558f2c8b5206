import { lstat } from 'node:fs/promises'

/** Whether the error says that nothing is there. */
export function isAbsent(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}

/** Whether something has that path; a link counts itself. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (isAbsent(error)) return false
    throw error
  }
}

/** Whether an error says that something is there already: EEXIST, or ENOTEMPTY for a folder that would be replaced. */
export function isOccupied(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST')
}
