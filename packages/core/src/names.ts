import { BoxError } from './errors.ts'

/** The name of each option of a type. One that is missing here, or that the type does not have, is a compile error. */
export type OptionNames<Options> = { readonly [Name in keyof Options]-?: true }

/**
 * Refuses an option whose name is not known. A misspelt one (`namespace` for `namespaces`) would otherwise leave out, without a word, the
 * isolation or the limit that it asks for.
 * @param what what the options are of, for the message: `spawn`, `a bind mount`
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT`, with the names that there are
 */
export function refuseUnknownOptions<Options extends object>(what: string, options: Options, names: OptionNames<Options>): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `the options of ${what} are not an object: ${String(options)}`)
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name))
  if (unknown === undefined) return
  throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${what} has no option ${JSON.stringify(unknown)}`, {
    hint: `it has ${Object.keys(names).join(', ')}`,
  })
}
