import { BoxError } from '@box/core'

const blockSize = 512

/** The highest size that a header's field holds in octal digits. */
const largestOctal = 0o77_777_777_777

/** A part of an archive that need not go through this process's hands. */
export interface Section {
  readonly bytes: () => AsyncIterable<Uint8Array>
  /** Writes the same to a file, from the file's position on. Undefined: only bytes are given. */
  readonly toFile?: ((fd: number) => Promise<void>) | undefined
}

/** What an archive consists of, in its order. */
export type Pieces = AsyncGenerator<Uint8Array | Section, void, void>

/** A file of an archive, with its header and padding. Owner and time say nothing: equal content gives equal bytes. */
export function* tarFile(name: string, size: number, content: Uint8Array | Section): Generator<Uint8Array | Section, void, void> {
  yield tarHeader(name, size, 'file')
  yield content instanceof Uint8Array ? content : sized(name, size, content)
  if (size % blockSize > 0) yield Buffer.alloc(blockSize - (size % blockSize))
}

/** A part that is an error where it does not have its size. */
function sized(name: string, size: number, { toFile, bytes }: Section): Section {
  return {
    toFile,
    bytes: async function* () {
      let given = 0
      for await (const chunk of bytes()) {
        given += chunk.byteLength
        if (given > size) break
        yield chunk
      }
      if (given !== size) throw new BoxError('ERR_BOX_SIZE_MISMATCH', `${name} does not have the ${size} bytes that were promised`)
    },
  }
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
