import { BoxError } from '@box/core'

const brand: unique symbol = Symbol.for('@box/oci/DocumentError')

/** What is wrong with a document: code `ERR_BOX_DOCUMENT_INVALID`. */
export class DocumentError extends BoxError {
  override readonly name: string = 'DocumentError'
  /** The kind of document: `image manifest`. */
  readonly document: string
  /** Where in the document: a JSON pointer (RFC 6901), '' for the whole. */
  readonly pointer: string
  /** The rule that is broken, in words. */
  readonly rule: string
  /** The value that breaks it, where it could be read. */
  readonly value: unknown

  constructor(document: string, pointer: string, rule: string, value?: unknown, cause?: unknown) {
    const where = pointer === '' ? 'the document' : pointer
    super('ERR_BOX_DOCUMENT_INVALID', `${document}: ${where}${value === undefined ? '' : ` is ${show(value)}`}: ${rule}`, { cause })
    Object.defineProperty(this, brand, { value: true })
    this.document = document
    this.pointer = pointer
    this.rule = rule
    this.value = value
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value
  }
}

/** A key or index as one step of a JSON pointer. */
export function pointerStep(key: string | number): string {
  return `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** The value that a JSON pointer leads to, or undefined. */
export function valueAt(document: unknown, pointer: string): unknown {
  let value = document
  for (const step of pointer.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    value = typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, key)?.value : undefined
  }
  return value
}

function show(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}
