import { Limit } from './limit.ts'

/** Lets so many blobs be on the way at a time from or to each registry, over all transfers of a client. */
export class RegistryLimits {
  readonly #count: number
  readonly #limits = new Map<string, Limit>()

  constructor(count: number) {
    this.#count = count
  }

  /**
   * Does the work when each of these registries has room for it. They are waited for in one order by everyone, so that nobody who has
   * one waits for another that is had by who waits for the first. Rejects with the signal's reason while it waits.
   */
  async run<Value>(registries: readonly (string | undefined)[], signal: AbortSignal, work: () => Promise<Value>): Promise<Value> {
    const names = [...new Set(registries)].filter((name) => name !== undefined).toSorted()
    const around = names.reduceRight<() => Promise<Value>>((inner, name) => () => this.#limit(name).run(inner, signal), work)
    return await around()
  }

  #limit(name: string): Limit {
    const known = this.#limits.get(name)
    if (known !== undefined) return known
    const made = new Limit(this.#count)
    this.#limits.set(name, made)
    return made
  }
}
