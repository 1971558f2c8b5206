import { BoxError } from '@box/core'
import type { FileHandle } from 'node:fs/promises'

const blockSize = 512

/** What a window of the file holds of it: the headers of small files come with one call. */
const windowSize = 64 * 1024

/** How many entries an archive may have, those of extensions among them. */
const mostEntries = 100_000

/** The longest that a name, or the records of one extended header, may be. */
const longestExtension = 1024 * 1024

/** An entry of a tar, by its name as it stands there. */
export interface TarEntry {
  readonly name: string
  readonly type: 'file' | 'folder' | 'hardlink' | 'symlink'
  /** Where the content begins. */
  readonly offset: number
  readonly size: number
  /** What a link names. */
  readonly target: string
}

interface Header {
  readonly name: string
  readonly size: number
  readonly type: string
  readonly target: string
}

/** What extended headers say of the entry that follows them. */
interface Extension {
  name?: string
  target?: string
  size?: number
}

const types: Readonly<Record<string, TarEntry['type']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'folder',
}

/** How a file begins that is compressed. */
const compressed = [
  { name: 'gzip', magic: Buffer.from([0x1f, 0x8b]) },
  { name: 'zstd', magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) },
  { name: 'xz', magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) },
  { name: 'bzip2', magic: Buffer.from('BZh') },
]

/**
 * The entries of a tar (ustar, pax, GNU's long names and binary sizes), from its headers alone: contents are passed over.
 * @throws BoxError `ERR_BOX_STORE_INVALID` for what is no whole tar, `ERR_BOX_UNSUPPORTED` for a compressed one, `ERR_BOX_LIMIT`
 */
export async function* tarEntries(file: FileHandle, fileSize: number): AsyncGenerator<TarEntry, void, void> {
  const window = new Window(file, fileSize)
  const head = await window.read(0, Math.min(6, fileSize))
  const compression = compressed.find(({ magic }) => magic.equals(head.subarray(0, magic.byteLength)))
  if (compression !== undefined)
    throw new BoxError('ERR_BOX_UNSUPPORTED', `the archive is compressed by ${compression.name}`, { hint: 'decompress it first' })
  let extension: Extension = {}
  let position = 0
  for (let entries = 0; ; entries += 1) {
    if (entries > mostEntries) throw new BoxError('ERR_BOX_LIMIT', `the archive has more than ${mostEntries} entries`)
    const header = headerIn(await window.read(position, blockSize))
    if (header === undefined) {
      if (Object.keys(extension).length > 0) throw broken('an extended header describes nothing')
      return
    }
    position += blockSize
    const extending = 'xgLK'.includes(header.type)
    const size = extending ? header.size : (extension.size ?? header.size)
    const type = types[header.type]
    const stored = extending || type === 'file' ? size : 0
    if (position + stored > fileSize) throw broken('it ends within an entry')
    if (extending) {
      if (size > longestExtension) throw new BoxError('ERR_BOX_LIMIT', `the archive has an extended header of ${size} bytes`)
      extend(extension, header.type, await window.read(position, size))
    } else {
      if (type === undefined) throw broken(`it has an entry of the type ${JSON.stringify(header.type)}`)
      const name = extension.name ?? header.name
      // Readers differ in whether the next header comes after it.
      if (type !== 'file' && size > 0) throw broken(`${JSON.stringify(name)} is no file, and has a size`)
      if (type === 'file' && name.endsWith('/')) throw broken(`${JSON.stringify(name)} is a file by its type, a folder by its name`)
      yield { name, type, offset: position, size: stored, target: extension.target ?? header.target }
      extension = {}
    }
    position += Math.ceil(stored / blockSize) * blockSize
  }
}

/** Reads a file from front to back, with few calls. */
class Window {
  readonly #file: FileHandle
  readonly #fileSize: number
  #start = 0
  #bytes: Uint8Array = new Uint8Array(0)

  constructor(file: FileHandle, fileSize: number) {
    this.#file = file
    this.#fileSize = fileSize
  }

