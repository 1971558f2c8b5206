import { inspect } from 'node:util'

/** For test programs that are plain Node programs: runs named checks one after another and prints what testing/counts.mjs reads. */
export class Tally {
  #passed = 0
  #failed = 0
  #skipped = 0

  /** Runs one check; an exception is a failure, printed with its stack, and the next check still runs. */
  async test(name, body) {
    try {
      await body()
      this.#passed += 1
      process.stdout.write(`ok ${name}\n`)
    } catch (error) {
      this.#failed += 1
      process.stdout.write(`${inspect(error, { depth: 8 })}\nnot ok ${name}\n`)
    }
  }

  skip(name, reason) {
    this.#skipped += 1
    process.stdout.write(`skip ${name}: ${reason}\n`)
  }

  /** Prints the counting line and sets the exit status. */
  end() {
    process.stdout.write(`${this.#passed} passed, ${this.#failed} failed, ${this.#skipped} skipped\n`)
    if (this.#failed > 0) process.exitCode = 1
  }
}
