import * as fc from 'fast-check'
import { BoxError } from '@box/core'
import { createHash } from 'node:crypto'
import { createDigester, digestOf, isDigest, parseDigest, splitDigest } from '../src/digest.ts'

const emptySha256 = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

test('the digest of bytes is the algorithm and the hash in lower-case hexadecimal', () => {
  expect(digestOf('')).toBe(emptySha256)
  expect(digestOf('abc', 'sha512')).toBe(`sha512:${createHash('sha512').update('abc').digest('hex')}`)
})

test.each([
  ['', 'an algorithm, a colon'],
  ['sha256', 'an algorithm, a colon'],
  ['sha256:', '64 digits, not 0'],
  ['sha256:baddigeststring', '64 digits, not 15'],
  [`sha256:${'A'.repeat(64)}`, '0-9 and a-f'],
  [`sha256:${'a'.repeat(63)}`, '64 digits, not 63'],
  [`sha256:${'a'.repeat(128)}`, '64 digits, not 128'],
  [`sha512:${'a'.repeat(64)}`, '128 digits, not 64'],
  [`md5:${'a'.repeat(32)}`, 'not one of sha256 and sha512'],
  [`__proto__:${'a'.repeat(64)}`, 'not one of sha256 and sha512'],
  [`SHA256:${'a'.repeat(64)}`, 'not one of sha256 and sha512'],
  [`sha256:../../${'a'.repeat(58)}`, '0-9 and a-f'],
  [`sha256:${'a'.repeat(63)}\n`, '0-9 and a-f'],
  [` sha256:${'a'.repeat(64)}`, 'not one of sha256 and sha512'],
])('%j is refused as a digest', (text, problem) => {
  expect(isDigest(text)).toBe(false)
  expect(() => parseDigest(text)).toThrow(BoxError)
  expect(() => parseDigest(text)).toThrow(problem)
})

test('a digest of any bytes is read back and split into its parts', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.constantFrom('sha256' as const, 'sha512' as const), (bytes, algorithm) => {
      const digest = digestOf(bytes, algorithm)
      expect(parseDigest(digest)).toBe(digest)
      const parts = splitDigest(digest)
      expect(`${parts.algorithm}:${parts.encoded}`).toBe(digest)
      expect(parts.algorithm).toBe(algorithm)
    }),
  )
})

test('text of any kind is a digest only where it has the form of one', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(isDigest(text)).toBe(/^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(text) && !text.endsWith('\n'))
    }),
  )
})

test('a digester over chunks gives the digest and the size of the whole', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array()), (chunks) => {
      const digester = createDigester()
      for (const chunk of chunks) digester.update(chunk)
      const whole = Buffer.concat(chunks)
      expect(digester.size).toBe(whole.byteLength)
      expect(digester.digest()).toBe(digestOf(whole))
    }),
  )
})
