/**
 * Waits for `work`, or rejects with the signal's reason as soon as it is aborted; `onAbort` then stops the work.
 * The listener is removed in either case, so that a signal can serve many calls.
 */
export async function abortable<Value>(work: PromiseLike<Value>, signal: AbortSignal | undefined, onAbort?: () => void): Promise<Value> {
  if (signal === undefined) return await work
  let listener: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    listener = (): void => {
      onAbort?.()
      reject(signal.reason)
    }
    if (signal.aborted) listener()
    else signal.addEventListener('abort', listener, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    if (listener !== undefined) signal.removeEventListener('abort', listener)
  }
}
