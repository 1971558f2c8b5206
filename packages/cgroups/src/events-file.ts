import { watch } from 'node:fs'
import { flatKeyed } from './parse.ts'
import { read } from './files.ts'

/** What `cgroup.events` says; nothing of a group that is gone, and of the top of the hierarchy. */
function stateOf(folder: string): ReadonlyMap<string, number> {
  return flatKeyed(read(folder, 'cgroup.events'))
}

/** Waits until a key of `cgroup.events` has a value. A group that is gone is neither populated nor frozen. */
export async function waitForEvent(folder: string, key: 'populated' | 'frozen', value: 0 | 1, signal?: AbortSignal): Promise<void> {
  await waitUntil(folder, () => (stateOf(folder).get(key) ?? 0) === value, signal)
}

/** Whether nothing can happen in a group: it is empty, or all that is in it is frozen. */
export function isQuiet(folder: string): boolean {
  const state = stateOf(folder)
  return state.get('populated') === 0 || state.get('frozen') === 1
}

/** Waits until something can happen in a group again. */
export async function waitForActivity(folder: string, signal: AbortSignal): Promise<void> {
  await waitUntil(folder, () => !isQuiet(folder), signal)
}

/** Told by the kernel: inotify sees each change of the file. */
async function waitUntil(folder: string, holds: () => boolean, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  if (holds()) return
  await new Promise<void>((resolve, reject) => {
    const watcher = watch(`${folder}/cgroup.events`)
    const end = (settle: () => void): void => {
      watcher.close()
      signal?.removeEventListener('abort', abort)
      settle()
    }
    const abort = (): void => end(() => reject(signal?.reason))
    const look = (): void => {
      if (holds()) end(resolve)
    }
    watcher.on('change', look)
    watcher.on('error', (error) => end(() => reject(error)))
    signal?.addEventListener('abort', abort, { once: true })
    // What changed before the watch began is not told.
    look()
  })
}
