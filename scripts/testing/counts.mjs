/**
 * Reads how many tests passed, failed and were skipped from what a test program left.
 * An outcome is { passed, failed, skipped: [{ name, reason? }], failures: [name] }.
 */
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { repository } from '../repository.mjs'

/** Jest's report (`--json --outputFile`). A file that could not be run counts as one failure. */
export function countJest(reportFile) {
  const outcome = empty()
  if (!existsSync(reportFile)) return outcome
  const report = JSON.parse(readFileSync(reportFile, 'utf8'))
  for (const file of report.testResults) {
    const path = relative(repository, file.name)
    if (file.assertionResults.length === 0 && file.status === 'failed') fail(outcome, `${path} (could not be run)`)
    for (const test of file.assertionResults) {
      const name = `${path} › ${test.fullName}`
      if (test.status === 'passed') outcome.passed += 1
      else if (test.status === 'failed') fail(outcome, name)
      else outcome.skipped.push({ name })
    }
  }
  return outcome
}

/** The lines of `cargo test`, over all its binaries. */
export function countCargo(output) {
  const outcome = empty()
  for (const line of output.split('\n')) {
    const test = /^test (.+?) \.\.\. (ok|FAILED|ignored)(?:, (.*))?$/.exec(line.trim())
    if (test === null) continue
    const [, name, result, reason] = test
    if (result === 'ok') outcome.passed += 1
    else if (result === 'FAILED') fail(outcome, `cargo › ${name}`)
    else outcome.skipped.push({ name: `cargo › ${name}`, ...(reason === undefined ? {} : { reason }) })
  }
  return outcome
}

/**
 * The lines of a program of our own: `ok NAME`, `not ok NAME`, `skip NAME: REASON`, and at last `N passed, N failed, N skipped`, which must agree
 * with them.
 */
export function countLines(output) {
  const outcome = empty()
  let total
  for (const line of output.split('\n')) {
    const test = /^(ok|not ok|skip) (.+)$/.exec(line)
    const sum = /^(\d+) passed, (\d+) failed, (\d+) skipped$/.exec(line)
    if (sum !== null) total = sum.slice(1).map(Number)
    if (test === null) continue
    const [, result, text] = test
    if (result === 'ok') outcome.passed += 1
    else if (result === 'not ok') fail(outcome, text)
    else {
      const [name, ...reason] = text.split(': ')
      outcome.skipped.push({ name, reason: reason.join(': ') })
    }
  }
  if (total === undefined) fail(outcome, 'the program ended without its counting line')
  else if (total.join() !== [outcome.passed, outcome.failed, outcome.skipped.length].join())
    fail(outcome, 'the counting line disagrees with the tests')
  return outcome
}

function empty() {
  return { passed: 0, failed: 0, skipped: [], failures: [] }
}

function fail(outcome, name) {
  outcome.failed += 1
  outcome.failures.push(name)
}
