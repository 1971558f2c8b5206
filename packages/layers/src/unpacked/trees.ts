import { open } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { nativeCall } from '../native.ts'

/** Removes what is at the path, with all below it, whatever its modes are. Nothing there is no error. */
export async function removeTree(path: string): Promise<void> {
  const parent = await open(dirname(path), 'r')
  try {
    await nativeCall((core) => core.removeTree(parent.fd, basename(path)))
  } finally {
    await parent.close()
  }
}

/** What is below a folder takes on the disk. */
export async function measureFolder(path: string): Promise<{ readonly bytes: number; readonly inodes: number }> {
  const handle = await open(path, 'r')
  try {
    return await nativeCall((core) => core.measureTree(handle.fd))
  } finally {
    await handle.close()
  }
}
