/**
 * What was acquired on the way to a running container, released in reverse order. Every release is tried, also when one before it failed;
 * the first failure is thrown at the end.
 */
export class Releases {
  readonly #pending: (() => Promise<void>)[] = []
  #closing: Promise<void> | undefined

  /** Adds a release. Those added last run first. */
  add(release: () => Promise<void>): void {
    this.#pending.push(release)
  }

  /** Runs them all; a second call waits for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#run()
    return this.#closing
  }

  async #run(): Promise<void> {
    const failures: unknown[] = []
    for (let release = this.#pending.pop(); release !== undefined; release = this.#pending.pop()) {
      await release().catch((failure: unknown) => failures.push(failure))
    }
    if (failures.length === 1) throw failures[0]
    if (failures.length > 1) throw new AggregateError(failures, `${failures.length} things could not be released`)
  }
}
