import { BoxError } from './errors.ts'
import type { Kind } from './kinds.ts'

/**
 * The name of each option of a type, with the kind of its value where that is looked at here. One that is missing, or that the type does not
 * have, is a compile error.
 */
export type OptionNames<Options> = { readonly [Name in keyof Options]-?: true | Kind }

/**
 * Refuses an option whose name is not known, or whose value is of another kind. A misspelt one (`namespace` for `namespaces`), or a word in
 * the place of a flag (`readOnly: 'yes'`), would otherwise leave out, without a word, the isolation or the limit that it asks for.
 * `undefined` is no value; `null` is one, and of no kind.
 * @param what what the options are of, for the message: `spawn`, `a bind mount`
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`, with the names that there are
 */
export function refuseUnknownOptions<Options extends object>(what: string, options: Options, names: OptionNames<Options>): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `the options of ${what} are not an object: ${String(options)}`)
  const known: Readonly<Record<string, true | Kind>> = names
  for (const [name, value] of Object.entries(options)) {
    const kind = Object.hasOwn(known, name) ? known[name] : undefined
    if (kind === undefined)
      throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${what} has no option ${JSON.stringify(name)}`, {
        hint: `it has ${Object.keys(names).join(', ')}`,
      })
    if (value !== undefined && kind !== true && !kind.fits(value))
      throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${what}: ${name}: ${shown(value)} is not ${kind.words}`)
  }
}

const longest = 80

/** A value, as it is told in an error. */
function shown(value: unknown): string {
  if (typeof value === 'function' || (typeof value === 'object' && value !== null))
    return Array.isArray(value) ? 'a list' : typeof value === 'function' ? 'a function' : 'an object'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}
