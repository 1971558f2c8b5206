import { BoxError, type Digest } from '@box/core'
import { createHash } from 'node:crypto'

/** The hash algorithms that a digest may name, each with the number of hexadecimal digits it has (image-spec, descriptor.md). */
const digits = { sha256: 64, sha512: 128 } as const

export type DigestAlgorithm = keyof typeof digits

const hexadecimal = /^[0-9a-f]+$/

/** Whether the value is a digest of a registered algorithm, with the length that the algorithm demands. */
export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && problemOf(value) === undefined
}

/**
 * Reads a digest such as `sha256:6c3c…`. A value that passed is safe as a part of a file name or a URL.
 * @throws BoxError `ERR_BOX_DIGEST_INVALID`, saying what is wrong.
 */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text
  const shown = typeof text === 'string' ? JSON.stringify(text.slice(0, 160)) : String(text)
  throw new BoxError('ERR_BOX_DIGEST_INVALID', `${shown} is not a digest: ${problemOf(text) ?? 'unknown'}`)
}

/** The algorithm and the hexadecimal digits of a digest. */
export function splitDigest(digest: Digest): { readonly algorithm: DigestAlgorithm; readonly encoded: string } {
  const checked = parseDigest(digest)
  const colon = checked.indexOf(':')
  return { algorithm: checked.startsWith('sha512') ? 'sha512' : 'sha256', encoded: checked.slice(colon + 1) }
}

/** The digest of these bytes. */
export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

/** A digest in the making: give it the bytes as they come, then ask once. */
export interface Digester {
  /** How many bytes it was given. */
  readonly size: number
  update(chunk: Uint8Array): void
  /** The digest of all that was given. It ends the digester: a second call throws. */
  digest(): Digest
}

/** Begins a digest over a stream. */
export function createDigester(algorithm: DigestAlgorithm = 'sha256'): Digester {
  const hash = createHash(algorithm)
  let size = 0
  return {
    get size() {
      return size
    },
    update(chunk) {
      hash.update(chunk)
      size += chunk.byteLength
    },
    digest: () => `${algorithm}:${hash.digest('hex')}`,
  }
}

function problemOf(text: unknown): string | undefined {
  if (typeof text !== 'string') return 'it is not a string'
  const colon = text.indexOf(':')
  if (colon < 0) return 'expected an algorithm, a colon and hexadecimal digits'
  const algorithm = text.slice(0, colon)
  if (!isAlgorithm(algorithm)) return `the algorithm ${JSON.stringify(algorithm.slice(0, 40))} is not one of sha256 and sha512`
  const encoded = text.slice(colon + 1)
  if (encoded.length !== digits[algorithm]) return `${algorithm} has ${digits[algorithm]} digits, not ${encoded.length}`
  return hexadecimal.test(encoded) ? undefined : 'the digits must be 0-9 and a-f'
}

function isAlgorithm(name: string): name is DigestAlgorithm {
  return Object.hasOwn(digits, name)
}
