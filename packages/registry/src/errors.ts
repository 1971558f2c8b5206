import { BoxError, type BoxErrorDetails, type ErrorCode } from '@box/core'

/** One entry of a registry's error body (distribution-spec, "Error Codes"). The text is the registry's: data, shortened and without control characters. */
export interface RegistryErrorEntry {
  readonly code: string
  readonly message: string
}

export interface RegistryErrorDetails extends BoxErrorDetails {
  /** The registry as the reference names it: `docker.io`, `localhost:5000`. */
  readonly registry: string
  /** The HTTP status of the answer, where there was one. */
  readonly status?: number | undefined
  readonly errors?: readonly RegistryErrorEntry[] | undefined
  /** How long the registry asked to wait before the next try (`Retry-After`), in milliseconds. */
  readonly retryAfter?: number | undefined
}

const brand: unique symbol = Symbol.for('@box/registry/RegistryError')

/** A BoxError that a registry, or the way to it, is the reason of. Credentials and tokens are in none of its fields. */
export class RegistryError extends BoxError {
  override readonly name: string = 'RegistryError'
  readonly registry: string
  readonly status: number | undefined
  readonly errors: readonly RegistryErrorEntry[]
  readonly retryAfter: number | undefined

  constructor(code: ErrorCode, message: string, details: RegistryErrorDetails) {
    super(code, message, details)
    Object.defineProperty(this, brand, { value: true })
    this.registry = details.registry
    this.status = details.status
    this.errors = details.errors ?? []
    this.retryAfter = details.retryAfter
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value
  }
}
