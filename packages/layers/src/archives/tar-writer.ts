import { BoxError } from '@box/core'

const blockSize = 512

/** The highest size that a header's field holds in octal digits. */
const largestOctal = 0o77_777_777_777

/** A file of an archive, with its header and padding. Owner and time say nothing: equal content gives equal bytes. */
export async function* tarFile(
  name: string,
  size: number,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  yield tarHeader(name, size, 'file')
  let written = 0
  for await (const chunk of content) {
    written += chunk.byteLength
    if (written > size) break
    yield chunk
  }
  if (written !== size) throw new BoxError('ERR_BOX_SIZE_MISMATCH', `${name} does not have the ${size} bytes that were promised`)
  yield Buffer.alloc((blockSize - (size % blockSize)) % blockSize)
}

/** A folder of an archive. */
export function tarFolder(name: string): Uint8Array {
  return tarHeader(`${name}/`, 0, 'folder')
}

/** The end of an archive. */
export const tarEnd: Uint8Array = Buffer.alloc(2 * blockSize)

/** A ustar header (POSIX.1-2017, pax). A size beyond its field is in binary, as GNU tar has it, and all readers in use. */
function tarHeader(name: string, size: number, kind: 'file' | 'folder'): Buffer {
  if (Buffer.byteLength(name) > 100) throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${name} is too long for a name in an archive`)
  const block = Buffer.alloc(blockSize)
  const octal = (value: number, offset: number, length: number): void => {
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1')
  }
  block.write(name, 0)
  octal(kind === 'file' ? 0o644 : 0o755, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  if (size <= largestOctal) octal(size, 124, 12)
  else {
    block[124] = 0x80
    block.writeBigUInt64BE(BigInt(size), 128)
  }
  octal(0, 136, 12)
  block.write('        ', 148)
  block.write(kind === 'file' ? '0' : '5', 156)
  block.write('ustar\x0000', 257, 'latin1')
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  )
  return block
}
