import type { Readable } from 'node:stream'

import { BoxError } from '@box/core'

/** Collects a stream as UTF-8 text, up to `limit` bytes. More is an error, and `stop` ends what writes it. */
export async function collect(stream: Readable, limit: number, stop: () => void): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  let full = false
  for await (const chunk of stream) {
    if (!Buffer.isBuffer(chunk) || full) continue
    length += chunk.length
    if (length <= limit) {
      chunks.push(chunk)
    } else {
      full = true
      stop()
    }
  }
  if (full)
    throw new BoxError('ERR_BOX_LIMIT', `the output is longer than ${limit} bytes`, {
      hint: 'raise maxOutput, or use start() and read the streams',
    })
  return Buffer.concat(chunks).toString('utf8')
}
