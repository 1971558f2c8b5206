import { closeSync, constants, mkdirSync, openSync, readdirSync, readSync, rmdirSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { BoxError, type ErrorCode } from '@box/core'

/**
 * Reads and writes of the files of groups. They are memory of the kernel: a synchronous read or write takes microseconds, where the way through
 * libuv's threads takes a hundred, so only what may wait in the kernel (moving processes, lowering a limit below what is used) goes there.
 * Files are opened without O_CREAT, so that a file that the kernel lacks is seen as such, and with O_NOFOLLOW.
 */

/** The text of a file, or undefined where the kernel has no such file, or nothing to say in it. */
export function read(folder: string, file: string): string | undefined {
  const path = `${folder}/${file}`
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      return textOf(fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    // ENODEV: the group was removed while the file was open; EOPNOTSUPP: the file exists but this kernel was started without the feature; EINVAL: it can
    // only be written to.
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP', 'EIO', 'EINVAL'].includes(errnoOf(error))) return undefined
    throw systemError(`${path} cannot be read`, error, 'read', path)
  }
}

/** Larger than nearly all of these files, so that one read takes all and the next one sees the end. */
const buffer = Buffer.allocUnsafeSlow(16_384)

/** As readFileSync, which asks for the size first (it is 0) and allocates for each read. */
function textOf(fd: number): string {
  let text = ''
  for (let length = readSync(fd, buffer); length > 0; length = readSync(fd, buffer)) text += buffer.toString('latin1', 0, length)
  return text
}

/** Writes at once. */
export function write(folder: string, file: string, value: string): void {
  const fd = openSync(`${folder}/${file}`, constants.O_WRONLY | constants.O_NOFOLLOW)
  try {
    writeSync(fd, value)
  } finally {
    closeSync(fd)
  }
}

/** Writes on another thread, because the kernel may take its time. */
export async function writeSlowly(folder: string, file: string, value: string): Promise<void> {
  const handle = await open(`${folder}/${file}`, constants.O_WRONLY | constants.O_NOFOLLOW)
  try {
    await handle.write(value)
  } finally {
    await handle.close()
  }
}

export function makeFolder(path: string): void {
  mkdirSync(path, { mode: 0o755 })
}

export function removeFolder(path: string): void {
  rmdirSync(path)
}

/** The names of the groups directly below one; none where it is not there. */
export function groupsBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw systemError(`${folder} cannot be listed`, error, 'getdents64', folder)
  }
}

/** The process ids in a group; none where it is not there. */
export function processesIn(folder: string): number[] {
  return (read(folder, 'cgroup.procs') ?? '')
    .split('\n')
    .filter((line) => /^[1-9]\d*$/.test(line))
    .map(Number)
}

/** The name of a Node system error, as in errno(3). */
export function errnoOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

const codes: Readonly<Record<string, ErrorCode>> = {
  EACCES: 'ERR_BOX_PERMISSION',
  EPERM: 'ERR_BOX_PERMISSION',
  EROFS: 'ERR_BOX_PERMISSION',
  ENOENT: 'ERR_BOX_NOT_FOUND',
  ESRCH: 'ERR_BOX_NOT_FOUND',
  ENODEV: 'ERR_BOX_NOT_FOUND',
}

/** Makes a BoxError of what node:fs threw. */
export function systemError(message: string, cause: unknown, syscall: string, path: string, hint?: string): BoxError {
  if (cause instanceof BoxError) return cause
  const errno = errnoOf(cause)
  return new BoxError(codes[errno] ?? 'ERR_BOX_SYSTEM', `${message}: ${errno || String(cause)}`, { syscall, errno, path, hint, cause })
}
