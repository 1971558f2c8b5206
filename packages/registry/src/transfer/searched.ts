import { BoxError, type Descriptor } from '@box/core'
import type { Opened, OpenOptions, Origin } from './origin.ts'
import type { BoundPolicy } from './origins.ts'

/** One of the repositories that a short name may mean. */
export interface Candidate {
  /** With its registry. */
  readonly name: string
  readonly origin: Origin
}

/** A name without a registry: the first of several repositories that has the image. What comes after the manifest is read from that one alone. */
export class SearchedOrigin implements Origin {
  readonly #candidates: readonly Candidate[]
  readonly #policy: BoundPolicy | undefined
  #found: Candidate | undefined

  /** @param candidates Their origins ask no policy. */
  constructor(candidates: readonly Candidate[], policy: BoundPolicy | undefined) {
    this.#candidates = candidates
    this.#policy = policy
  }

  get name(): string {
    return this.#found?.name ?? this.#candidates.map(({ name }) => name).join(', ')
  }

  get registry(): string | undefined {
    return this.#found?.origin.registry
  }

  /** The index of the candidate that has the image, once that is known. */
  get found(): number {
    return this.#found === undefined ? 0 : this.#candidates.indexOf(this.#found)
  }

  async resolve(name: string, signal: AbortSignal): Promise<Descriptor | undefined> {
    const failures: BoxError[] = []
    for (const candidate of this.#candidates) {
      const descriptor = await this.#ask(candidate, name, signal, failures)
      if (descriptor !== undefined) {
        this.#found = candidate
        await this.#policy?.({ reference: `${candidate.name}${name.includes(':') ? '@' : ':'}${name}`, descriptor }, { signal })
        return descriptor
      }
    }
    const [first] = failures
    if (first === undefined) return undefined
    throw new BoxError(
      first.code,
      `none of ${this.name} gave the image ${JSON.stringify(name)}: ${failures.map(({ message }) => message).join('; ')}`,
      {
        cause: new AggregateError(failures),
      },
    )
  }

  /** A registry that fails to answer is passed over, as one that does not have the image. */
  async #ask({ origin }: Candidate, name: string, signal: AbortSignal, failures: BoxError[]): Promise<Descriptor | undefined> {
    try {
      return await origin.resolve(name, signal)
    } catch (thrown) {
      signal.throwIfAborted()
      if (!(thrown instanceof BoxError)) throw thrown
      failures.push(thrown)
      return undefined
    }
  }

  document(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array> {
    return this.#origin().document(descriptor, signal)
  }

  open(descriptor: Descriptor, options: OpenOptions): Promise<Opened> {
    return this.#origin().open(descriptor, options)
  }

  #origin(): Origin {
    if (this.#found === undefined) throw new BoxError('ERR_BOX_STATE', `${this.name}: the image has not been looked for`)
    return this.#found.origin
  }
}
