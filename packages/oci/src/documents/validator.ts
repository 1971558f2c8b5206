/** A rule of a schema that a value breaks, as ajv's generated code reports it. */
export interface Violation {
  /** The JSON pointer (RFC 6901) of the value. */
  readonly instancePath: string
  readonly keyword: string
  readonly message?: string
  readonly params: Readonly<Record<string, unknown>>
}

/** A schema as code: says whether the value fits, and keeps the violations of the last call. */
export interface Validator {
  (value: unknown): boolean
  readonly errors?: readonly Violation[] | null
}
