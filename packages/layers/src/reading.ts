import { BoxError, refuseUnknownOptions } from '@box/core'
import { readOptions } from './option-names.ts'

/** What one call takes into memory at the most: larger files are streamed by who needs them. */
const largestFile = 2 ** 31 - 1

/** How `readFile` is asked: for text, or for bytes up to a limit. */
export type ReadRequest = 'utf8' | { readonly maxBytes?: number }

/** How many bytes are read at the most. @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for another encoding, or another option. */
export function limitOf(request: ReadRequest): number {
  if (request === 'utf8') return largestFile
  if (typeof request === 'string') throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `readFile: ${JSON.stringify(request)} is not 'utf8'`)
  refuseUnknownOptions('readFile', request, readOptions)
  return request.maxBytes ?? largestFile
}
