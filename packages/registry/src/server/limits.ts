import { BoxError } from '@box/core'

/** What a client may ask of the server. Sizes are bytes, times milliseconds. */
export interface ServeLimits {
  /** The largest manifest that is taken: 4 MiB by default, which is the least that the specification demands and the most that image layouts read. */
  readonly manifestBytes?: number
  /** The largest blob that is taken. No limit by default. */
  readonly blobBytes?: number
  /** How many uploads may be open at a time: 256 by default. One more is answered with 429. */
  readonly uploads?: number
  /** How long an upload may lie untouched before its bytes are removed: a day by default. */
  readonly uploadExpiry?: number
  /** How many connections are held at a time: 1,024 by default. More are closed at once. */
  readonly connections?: number
  /** How long a connection may be silent while a request is on its way: two minutes by default. */
  readonly idle?: number
  /** How many bytes a second a request's body must bring on average once it is 30 seconds old: 512 by default. */
  readonly bytesPerSecond?: number
  /** How long `close()` waits for answers that are on their way: 5 seconds by default. */
  readonly closing?: number
}

export type Limits = Required<ServeLimits>

const fourMebibytes = 4 * 1024 * 1024

const defaults: Limits = {
  manifestBytes: fourMebibytes,
  blobBytes: Number.MAX_SAFE_INTEGER,
  uploads: 256,
  uploadExpiry: 24 * 60 * 60 * 1000,
  connections: 1024,
  idle: 120_000,
  bytesPerSecond: 512,
  closing: 5000,
}

/** The limits with their defaults. @throws BoxError `ERR_BOX_INVALID_ARGUMENT` */
export function completeLimits(given: ServeLimits = {}): Limits {
  const limits = { ...defaults, ...given }
  for (const [name, value] of Object.entries(limits))
    if (!Number.isSafeInteger(value) || value < 0)
      throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `limits.${name} is ${String(value)}: expected a whole number from 0 to 2^53 - 1`)
  if (limits.manifestBytes < fourMebibytes)
    throw new BoxError(
      'ERR_BOX_INVALID_ARGUMENT',
      `limits.manifestBytes is ${limits.manifestBytes}: a registry must take manifests of 4 MiB`,
    )
  return limits
}
