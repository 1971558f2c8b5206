import { kinds, oneOf, type OptionNames, refuseUnknownOptions } from '../src/index.ts'

interface Options {
  readonly limit?: number
  readonly name?: string | undefined
}

const names: OptionNames<Options> = { limit: true, name: true }

test('options that are known pass, given as undefined too', () => {
  expect(() => refuseUnknownOptions('a test', { limit: 1, name: undefined }, names)).not.toThrow()
})

test.each([
  [{ limits: 1 }, 'a test has no option "limits" (it has limit, name)'],
  [{ toString: 1 }, 'a test has no option "toString" (it has limit, name)'],
  [null, 'the options of a test are not an object: null'],
  ['limit', 'the options of a test are not an object: limit'],
  [[1], 'the options of a test are not an object: 1'],
])('%j is refused', (options, message) => {
  const given: object = JSON.parse(JSON.stringify(options))
  expect(() => refuseUnknownOptions('a test', given, {})).toThrow(expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }))
  expect(() => refuseUnknownOptions<Options>('a test', given, names)).toThrow(message)
})

describe('a value of another kind than its option has', () => {
  const given = (kind: OptionNames<{ a: unknown }>['a'], value: unknown) => () => refuseUnknownOptions('a test', { a: value }, { a: kind })
  const rows = {
    flag: [
      [true, false],
      ['true', 1, null, {}],
    ],
    text: [
      ['', 'x'],
      [1, null, ['x']],
    ],
    number: [
      [0, NaN, Infinity],
      ['0', 1n, null],
    ],
    object: [
      [{}, new Map()],
      [[], 'x', null, () => {}],
    ],
    function: [[() => {}], [{}, null]],
    list: [
      [[], [1]],
      ['x', {}, null],
    ],
    texts: [
      [[], ['x']],
      ['x', [1], ['x', null]],
    ],
    numbers: [
      [[], [1]],
      [1, ['1']],
    ],
    objects: [
      [[], [{}]],
      [{}, [null], ['x'], [[]]],
    ],
    signal: [[new AbortController().signal], [{}, 'SIGTERM', null, new AbortController()]],
  } as const satisfies Record<keyof typeof kinds, readonly [readonly unknown[], readonly unknown[]]>

  test.each(Object.entries(rows))('%s', (name, [right, wrong]) => {
    const kind = new Map(Object.entries(kinds)).get(name)
    if (kind === undefined) throw new Error(name)
    for (const value of [undefined, ...right]) expect(given(kind, value)).not.toThrow()
    for (const value of wrong) expect(given(kind, value)).toThrow(expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }))
  })

  test('is told with the option, and shortly', () => {
    expect(given(kinds.flag, 'yes')).toThrow('a test: a: "yes" is not true or false')
    expect(given(oneOf('one', 'two'), 'three')).toThrow('a test: a: "three" is not one of one, two')
    expect(given(kinds.text, Object.create(null))).toThrow('a test: a: an object is not a string')
    expect(given(kinds.number, 'x'.repeat(1000))).toThrow(/^a test: a: "x{79}… is not a number$/)
  })
})
