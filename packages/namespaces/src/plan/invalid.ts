import { BoxError } from '@box/core'

/** The error of an option with a value that cannot be. */
export function invalid(option: string, value: unknown, expected: string): BoxError {
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return new BoxError('ERR_BOX_INVALID_ARGUMENT', `${option}: ${shown} is not ${expected}`)
}

/** A string that can cross to the kernel. */
export function text(option: string, value: string): string {
  if (typeof value !== 'string' || value.includes('\0')) throw invalid(option, value, 'a string without a NUL')
  return value
}

/** An absolute path without `..`. */
export function absolute(option: string, value: string): string {
  text(option, value)
  if (!value.startsWith('/') || value.split('/').includes('..')) throw invalid(option, value, 'an absolute path without ".."')
  return value
}

/** Such a path of something below the root: what lies over the root itself is out of reach of a process whose root it was before. */
export function below(option: string, value: string): string {
  if (
    absolute(option, value)
      .split('/')
      .every((part) => part === '' || part === '.')
  )
    throw invalid(option, value, 'a path below the root')
  return value
}

/** A whole number of this range. */
export function whole(option: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) throw invalid(option, value, `a whole number from ${least} to ${most}`)
  return value
}

/** A user's or group's id. The last number of 32 bits means "none" to the kernel. */
export function id(option: string, value: number): number {
  return whole(option, value, 0, 0xffff_fffe)
}
