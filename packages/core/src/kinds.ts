/** What the value of an option has to be; `words` goes on from "is not". */
export interface Kind {
  readonly words: string
  readonly fits: (value: unknown) => boolean
}

const isText = (value: unknown): boolean => typeof value === 'string'
const isNumber = (value: unknown): boolean => typeof value === 'number'
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

type KindName = 'flag' | 'text' | 'number' | 'object' | 'function' | 'list' | 'texts' | 'numbers' | 'objects' | 'signal'

/** The kinds of values that options mostly have. */
export const kinds: Readonly<Record<KindName, Kind>> = {
  flag: { words: 'true or false', fits: (value) => typeof value === 'boolean' },
  text: { words: 'a string', fits: isText },
  number: { words: 'a number', fits: isNumber },
  object: { words: 'an object', fits: isObject },
  function: { words: 'a function', fits: (value) => typeof value === 'function' },
  list: { words: 'a list', fits: (value) => Array.isArray(value) },
  texts: listOf('strings', isText),
  numbers: listOf('numbers', isNumber),
  objects: listOf('objects', isObject),
  /** An AbortSignal, of this realm or another. */
  signal: {
    words: 'an AbortSignal',
    fits: (value) => typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value,
  },
}

/** One of a few words. */
export function oneOf(...words: readonly string[]): Kind {
  return { words: `one of ${words.join(', ')}`, fits: (value) => typeof value === 'string' && words.includes(value) }
}

function listOf(words: string, fits: (value: unknown) => boolean): Kind {
  return { words: `a list of ${words}`, fits: (value) => Array.isArray(value) && value.every((item) => fits(item)) }
}
