import { BoxError, type ByteRange } from '@box/core'

const longestName = 1024

/**
 * Checks an image's name: 1 to 1024 characters without white space and control characters. A tag and a whole reference both are.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`
 */
export function checkName(name: string): void {
  if (typeof name !== 'string') throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${String(name)} is not a name for an image`)
  if (name.length > 0 && name.length <= longestName && !/[\s\p{Cc}\p{Cf}\p{Cs}]/u.test(name)) return
  throw new BoxError(
    'ERR_BOX_INVALID_ARGUMENT',
    `${JSON.stringify(name.slice(0, 100))} is not a name for an image: expected 1 to ${longestName} visible characters`,
  )
}

/** The range with its end, for a blob of that size. @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where it is not inside the blob. */
export function checkRange(range: ByteRange | undefined, size: number): { readonly start: number; readonly end: number } {
  const { start = 0, end = size } = range ?? {}
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end <= size) return { start, end }
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `the bytes from ${start} to ${end} are not inside a blob of ${size} bytes`)
}
