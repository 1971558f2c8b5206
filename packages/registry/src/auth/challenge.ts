/** One challenge of a `WWW-Authenticate` header (RFC 9110, 11.6.1): the scheme in lower case, and its parameters by lower-case name. */
export interface Challenge {
  readonly scheme: string
  readonly parameters: ReadonlyMap<string, string>
}

const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const quoted = /"((?:[^"\\]|\\.)*)"/sy
const space = /[ \t]*/y
const separator = /[ \t]*(?:,[ \t]*)*/y
const token68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y

/** The most of a header that is read, in characters. */
const limit = 16 * 1024

/**
 * Reads the challenges of a `WWW-Authenticate` header in their order. What breaks the grammar ends the reading: the challenges before it
 * count. A parameter that comes twice keeps its first value.
 */
export function parseChallenges(header: string): Challenge[] {
  const reader = new Reader(header.slice(0, limit))
  const challenges: Challenge[] = []
  reader.take(separator)
  while (true) {
    const scheme = reader.take(token)
    if (scheme === undefined) return challenges
    const parameters = new Map<string, string>()
    challenges.push({ scheme: scheme.toLowerCase(), parameters })
    if (!readParameters(reader, parameters)) return challenges
  }
}

/** Gives false where the header is at its end or breaks the grammar; true where another challenge begins. */
function readParameters(reader: Reader, parameters: Map<string, string>): boolean {
  if ((reader.take(space) ?? '') !== '' && reader.take(token68) !== undefined) return continues(reader)
  reader.take(separator)
  while (true) {
    const start = reader.position
    const name = reader.take(token)
    if (name === undefined) return false
    reader.take(space)
    if (!reader.skip('=')) {
      reader.position = start
      return true
    }
    reader.take(space)
    const value = reader.peek('"') ? unquoted(reader.take(quoted)) : reader.take(token)
    if (value === undefined) return false
    const key = name.toLowerCase()
    if (!parameters.has(key)) parameters.set(key, value)
    if (!continues(reader)) return false
  }
}

/** Reads the comma that must stand between two items. */
function continues(reader: Reader): boolean {
  return (reader.take(separator) ?? '').includes(',')
}

function unquoted(text: string | undefined): string | undefined {
  return text?.slice(1, -1).replaceAll(/\\(.)/gs, '$1')
}

class Reader {
  readonly #text: string
  position = 0

  constructor(text: string) {
    this.#text = text
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.position
    const match = pattern.exec(this.#text)?.[0]
    this.position += match?.length ?? 0
    return match
  }

  peek(character: string): boolean {
    return this.#text[this.position] === character
  }

  skip(character: string): boolean {
    if (!this.peek(character)) return false
    this.position += 1
    return true
  }
}
