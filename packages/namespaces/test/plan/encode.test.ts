import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from '../../src/plan/encode.ts'
import { everything } from './everything.ts'

// What the Rust side reads in its own test (rust-native/crates/plan/tests/vectors.rs).
const vector = join(__dirname, '../../../../rust-native/crates/plan/vectors/everything.hex')

test('a plan is encoded as the vector that the launcher’s side decodes', () => {
  expect(Buffer.from(encode(everything)).toString('hex')).toBe(readFileSync(vector, 'utf8').replaceAll(/\s/g, ''))
})

test('wherever the buffer is outgrown, nothing is lost', () => {
  for (let length = 3000; length < 4200; length += 1) {
    const bytes = Buffer.from(encode({ ...everything, uidMap: 'x'.repeat(length) }))
    const tail = Buffer.from(encode({ ...everything, uidMap: '' }))
    expect(bytes.subarray(-700).equals(tail.subarray(-700))).toBe(true)
  }
})

test('a plan that outgrows the first buffer is whole', () => {
  const environment = Array.from({ length: 500 }, (_, index) => `NAME${index}=${'x'.repeat(index)}`)
  const bytes = Buffer.from(encode({ ...everything, environment }))
  const short = Buffer.from(encode({ ...everything, environment: [] }))
  expect(bytes.subarray(0, short.length - 2)).toEqual(short.subarray(0, -2))
  expect(bytes.length).toBe(short.length + environment.reduce((sum, entry) => sum + 4 + entry.length + 1, 0))
})
