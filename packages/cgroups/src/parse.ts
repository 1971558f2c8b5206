import type { Pressure, PressureLine } from './stats.ts'

/** The formats of the kernel's files (Documentation/admin-guide/cgroup-v2.rst, "Format"). What cannot be read is left out, never guessed. */

/** `KEY VALUE` lines. */
export function flatKeyed(text: string | undefined): ReadonlyMap<string, number> {
  const values = new Map<string, number>()
  for (const line of text?.split('\n') ?? []) {
    const [, key, digits] = /^(\S+) (\d+)$/.exec(line) ?? []
    if (key !== undefined && digits !== undefined) values.set(key, Number(digits))
  }
  return values
}

/** `KEY SUB=VALUE SUB=VALUE …` lines. */
export function nestedKeyed(text: string | undefined): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const values = new Map<string, ReadonlyMap<string, number>>()
  for (const line of text?.split('\n') ?? []) {
    const [key, ...pairs] = line.split(' ')
    if (!key || pairs.length === 0) continue
    const inner = new Map<string, number>()
    for (const pair of pairs) {
      const [, name, digits] = /^([^=]+)=(\d+)$/.exec(pair) ?? []
      if (name !== undefined && digits !== undefined) inner.set(name, Number(digits))
    }
    values.set(key, inner)
  }
  return values
}

/** A file of one number. `max`, or a number that the kernel means as no limit, is undefined. */
export function single(text: string | undefined): number | undefined {
  const digits = text?.trim() ?? ''
  const value = /^\d+$/.test(digits) ? Number(digits) : undefined
  // v1 shows an absent limit as the largest whole number of pages in 63 bits.
  return value !== undefined && value < 2 ** 62 ? value : undefined
}

/** A pressure file (Documentation/accounting/psi.rst). */
export function pressure(text: string | undefined): Pressure | undefined {
  const lines = new Map<string, PressureLine>()
  for (const line of text?.split('\n') ?? []) {
    const [, kind, ten, sixty, threeHundred, total] =
      /^(some|full) avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+) total=(\d+)$/.exec(line) ?? []
    if (kind !== undefined)
      lines.set(kind, { avg10: Number(ten), avg60: Number(sixty), avg300: Number(threeHundred), total: Number(total) / 1000 })
  }
  const some = lines.get('some')
  return some && { some, full: lines.get('full') }
}
