import type { Dispatcher } from 'undici'
import { Body, type BodyMemory } from '../http/body.ts'

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** An answer's head, and its body as it arrives. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Body
}

/**
 * Sends a request and gives the answer's head. Unlike a Node stream the body gives every byte that arrived before it tells that the
 * connection broke, so that none of them has to be asked for again. Aborting takes effect at once, also while connecting.
 */
export function dispatch(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  memory: BodyMemory,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const body = new Body(memory)
    const onAbort = (): void => {
      body.fail(signal?.reason)
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    body.onEnd = () => signal?.removeEventListener('abort', onAbort)
    dispatcher.dispatch(options, {
      onRequestStart: (controller) => body.start(controller),
      onResponseStart: (_, status, headers) => {
        // 1xx answers come before the one that counts (RFC 9110, 15.2).
        if (status >= 200) resolve({ status, headers, body })
      },
      onResponseData: (_, chunk) => body.push(chunk),
      onResponseEnd: () => body.end(),
      onResponseError: (_, error) => {
        body.fail(error)
        reject(error)
      },
    })
  })
}
