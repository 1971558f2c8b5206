import { BoxError, type Descriptor } from '@box/core'
import { digestOf, splitDigest } from '../digest.ts'
import { DocumentError, valueAt } from './error.ts'
import { readJson } from './json.ts'
import type { Validator, Violation } from './validator.ts'

/** A document that was read and is valid, with the very bytes it was read from: send and store those, never the value written anew. */
export interface Document<Value> {
  readonly value: Value
  readonly bytes: Uint8Array
  /** The media type, digest (sha256, or the algorithm of the expected one) and size of the bytes. */
  readonly descriptor: Descriptor
}

export interface ParseOptions {
  /** The media type that came with the bytes (an HTTP header). The document must not say another one. */
  readonly mediaType?: string | undefined
  /** The descriptor that led here. Size, digest and media type must be its own. */
  readonly expected?: Descriptor | undefined
  /** The most bytes that are read. 4 MiB by default. */
  readonly maxBytes?: number | undefined
}

/** The kind of a document. */
export interface Kind<Value> {
  /** Its name in messages. */
  readonly name: string
  readonly validator: Validator
  /** The media type that it has where none is said. */
  readonly mediaType: string
  /** Whether the document has a property `mediaType` that says its own. */
  readonly saysMediaType?: true
  /** A rule that no schema can express. Gives where it is broken. */
  readonly check?: (value: Value) => BrokenRule | undefined
}

export interface BrokenRule {
  /** A JSON pointer. */
  readonly pointer: string
  readonly rule: string
}

const fourMebibytes = 4 * 1024 * 1024

/**
 * Reads a document of that kind.
 * @throws BoxError `ERR_BOX_SIZE_MISMATCH`, `ERR_BOX_DIGEST_MISMATCH`; DocumentError `ERR_BOX_DOCUMENT_INVALID`
 */
export function parseDocument<Value>(kind: Kind<Value>, bytes: Uint8Array, options: ParseOptions = {}): Document<Value> {
  const { expected } = options
  if (expected !== undefined) verifyBytes(bytes, expected)
  const value = readJson(kind.name, bytes, { maxBytes: options.maxBytes ?? fourMebibytes })
  if (!fits(kind, value)) throw violationError(kind, value)
  const broken = kind.check?.(value)
  if (broken !== undefined) throw new DocumentError(kind.name, broken.pointer, broken.rule, valueAt(value, broken.pointer))
  const mediaType = agreedMediaType(kind.name, kind.saysMediaType ? valueAt(value, '/mediaType') : undefined, options) ?? kind.mediaType
  const digest = digestOf(bytes, expected === undefined ? 'sha256' : splitDigest(expected.digest).algorithm)
  return { value, bytes, descriptor: { mediaType, digest, size: bytes.byteLength } }
}

/** Checks that the bytes are those that the descriptor promises. */
export function verifyBytes(bytes: Uint8Array, expected: Descriptor): void {
  const { digest, size } = expected
  if (bytes.byteLength !== size)
    throw new BoxError('ERR_BOX_SIZE_MISMATCH', `${digest} has ${bytes.byteLength} bytes, not the ${size} that were promised`)
  const actual = digestOf(bytes, splitDigest(digest).algorithm)
  if (actual !== digest)
    throw new BoxError('ERR_BOX_DIGEST_MISMATCH', `the content has the digest ${actual}, not ${digest} that was promised`)
}

function fits<Value>(kind: Kind<Value>, value: unknown): value is Value {
  return kind.validator(value)
}

/** Of several violations (the branches of an `anyOf`) the one deepest inside the document says most. */
function violationError({ name, validator }: Kind<never>, value: unknown): DocumentError {
  const violations = validator.errors ?? []
  let worst = violations[0]
  for (const violation of violations) if (violation.instancePath.length > (worst?.instancePath.length ?? 0)) worst = violation
  if (worst === undefined) return new DocumentError(name, '', 'it is not valid')
  return new DocumentError(name, worst.instancePath, ruleOf(worst), valueAt(value, worst.instancePath))
}

function ruleOf({ keyword, params, message }: Violation): string {
  switch (keyword) {
    case 'false schema':
      return 'a document of this kind must not have it'
    case 'enum':
      return `it must be one of ${JSON.stringify(params['allowedValues'])}`
    case 'const':
      return `it must be ${JSON.stringify(params['allowedValue'])}`
    default:
      return message ?? keyword
  }
}

/** The one media type that is said of the document, from outside and inside. Undefined where none is. */
function agreedMediaType(name: string, embedded: unknown, { mediaType, expected }: ParseOptions): string | undefined {
  const said = [mediaType, expected?.mediaType, typeof embedded === 'string' ? embedded : undefined].filter((type) => type !== undefined)
  const [first, ...others] = said
  const other = others.find((type) => type !== first)
  if (other === undefined) return first
  throw new DocumentError(name, '/mediaType', `the media types ${first} and ${other} are both said of it`, embedded)
}
