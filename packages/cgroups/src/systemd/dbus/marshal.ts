import { alignmentOf, malformed, typesOf, Variant, type Value } from './value.ts'

/** Values as bytes, in the order of a little-endian machine (D-Bus Specification, "Marshaling"). */
export function marshal(signature: string, values: readonly Value[]): Buffer {
  const types = typesOf(signature)
  if (types.length !== values.length) throw malformed(`${values.length} values for the signature ${signature}`)
  const writer = new Writer()
  for (const [index, type] of types.entries()) writer.write(type, values[index])
  return writer.bytes()
}

class Writer {
  readonly #parts: Buffer[] = []
  #length = 0

  bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }

  write(type: string, value: Value | undefined): void {
    this.#align(alignmentOf(type))
    switch (type.charAt(0)) {
      case 'a':
        return this.#array(type.slice(1), listOf(type, value))
      case '(':
      case '{': {
        const [types, fields] = [typesOf(type.slice(1, -1)), listOf(type, value)]
        if (types.length !== fields.length) throw wrong(type, value)
        for (const [index, field] of types.entries()) this.write(field, fields[index])
        return
      }
      case 'v':
        if (!(value instanceof Variant)) throw wrong(type, value)
        this.#signature(value.signature)
        return this.write(value.signature, value.value)
      case 'g':
        if (typeof value !== 'string') throw wrong(type, value)
        return this.#signature(value)
      case 's':
      case 'o': {
        if (typeof value !== 'string' || value.includes('\0')) throw wrong(type, value)
        const text = Buffer.from(`${value}\0`)
        this.#number(4, (buffer) => buffer.writeUInt32LE(text.length - 1))
        return this.#push(text)
      }
      default:
        return this.#basic(type, value)
    }
  }

  #basic(type: string, value: Value | undefined): void {
    if (type === 'b' && typeof value === 'boolean') return this.#number(4, (buffer) => buffer.writeUInt32LE(Number(value)))
    if ((type === 't' || type === 'x') && typeof value === 'bigint')
      return this.#number(8, (buffer) => (type === 't' ? buffer.writeBigUInt64LE(value) : buffer.writeBigInt64LE(value)))
    if (typeof value !== 'number') throw wrong(type, value)
    switch (type) {
      case 'y':
        return this.#number(1, (buffer) => buffer.writeUInt8(value))
      case 'n':
        return this.#number(2, (buffer) => buffer.writeInt16LE(value))
      case 'q':
        return this.#number(2, (buffer) => buffer.writeUInt16LE(value))
      case 'i':
        return this.#number(4, (buffer) => buffer.writeInt32LE(value))
      case 'u':
        return this.#number(4, (buffer) => buffer.writeUInt32LE(value))
      case 'd':
        return this.#number(8, (buffer) => buffer.writeDoubleLE(value))
      default:
        throw wrong(type, value)
    }
  }

  /** The length of an array counts its items, and not what is left free before the first of them. */
  #array(type: string, items: readonly Value[]): void {
    const length = Buffer.alloc(4)
    this.#push(length)
    this.#align(alignmentOf(type))
    const start = this.#length
    for (const item of items) this.write(type, item)
    length.writeUInt32LE(this.#length - start)
  }

  #signature(signature: string): void {
    this.#push(Buffer.from([signature.length]))
    this.#push(Buffer.from(`${signature}\0`))
  }

  #number(size: number, put: (buffer: Buffer) => unknown): void {
    const buffer = Buffer.alloc(size)
    put(buffer)
    this.#push(buffer)
  }

  #align(to: number): void {
    const free = (to - (this.#length % to)) % to
    if (free > 0) this.#push(Buffer.alloc(free))
  }

  #push(part: Buffer): void {
    this.#parts.push(part)
    this.#length += part.length
  }
}

function listOf(type: string, value: Value | undefined): readonly Value[] {
  if (typeof value === 'object' && !(value instanceof Variant)) return value
  throw wrong(type, value)
}

function wrong(type: string, value: unknown): Error {
  return malformed(`${typeof value === 'bigint' ? value : JSON.stringify(value)} is not of the type ${type}`)
}
