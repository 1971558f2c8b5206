import * as fc from 'fast-check'
import { DocumentError } from '../src/documents/error.ts'
import { readJson } from '../src/documents/json.ts'

const limits = { maxBytes: 1_000_000 }

function read(text: string | Uint8Array): unknown {
  return readJson('document', typeof text === 'string' ? Buffer.from(text) : text, limits)
}

test.each<[string, string | Uint8Array, string, string]>([
  ['a key twice', '{"a":1,"a":2}', '/a', 'twice'],
  ['a key twice, once with an escape', String.raw`{"a":1,"\u0061":2}`, '/a', 'twice'],
  ['a key twice, deep inside', '{"x":[0,{"y":{"b":1,"c":[],"b":{}}}]}', '/x/1/y/b', 'twice'],
  ['a key twice with white space before the colon', '{"a" :1,"a"\n\t:2}', '/a', 'twice'],
  ['the empty key twice', '{"":1,"":2}', '/', 'twice'],
  ['a key twice behind a string with quotes', String.raw`{"q":"\"}{","a":1,"a":2}`, '/a', 'twice'],
  ['a key with a slash twice', '{"a/b~c":{"d":1,"d":1}}', '/a~1b~0c/d', 'twice'],
  ['__proto__ as a key', '{"a":{"__proto__":{}}}', '/a/__proto__', '__proto__'],
  ['__proto__ as a key, escaped', String.raw`{"\u005f_proto__":{}}`, '/__proto__', '__proto__'],
  ['half a surrogate pair in a value', String.raw`{"a":"\ud800"}`, '/a', 'surrogate'],
  ['half a surrogate pair in a key', String.raw`{"\udc00":1}`, '/', 'surrogate'],
  ['too many levels of lists', '['.repeat(100) + ']'.repeat(100), '/0'.repeat(64), 'deeper'],
  ['too many levels that never end', '['.repeat(500_000), '/0'.repeat(64), 'deeper'],
  ['a byte order mark', '\uFEFF{}', '', 'byte order mark'],
  ['bytes that are not UTF-8', Uint8Array.of(0x22, 0xff, 0x22), '', 'UTF-8'],
  ['an overlong slash', Uint8Array.of(0x22, 0xc0, 0xaf, 0x22), '', 'UTF-8'],
  ['a surrogate in UTF-8', Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), '', 'UTF-8'],
  ['nothing', '', '', 'not JSON'],
  ['two values', '{} {}', '', 'not JSON'],
  ['an end that is missing', '{"a":', '', 'not JSON'],
  ['a string without end', '{"a', '', 'not JSON'],
  ['a comma too many', '[1,]', '', 'not JSON'],
  ['a comment', '{} // x', '', 'not JSON'],
  ['a wrong bracket', '[}', '', 'not JSON'],
  ['more ends than begins', ']]]]', '', 'not JSON'],
  ['NaN', '[NaN]', '', 'not JSON'],
])('%s is refused', (_, text, pointer, rule) => {
  try {
    read(text)
  } catch (error) {
    expect(error).toBeInstanceOf(DocumentError)
    expect(error).toMatchObject({ code: 'ERR_BOX_DOCUMENT_INVALID', pointer, message: expect.stringContaining(rule) })
    return
  }
  throw new Error('it was read')
})

test('more bytes than allowed are refused before they are looked at', () => {
  expect(() => readJson('document', Buffer.from('[1]'), { maxBytes: 2 })).toThrow('it has 3 bytes, more than 2')
})

test.each([
  '{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}',
  '{"a":"a","b":"b"}',
  '["a","a"]',
  '"x"',
  '1',
  'null',
  String.raw`{"a":"\ud83d\ude00"}`,
])('%s is read', (text) => {
  expect(read(text)).toEqual(JSON.parse(text))
})

const safeKey = fc.string({ unit: 'grapheme' }).filter((key) => key !== '__proto__')
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'grapheme' }),
    fc.double({ noDefaultInfinity: true, noNaN: true }),
    fc.boolean(),
    fc.constant(null),
    tie('list'),
    tie('record'),
  ),
  list: fc.array(tie('value'), { maxLength: 5 }),
  record: fc.dictionary(safeKey, tie('value'), { maxKeys: 5 }),
}))

test('all that JSON can say without ambiguity is read as it is', () => {
  fc.assert(
    fc.property(anyValue, fc.constantFrom(undefined, 1, '\t'), (value, space) => {
      const text = JSON.stringify(value, undefined, space)
      expect(read(text)).toEqual(JSON.parse(text))
    }),
  )
})

test('a key added a second time is found wherever it is', () => {
  fc.assert(
    fc.property(safeKey, anyValue, anyValue, fc.array(safeKey, { maxLength: 5 }), (key, first, second, path) => {
      const pair = `{${JSON.stringify(key)}:${JSON.stringify(first)},${JSON.stringify(key)}:${JSON.stringify(second)}}`
      const text = path.reduceRight(
        (inner, step, position) => (position % 2 === 0 ? `{${JSON.stringify(step)}:${inner}}` : `[${inner}]`),
        pair,
      )
      expect(() => read(text)).toThrow('twice')
    }),
  )
})

test('any bytes are read as JSON.parse reads them, or refused with a typed error', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.string().map((text) => Buffer.from(text)),
        fc.array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', 'a', '1', ' ')).map((parts) => Buffer.from(parts.join(''))),
      ),
      (bytes) => {
        try {
          expect(read(bytes)).toEqual(JSON.parse(Buffer.from(bytes).toString()))
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_BOX_DOCUMENT_INVALID' })
        }
      },
    ),
    { numRuns: 500 },
  )
})
