import { open } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { UserNamespaceTarget } from '@box/core'
import { nativeCallIn } from '../native.ts'

/** Removes what is at the path, with all below it, whatever its modes are, and whose it is among `ids`. Nothing there is no error. */
export async function removeTree(path: string, ids?: UserNamespaceTarget): Promise<void> {
  const parent = await open(dirname(path), 'r')
  try {
    await nativeCallIn(ids, (core) => core.removeTree(parent.fd, basename(path)))
  } finally {
    await parent.close()
  }
}

/** What is below a folder takes on the disk. */
export async function measureFolder(path: string, ids?: UserNamespaceTarget): Promise<{ readonly bytes: number; readonly inodes: number }> {
  const handle = await open(path, 'r')
  try {
    return await nativeCallIn(ids, (core) => core.measureTree(handle.fd))
  } finally {
    await handle.close()
  }
}
