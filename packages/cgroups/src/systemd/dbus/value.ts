import { BoxError } from '@box/core'

/** A value of a message: basic types as JavaScript has them (64 bits as bigint), arrays and structs as arrays, dict entries as pairs. */
export type Value = string | number | bigint | boolean | Variant | readonly Value[]

/** A value that carries its own type. */
export class Variant {
  readonly signature: string
  readonly value: Value

  constructor(signature: string, value: Value) {
    this.signature = signature
    this.value = value
  }
}

/** The complete types that a signature lists: `sa(sv)u` is `s`, `a(sv)` and `u` (D-Bus Specification, "Type System"). */
export function typesOf(signature: string): string[] {
  const types: string[] = []
  for (let at = 0; at < signature.length;) {
    const end = endOf(signature, at, 0)
    types.push(signature.slice(at, end))
    at = end
  }
  return types
}

/** The specification allows arrays and structs to be nested so deeply. */
const deepest = 64

function endOf(signature: string, start: number, depth: number): number {
  const type = signature.charAt(start)
  if (depth > deepest) throw malformed(`the signature ${signature} is nested too deeply`)
  if (type === 'a') return endOf(signature, start + 1, depth + 1)
  if (type === '(' || type === '{') {
    const close = type === '(' ? ')' : '}'
    let at = start + 1
    while (signature.charAt(at) !== close) at = endOf(signature, at, depth + 1)
    return at + 1
  }
  if (type !== '' && 'ybnqiuxtdhsogv'.includes(type)) return start + 1
  throw malformed(`${JSON.stringify(signature)} is not a signature`)
}

/** The multiple of bytes, from the start of the message, at which a type begins. */
export function alignmentOf(type: string): number {
  switch (type.charAt(0)) {
    case 'y':
    case 'g':
    case 'v':
      return 1
    case 'n':
    case 'q':
      return 2
    case 'x':
    case 't':
    case 'd':
    case '(':
    case '{':
      return 8
    default:
      return 4
  }
}

export function malformed(what: string): BoxError {
  return new BoxError('ERR_BOX_SYSTEM', `A message of D-Bus is malformed: ${what}`, { step: 'dbus' })
}
