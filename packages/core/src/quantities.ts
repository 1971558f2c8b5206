import { BoxError } from './errors.ts'

/** A number of bytes: a bare number, or a string with its unit. `MB` is 10⁶ bytes, `MiB` 2²⁰. */
export type Size = number | `${number}${'B' | 'kB' | 'KB' | 'MB' | 'GB' | 'TB' | 'KiB' | 'MiB' | 'GiB' | 'TiB'}`

/** A transfer rate with its unit: bits per second (`'20mbit'`), or bytes per second (`'10MiB/s'`). */
export type Rate =
  | `${number}${'bit' | 'kbit' | 'mbit' | 'gbit'}`
  | `${number}${'B' | 'kB' | 'MB' | 'GB' | 'KiB' | 'MiB' | 'GiB'}/s`
  | { readonly bitsPerSecond: number }

const byteUnits = new Map<string, number>([
  ['B', 1],
  ['kB', 1e3],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
  ['TiB', 2 ** 40],
])

const bitUnits = new Map<string, number>([
  ['bit', 1],
  ['kbit', 1e3],
  ['mbit', 1e6],
  ['gbit', 1e9],
])

const pattern = /^(\d+(?:\.\d+)?)([A-Za-z]+)(\/s)?$/

/**
 * Reads a size. Gives whole bytes, rounded down.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for anything that is not a size of 0 to 2^53 - 1 bytes.
 */
export function parseSize(size: Size): number {
  if (typeof size === 'number') return checked(size, size)
  const [, digits, unit, perSecond] = pattern.exec(size) ?? []
  const factor = byteUnits.get(unit ?? '')
  if (digits === undefined || factor === undefined || perSecond !== undefined)
    throw invalid('size', size, "a number of bytes, or a string such as '512MiB' or '10MB'")
  return checked(Math.floor(Number(digits) * factor), size)
}

/**
 * Reads a rate. Gives bits per second.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for anything that is not a rate, a bare number included.
 */
export function parseRate(rate: Rate): number {
  if (typeof rate === 'object' && rate !== null) return checked(rate.bitsPerSecond, rate.bitsPerSecond)
  const [, digits, unit, perSecond] = pattern.exec(rate) ?? []
  const factor = perSecond === undefined ? bitUnits.get(unit ?? '') : byteUnits.get(unit ?? '')
  if (digits === undefined || factor === undefined) throw invalid('rate', rate, "a string such as '20mbit' or '10MiB/s'")
  return checked(Math.floor(Number(digits) * factor * (perSecond === undefined ? 1 : 8)), rate)
}

function checked(value: number, given: unknown): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw invalid('quantity', given, 'a whole number from 0 to 2^53 - 1')
}

function invalid(what: string, given: unknown, expected: string): BoxError {
  return new BoxError('ERR_BOX_INVALID_ARGUMENT', `${JSON.stringify(given) ?? String(given)} is not a ${what}: expected ${expected}`)
}
