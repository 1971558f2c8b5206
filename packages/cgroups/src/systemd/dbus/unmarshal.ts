import { alignmentOf, malformed, typesOf, Variant, type Value } from './value.ts'

/** Reads what `marshal` writes. The bytes come from a program that may be anyone's: each length is checked. */
export function unmarshal(signature: string, bytes: Buffer): Value[] {
  const reader = new Reader(bytes)
  return typesOf(signature).map((type) => reader.read(type, 0))
}

/** Variants can be nested in variants without end. */
const deepest = 64

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  read(type: string, depth: number): Value {
    if (depth > deepest) throw malformed('its values are nested too deeply')
    this.#align(alignmentOf(type))
    switch (type.charAt(0)) {
      case 'a':
        return this.#array(type.slice(1), depth)
      case '(':
      case '{':
        return typesOf(type.slice(1, -1)).map((field) => this.read(field, depth + 1))
      case 'v': {
        const [only, ...more] = typesOf(this.#signature())
        if (only === undefined || more.length > 0) throw malformed('a variant has not one type')
        return new Variant(only, this.read(only, depth + 1))
      }
      case 'g':
        return this.#signature()
      case 's':
      case 'o': {
        const text = this.#take(this.#take(4).readUInt32LE()).toString('utf8')
        this.#take(1)
        return text
      }
      default:
        return this.#basic(type)
    }
  }

  #basic(type: string): Value {
    switch (type) {
      case 'y':
        return this.#take(1).readUInt8()
      case 'b':
        return this.#take(4).readUInt32LE() !== 0
      case 'n':
        return this.#take(2).readInt16LE()
      case 'q':
        return this.#take(2).readUInt16LE()
      case 'i':
        return this.#take(4).readInt32LE()
      case 'x':
        return this.#take(8).readBigInt64LE()
      case 't':
        return this.#take(8).readBigUInt64LE()
      case 'd':
        return this.#take(8).readDoubleLE()
      default:
        return this.#take(4).readUInt32LE()
    }
  }

  #array(type: string, depth: number): Value[] {
    const length = this.#take(4).readUInt32LE()
    this.#align(alignmentOf(type))
    const end = this.#at + length
    if (end > this.#bytes.length) throw malformed('an array is longer than the message')
    const items: Value[] = []
    while (this.#at < end) {
      const before = this.#at
      items.push(this.read(type, depth + 1))
      // A struct without fields takes no bytes: an array of them would never end.
      if (this.#at === before) throw malformed('an item of an array is empty')
    }
    if (this.#at !== end) throw malformed('an item reaches over the end of its array')
    return items
  }

  #signature(): string {
    const signature = this.#take(this.#take(1).readUInt8()).toString('latin1')
    this.#take(1)
    return signature
  }

  #align(to: number): void {
    this.#take((to - (this.#at % to)) % to)
  }

  #take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw malformed('it ends too early')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}
