import { BoxError } from '@box/core'

/** What a name of the specification is here. */
export function known<Name extends string, To>(field: string, table: Readonly<Record<Name, To | undefined>>, name: Name): To {
  const found = Object.hasOwn(table, name) ? table[name] : undefined
  if (found === undefined) throw unsupported(field, name, 'leave it out')
  return found
}

/** The error of a field that says what cannot be had. */
export function unsupported(field: string, value: unknown, hint: string): BoxError {
  return new BoxError('ERR_BOX_UNSUPPORTED', `${field}: ${JSON.stringify(value)} cannot be had`, { hint })
}

/** Refuses the fields that say something. An empty text, list or object says nothing. */
export function refuse(fields: Readonly<Record<string, unknown>>, hints: Readonly<Record<string, string>>): void {
  for (const [field, value] of Object.entries(fields))
    if (saysSomething(value)) throw unsupported(field, value, hints[field] ?? 'leave it out')
}

function saysSomething(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0
  return value !== undefined && value !== null && value !== ''
}
