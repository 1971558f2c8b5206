/**
 * What was acquired on the way to a running container, and how it is given back: first the process is ended, then all the rest is released
 * at once, since none of it needs another. Every release is tried, whatever fails; the failures are thrown at the end.
 */
export class Releases {
  readonly #rest: (() => Promise<void>)[] = []
  #end: () => Promise<void> = () => Promise.resolve()
  #closing: Promise<void> | undefined

  /** Adds what is released when the process has ended. */
  add(release: () => Promise<void>): void {
    this.#rest.push(release)
  }

  /** Says how the process is ended. */
  endsWith(end: () => Promise<void>): void {
    this.#end = end
  }

  /** Releases everything; a second call waits for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#run()
    return this.#closing
  }

  async #run(): Promise<void> {
    const ended = await Promise.allSettled([this.#end()])
    const released = await Promise.allSettled(this.#rest.map((release) => release()))
    const failures = [...ended, ...released].flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    if (failures.length === 1) throw failures[0]
    if (failures.length > 1) throw new AggregateError(failures, `${failures.length} things could not be released`)
  }
}
