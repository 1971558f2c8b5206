import type { ByteRange } from '@box/core'
import { Refusal } from './refusal.ts'

/**
 * The one range of a `Range` header (RFC 9110 section 14). Undefined where there is none, or one that may be answered with the whole:
 * another unit, several ranges, or what does not read as a range.
 * @throws Refusal 416 where the range holds nothing of the blob
 */
export function requestedRange(header: string | undefined, size: number): Required<ByteRange> | undefined {
  const [, first = '', last = ''] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '') ?? []
  if (first === '' && last === '') return undefined
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1)
  if (start < end) return { start, end }
  throw new Refusal(416, 'SIZE_INVALID', `the range is not within the ${size} bytes of the blob`, {
    headers: { 'Content-Range': `bytes */${size}` },
  })
}

/** The `Content-Range` of a chunk (distribution-spec, "Pushing a blob in chunks"): first and last byte, without a unit. */
export function chunkRange(header: string | undefined): { readonly start: number; readonly length: number } | undefined {
  if (header === undefined) return undefined
  const [, first, last] = /^(\d{1,15})-(\d{1,15})$/.exec(header) ?? []
  const start = Number(first)
  const length = Number(last) - start + 1
  if (first !== undefined && length > 0) return { start, length }
  throw new Refusal(400, 'BLOB_UPLOAD_INVALID', 'Content-Range must be the first and the last byte of the chunk, as in 0-1023')
}
