import { parseRate, parseSize, type Rate, type Size } from '../src/index.ts'

test.each<[Size, number]>([
  [0, 0],
  [4096, 4096],
  ['512MiB', 536870912],
  ['10MB', 10_000_000],
  ['1.5KiB', 1536],
  ['3B', 3],
])('the size %p is %p bytes', (size, bytes) => {
  expect(parseSize(size)).toBe(bytes)
})

test.each<[Rate, number]>([
  ['20mbit', 20_000_000],
  ['10MiB/s', 83_886_080],
  ['1kbit', 1000],
  [{ bitsPerSecond: 5 }, 5],
])('the rate %p is %p bits per second', (rate, bits) => {
  expect(parseRate(rate)).toBe(bits)
})

test.each(['', '12', '-1MiB', '1 MiB', 'MiB', '1XB', '20mbit', '10MB/s', '9007199254740993TiB', -1, 0.5, Number.NaN])(
  '%p is not a size',
  (text) => {
    expect(() => parseSize(text as Size)).toThrow(expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }))
  },
)

test.each(['', '20', '20mb', '10MiB', '1bit/s', '-1mbit'])('%p is not a rate', (text) => {
  expect(() => parseRate(text as Rate)).toThrow(expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }))
})
