import { type OptionNames, refuseUnknownOptions } from '../src/index.ts'

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
