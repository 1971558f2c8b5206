/** A lock that was taken. */
export interface HeldLock {
  readonly state: 'held'
  /** Gives the lock back and wakes who waits for it. */
  release(): Promise<void>
}

/** A lock that someone else has. */
export interface BusyLock {
  readonly state: 'busy'
  /**
   * Resolves when the lock may be free: it was released, or its holder ended, however it ended. Then ask again.
   * Rejects with the signal's reason.
   */
  released(signal?: AbortSignal): Promise<void>
}

/**
 * How the writers of one image layout keep out of each other's way, in one process and in several. A lock ends with its holder, also when
 * the holder is killed. `socketLocks()` needs nothing but Node; another mechanism can be given to `layout()`.
 */
export interface Locks {
  /**
   * Names the mechanism. The layout keeps the name in its folder and refuses to be opened by another one, because two mechanisms do not
   * see each other's locks.
   */
  readonly protocol: string
  /** Takes the lock of that name (letters, digits, `-`), whose files are in `folder`, if it is free. Does not wait. */
  acquire(folder: string, name: string): Promise<HeldLock | BusyLock>
  /** Removes the files that processes which were killed have left in `folder`. Not there: such a mechanism leaves none. */
  sweep?(folder: string): Promise<void>
}

/** Takes a lock, waiting for it. Rejects with the signal's reason. */
export async function acquireLock(locks: Locks, folder: string, name: string, signal?: AbortSignal): Promise<HeldLock> {
  while (true) {
    signal?.throwIfAborted()
    const lock = await locks.acquire(folder, name)
    if (lock.state === 'held') return lock
    await lock.released(signal)
  }
}
