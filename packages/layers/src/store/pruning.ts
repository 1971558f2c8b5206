import { acquireLock, type Locks } from '@box/oci'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isThere } from '../absent.ts'

/**
 * How who takes content into use and who prunes keep apart. The one first notes a lease and then looks for the file `pruning`; the other first
 * makes the file and then reads the leases. So either the pruner sees the lease, or it is seen and waited for.
 */
export async function whilePruning<Value>(folder: string, locks: Locks, work: () => Promise<Value>): Promise<Value> {
  const lock = await acquireLock(locks, folder, 'prune')
  try {
    await writeFile(marker(folder), '', { mode: 0o600 })
    try {
      return await work()
    } finally {
      await rm(marker(folder), { force: true })
    }
  } finally {
    await lock.release()
  }
}

/** Waits for a pruner that may not have seen what was leased before this call. */
export async function waitForPruner(folder: string, locks: Locks): Promise<void> {
  if (!(await isThere(marker(folder)))) return
  const lock = await acquireLock(locks, folder, 'prune')
  try {
    // It is there although nobody prunes: the pruner was killed.
    await rm(marker(folder), { force: true })
  } finally {
    await lock.release()
  }
}

function marker(folder: string): string {
  return join(folder, 'pruning')
}
