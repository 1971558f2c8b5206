import { BoxError, type Descriptor } from '@box/core'
import { RegistryError } from '../errors.ts'
import type { RetryPolicy } from '../http/retry.ts'
import type { Opened, Origin } from './origin.ts'

export interface ReadOptions {
  readonly start: number
  readonly retry: RetryPolicy
  readonly signal: AbortSignal
  /** Whether the reader is done with a chunk when he asks for the next one: then its memory is used again. */
  readonly lent?: boolean
  /** Called where the source begins at 0 again though more was asked for. Without it, what is known already is read and left out. */
  readonly onRestart?: (() => Promise<void>) | undefined
}

/** So many bytes must have come for a broken connection to count as progress, and the tries to be counted anew. */
export const progressAtLeast: number = 64 * 1024

/**
 * Reads a blob from a byte on. A connection that breaks is made again and the blob asked for from where it broke, within this one reading.
 * @throws BoxError `ERR_BOX_SIZE_MISMATCH` as soon as more comes than the descriptor says, or less has come.
 */
export async function* readBlob(origin: Origin, descriptor: Descriptor, options: ReadOptions): AsyncGenerator<Uint8Array, void, void> {
  const { retry, signal, lent, onRestart } = options
  let position = options.start
  let validator: string | undefined
  let attempt = 0
  let counted = position
  while (position < descriptor.size || (descriptor.size === 0 && attempt === 0)) {
    attempt += 1
    const opened = await origin.open(descriptor, { start: position, validator, lent, signal })
    validator = opened.validator
    try {
      if (opened.start < position && onRestart !== undefined) {
        await onRestart()
        position = 0
        counted = 0
      }
      for await (const chunk of position > opened.start ? from(opened, position) : opened.stream) {
        position += chunk.length
        if (position > descriptor.size) throw wrongSize(origin, descriptor, `more than ${descriptor.size}`)
        yield chunk
      }
      if (position < descriptor.size) throw wrongSize(origin, descriptor, `${position}`)
    } catch (thrown) {
      if (!isBroken(thrown)) throw thrown
      if (position - counted >= progressAtLeast) attempt = 1
      counted = position
      if (!(await retry.wait(attempt, undefined, signal))) throw thrown
    }
  }
}

/** The stream from the position on: what it repeats is left out. */
async function* from(opened: Opened, position: number): AsyncGenerator<Uint8Array, void, void> {
  let left = position - opened.start
  for await (const chunk of opened.stream) {
    if (left >= chunk.length) left -= chunk.length
    else {
      yield left === 0 ? chunk : chunk.subarray(left)
      left = 0
    }
  }
}

function isBroken(thrown: unknown): boolean {
  return thrown instanceof RegistryError && thrown.code === 'ERR_BOX_REGISTRY_UNREACHABLE'
}

function wrongSize(origin: Origin, descriptor: Descriptor, received: string): BoxError {
  return new BoxError(
    'ERR_BOX_SIZE_MISMATCH',
    `${origin.name}: ${descriptor.digest} has ${descriptor.size} bytes by its descriptor, received ${received}`,
  )
}
