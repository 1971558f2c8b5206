import { DocumentError, pointerStep } from './error.ts'

export interface JsonLimits {
  /** The most bytes that are read; more is an error. */
  readonly maxBytes: number
  /** The most levels of objects and arrays. */
  readonly maxDepth?: number
}

const deepest = 64

/**
 * Reads JSON from outside. Beyond JSON.parse it refuses what readers disagree on, so that no two of them see different documents: bytes that are
 * not UTF-8, a byte order mark, a key twice in an object, `__proto__` as a key, half a surrogate pair, nesting beyond `maxDepth` (64), and more
 * than `maxBytes` bytes (RFC 8259 section 4 and 8, RFC 7493 section 2).
 * @throws DocumentError `ERR_BOX_DOCUMENT_INVALID`
 */
export function readJson(document: string, bytes: Uint8Array, limits: JsonLimits): unknown {
  if (bytes.byteLength > limits.maxBytes)
    throw new DocumentError(document, '', `it has ${bytes.byteLength} bytes, more than ${limits.maxBytes}`)
  const text = decode(document, bytes)
  // The scan looks at structure only and is bounded; that the text is JSON at all is decided by the parser after it.
  new Scan(document, text, limits.maxDepth ?? deepest).run()
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new DocumentError(document, '', 'it is not JSON', undefined, cause)
  }
}

function decode(document: string, bytes: Uint8Array): string {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new DocumentError(document, '', 'it is not UTF-8', undefined, cause)
  }
  if (text.startsWith('\uFEFF')) throw new DocumentError(document, '', 'it begins with a byte order mark')
  return text
}

/** One open object or array: the keys seen, and the step that leads to what is read now. */
interface Level {
  readonly keys: Set<string> | undefined
  step: string | number
}

class Scan {
  readonly #document: string
  readonly #text: string
  readonly #maxDepth: number
  readonly #levels: Level[] = []

  constructor(document: string, text: string, maxDepth: number) {
    this.#document = document
    this.#text = text
    this.#maxDepth = maxDepth
  }

  run(): void {
    const token = /["{}[\],]/g
    for (let match = token.exec(this.#text); match !== null; match = token.exec(this.#text)) {
      switch (match[0]) {
        case '"':
          token.lastIndex = this.#string(match.index)
          break
        case '{':
          this.#open({ keys: new Set(), step: '' })
          break
        case '[':
          this.#open({ keys: undefined, step: 0 })
          break
        case ',':
          this.#next()
          break
        default:
          this.#levels.pop()
      }
    }
  }

  #open(level: Level): void {
    if (this.#levels.length >= this.#maxDepth) throw this.#error(`it is nested deeper than ${this.#maxDepth} levels`)
    this.#levels.push(level)
  }

  #next(): void {
    const level = this.#levels.at(-1)
    if (level !== undefined && typeof level.step === 'number') level.step += 1
  }

  /** Reads the string that begins at `start` and gives the position after it. It is a key where a colon follows inside an object. */
  #string(start: number): number {
    const end = endOfString(this.#text, start)
    const raw = this.#text.slice(start, end)
    const colon = /[ \t\n\r]*:/y
    colon.lastIndex = end
    const keys = this.#levels.at(-1)?.keys
    const isKey = keys !== undefined && colon.test(this.#text)
    const value = raw.includes('\\') ? this.#unescape(raw) : raw.slice(1, -1)
    if (!isKey || value === undefined) return end
    const level = this.#levels.at(-1)
    if (level !== undefined) level.step = value
    if (value === '__proto__') throw this.#error('the key __proto__ is refused')
    if (keys.has(value)) throw this.#error('the key is there twice')
    keys.add(value)
    return colon.lastIndex
  }

  #unescape(raw: string): string | undefined {
    let value: unknown
    try {
      value = JSON.parse(raw)
    } catch {
      // Not a JSON string: the parser says so for the whole text.
      return undefined
    }
    if (typeof value !== 'string') return undefined
    if (/\p{Surrogate}/u.test(value)) throw this.#error('it holds half a surrogate pair')
    return value
  }

  #error(rule: string): DocumentError {
    return new DocumentError(this.#document, this.#levels.map(({ step }) => pointerStep(step)).join(''), rule)
  }
}

/** The position after the quote that closes the string, or the end of the text. */
function endOfString(text: string, start: number): number {
  const stop = /["\\]/g
  stop.lastIndex = start + 1
  for (let match = stop.exec(text); match !== null; match = stop.exec(text)) {
    if (match[0] === '"') return stop.lastIndex
    stop.lastIndex += 1
  }
  return text.length
}
