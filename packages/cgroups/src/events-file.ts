import { watch } from 'node:fs'
import { flatKeyed } from './parse.ts'
import { read } from './files.ts'

/**
 * Waits until a key of `cgroup.events` has a value, told by the kernel (inotify sees each change of the file). A group that is gone is neither
 * populated nor frozen.
 */
export async function waitForEvent(folder: string, key: 'populated' | 'frozen', value: 0 | 1, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  const holds = (): boolean => (flatKeyed(read(folder, 'cgroup.events')).get(key) ?? 0) === value
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
