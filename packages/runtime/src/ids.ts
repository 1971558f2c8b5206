import { randomInt } from 'node:crypto'
import { closeSync, constants, fstatSync, mkdirSync, openSync, readdirSync, rmdirSync, statSync, unlinkSync } from 'node:fs'
import path from 'node:path'

import { BoxError, fromNative } from '@box/core'
import { native } from '@box/native'

/** Where it is written down which ranges are in use: for the whole machine, until it is switched off. */
const folder = '/run/box/ids'

/** How many ids a container has, and where the ranges lie: above those of systemd's containers (524288 to 1879048191), below 2^31. */
const size = 65_536
const lowest = 0x7000_0000
const ranges = 4_000

/** A range of user and group ids that is one container's, on this machine, until it is released or its process ends. */
export interface IdRange {
  readonly first: number
  readonly size: number
  release(): void
}

/**
 * Takes a range that nobody has. The range is a file with a lock on it, which the kernel takes back when this process ends however it ends.
 * @throws BoxError `ERR_BOX_LIMIT` when all are taken, `ERR_BOX_PERMISSION` for another user than root.
 */
export function acquireIds(): IdRange {
  const offset = randomInt(ranges)
  for (let tried = 0; tried < ranges; tried += 1) {
    const number = (offset + tried) % ranges
    const file = path.join(folder, String(number))
    const fd = lock(file)
    if (fd !== undefined) return { first: lowest + number * size, size, release: once(() => release(file, fd)) }
  }
  throw new BoxError('ERR_BOX_LIMIT', `all ${ranges} ranges of ids are in use`, { path: folder })
}

/** Removes the files that killed processes left. */
export function sweepIds(): void {
  for (const name of namesIn(folder)) {
    const file = path.join(folder, name)
    const fd = lock(file)
    if (fd !== undefined) release(file, fd)
  }
}

/** The descriptor that holds the lock, or undefined where somebody else has it. */
function lock(file: string): number | undefined {
  const fd = open(file)
  try {
    if (native().tryLockFile(fd) && isStill(file, fd)) return fd
  } catch (error) {
    closeSync(fd)
    throw fromNative(error)
  }
  closeSync(fd)
  return undefined
}

/** The folder is made where it is missing: whoever releases the last range removes it. */
function open(file: string): number {
  while (true) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    try {
      return openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
    } catch (error) {
      if (!(error instanceof Object && 'code' in error && error.code === 'ENOENT')) throw error
    }
  }
}

/** Its last holder may have removed the file before the lock was taken: that lock is worth nothing. */
function isStill(file: string, fd: number): boolean {
  return statSync(file, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino
}

/** The file is removed first: while it is there, its lock is what says that the range is taken. */
function release(file: string, fd: number): void {
  unlinkSync(file)
  closeSync(fd)
  for (const emptied of [folder, path.dirname(folder)]) {
    try {
      rmdirSync(emptied)
    } catch {
      // Other ranges are in use.
      return
    }
  }
}

function namesIn(parent: string): string[] {
  try {
    return readdirSync(parent)
  } catch {
    return []
  }
}

function once(action: () => void): () => void {
  let done = false
  return () => {
    if (done) return
    done = true
    action()
  }
}