  async read(start: number, size: number): Promise<Uint8Array> {
    if (start + size > this.#fileSize) throw broken('it ends before its end mark')
    if (start < this.#start || start + size > this.#start + this.#bytes.byteLength) {
      const buffer = Buffer.allocUnsafe(Math.max(size, Math.min(windowSize, this.#fileSize - start)))
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.byteLength, start)
      if (bytesRead < size) throw broken('it became shorter while it was read')
      this.#bytes = buffer.subarray(0, bytesRead)
      this.#start = start
    }
    return this.#bytes.subarray(start - this.#start, start - this.#start + size)
  }
}

/** What a header says. Undefined for the end of the archive. */
function headerIn(block: Uint8Array): Header | undefined {
  if (block.every((byte) => byte === 0)) return undefined
  const sum = block.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 0x20 : byte), 0)
  if (numberIn(block.subarray(148, 156)) !== sum) throw broken('a header has the wrong checksum')
  const isPosix = Buffer.from('ustar\0').equals(block.subarray(257, 263))
  const prefix = isPosix ? textIn(block.subarray(345, 500)) : ''
  const name = textIn(block.subarray(0, 100))
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    size: numberIn(block.subarray(124, 136)),
    type: String.fromCodePoint(block[156] ?? 0),
    target: textIn(block.subarray(157, 257)),
  }
}

function textIn(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8')
}

/** A number in octal digits, or in binary as GNU tar has it. */
function numberIn(bytes: Uint8Array): number {
  if (bytes[0] === 0x80) return safe(BigInt(`0x${Buffer.from(bytes.subarray(1)).toString('hex')}`))
  const text = textIn(bytes).trim()
  if (!/^[0-7]*$/.test(text)) throw broken('a header has a number that is none')
  return safe(BigInt(`0o${text || '0'}`))
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw broken('an entry is larger than any file')
  return Number(value)
}

function extend(extension: Extension, type: string, bytes: Uint8Array): void {
  if (type === 'L') setOnce(extension, 'name', textIn(bytes))
  else if (type === 'K') setOnce(extension, 'target', textIn(bytes))
  else
    for (const [key, value] of records(bytes)) {
      if (key.startsWith('GNU.sparse.')) throw broken('it has a file with holes')
      if (type === 'g') {
        if (key === 'path' || key === 'linkpath' || key === 'size') throw broken(`it gives all entries the same ${key}`)
      } else if (key === 'path') setOnce(extension, 'name', value)
      else if (key === 'linkpath') setOnce(extension, 'target', value)
      else if (key === 'size') {
        if (!/^\d{1,16}$/.test(value)) throw broken('an extended header has a size that is none')
        setOnce(extension, 'size', safe(BigInt(value)))
      }
    }
}

/** Of two values for one entry readers take different ones. */
function setOnce<Key extends keyof Extension>(extension: Extension, key: Key, value: NonNullable<Extension[Key]>): void {
  if (extension[key] !== undefined && extension[key] !== value)
    throw broken(`an entry has its ${key} twice, which readers take differently`)
  extension[key] = value
}

/** The records `LENGTH KEY=VALUE\n` of an extended header (POSIX.1-2017, pax). */
function* records(bytes: Uint8Array): Generator<readonly [key: string, value: string], void, void> {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let start = 0; start < all.byteLength;) {
    const digits = /^(\d{1,7}) /.exec(all.toString('latin1', start, start + 8))?.[1]
    const end = start + Number(digits ?? 0)
    const equals = all.indexOf('=', start)
    if (digits === undefined || end > all.byteLength || equals < 0 || equals >= end || all[end - 1] !== 0x0a)
      throw broken('an extended header is not as pax writes it')
    const value = all.toString('utf8', equals + 1, end - 1)
    if (value.includes('\0')) throw broken('an extended header has a value with a zero byte')
    yield [all.toString('utf8', start + digits.length + 1, equals), value]
    start = end
  }
}

/** The file is not a tar that can be used. */
export function broken(problem: string): BoxError {
  return new BoxError('ERR_BOX_STORE_INVALID', `the file is not an archive of images that can be used: ${problem}`)
}
