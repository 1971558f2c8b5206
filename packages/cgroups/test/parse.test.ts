import * as fc from 'fast-check'
import { flatKeyed, nestedKeyed, pressure, single } from '../src/parse.ts'

test('numbers, and the words for none', () => {
  expect(single('4096\n')).toBe(4096)
  expect(single('0\n')).toBe(0)
  expect(single('max\n')).toBeUndefined()
  expect(single('9223372036854771712\n')).toBeUndefined()
  expect(single(undefined)).toBeUndefined()
  expect(single('')).toBeUndefined()
})

test('flat keys are read back, whatever stands between them', () => {
  const key = fc.stringMatching(/^[a-z_.]{1,12}$/)
  fc.assert(
    fc.property(fc.dictionary(key, fc.nat()), (values) => {
      const text = Object.entries(values)
        .map(([key, value]) => `${key} ${value}\nnot a line\n`)
        .join('')
      expect(Object.fromEntries(flatKeyed(text))).toEqual({ ...values })
    }),
  )
})

test('nested keys: a device without values is known, one without a name is not', () => {
  const parsed = nestedKeyed('254:0 rbytes=1 wbytes=2 note=x\n8:0 \n\n')
  expect([...parsed.keys()]).toEqual(['254:0', '8:0'])
  expect(Object.fromEntries(parsed.get('254:0') ?? [])).toEqual({ rbytes: 1, wbytes: 2 })
})

test('pressure', () => {
  expect(pressure('some avg10=1.50 avg60=0.80 avg300=0.20 total=125000\n')).toEqual({
    some: { avg10: 1.5, avg60: 0.8, avg300: 0.2, total: 125 },
    full: undefined,
  })
  expect(pressure(undefined)).toBeUndefined()
})
