/** Runs one stage of `npm test` in a process group of its own, with a budget; a stage past it is ended and fails by name. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findPeer } from '../peers.mjs'
import { repository, tool } from '../repository.mjs'
import { countCargo, countJest, countLines } from './counts.mjs'
import { findLeaks, markedProcesses, takeSnapshot } from './leaks.mjs'

const logs = join(repository, 'node_modules/.cache/box/test')

/** @returns { passed, failed, skipped, failures, elapsed, log } with elapsed in seconds and log the file with all that the stage printed */
export async function runStage(stage) {
  mkdirSync(logs, { recursive: true })
  const run = { marker: `BOX_TEST_RUN=${randomUUID()}`, temporary: mkdtempSync(join(tmpdir(), 'box-stage-')) }
  // As open as /tmp itself: some tests become another user.
  chmodSync(run.temporary, 0o1777)
  const log = join(logs, `${stage.name}.log`)
  const report = join(logs, `${stage.name}.json`)
  rmSync(report, { force: true })
  const before = stage.leaks ? takeSnapshot(run) : undefined
  const began = performance.now()
  const end = await runCommand(stage, run, log, report)
  const elapsed = (performance.now() - began) / 1000
  const outcome = count(stage, log, report)
  const problems = endProblems(stage, end, outcome)
  if (before !== undefined) problems.push(...(await findLeaks(before, run)).map((leak) => `left behind: ${leak}`))
  try {
    rmSync(run.temporary, { recursive: true, force: true })
  } catch (error) {
    problems.push(`left behind: ${error.message}`)
  }
  for (const problem of problems) outcome.failures.push(`${stage.name}: ${problem}`)
  return { ...outcome, failed: outcome.failed + problems.length, elapsed, log, interrupted: end.interrupted }
}

function endProblems(stage, end, outcome) {
  const problems = []
  if (end.late) problems.push(`past its budget of ${stage.budget} s, ended`)
  else if (end.interrupted) problems.push(`interrupted by ${end.interrupted}`)
  else if (end.error !== undefined) problems.push(end.error.message)
  else if (end.code !== 0 && outcome.failed === 0) problems.push(`ended with ${end.signal ?? end.code} although no test failed`)
  if (problems.length === 0 && outcome.passed + outcome.failed + outcome.skipped.length === 0) problems.push('ran no test')
  return problems
}

function count(stage, log, report) {
  if (stage.counts === 'jest') return countJest(report)
  const output = readFileSync(log, 'utf8')
  return stage.counts === 'cargo' ? countCargo(output) : countLines(output)
}

function commandOf(stage, report) {
  const [program, ...args] = stage.command
  if (program === 'node') return [process.execPath, args]
  if (program !== 'jest') return [program, args]
  return [tool('jest'), [...args, '--json', `--outputFile=${report}`]]
}

/** The outcome is one of { code, signal }, { error }, { late: true } and { interrupted: signal }. */
async function runCommand(stage, run, log, report) {
  const [marker, value] = run.marker.split('=')
  const [program, args] = commandOf(stage, report)
  const output = openSync(log, 'w')
  const child = spawn(program, args, {
    cwd: repository,
    detached: true,
    stdio: ['ignore', output, output],
    env: {
      ...process.env,
      ...peersOf(stage),
      [marker]: value,
      TMPDIR: run.temporary,
      NX_DAEMON: 'false',
      NO_COLOR: '1',
      CARGO_TERM_COLOR: 'never',
    },
  })
  closeSync(output)
  const { promise: interrupted, stop: stopListening } = interruption()
  const over = new Promise((resolve) => {
    child.once('error', (error) => resolve({ error }))
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  const budget = new AbortController()
  const late = sleep(stage.budget * 1000, { late: true }, { signal: budget.signal }).catch(() => undefined)
  const end = await Promise.race([over, late, interrupted])
  budget.abort()
  stopListening()
  if (end.late || end.interrupted) await endEarly(child.pid, over, run)
  return end
}

/** A peer that can't be had leaves its variable out: the tests that need it are skipped by name. */
function peersOf(stage) {
  const found = Object.entries(stage.peers ?? {}).map(([variable, name]) => [variable, findPeer(name).path])
  return Object.fromEntries(found.filter(([, path]) => path !== undefined))
}

function interruption() {
  let stop
  const promise = new Promise((resolve) => {
    const heard = (signal) => resolve({ interrupted: signal })
    process.once('SIGINT', heard).once('SIGTERM', heard)
    stop = () => process.off('SIGINT', heard).off('SIGTERM', heard)
  })
  return { promise, stop }
}

/** Asks the group to end, then ends it and whatever left the group but carries the run's marker. */
async function endEarly(group, over, run) {
  endGroup(group, 'SIGTERM')
  await Promise.race([over, sleep(5000)])
  endGroup(group, 'SIGKILL')
  for (const pid of markedProcesses(run.marker)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if (error.code !== 'ESRCH') throw error
    }
  }
}

function endGroup(pid, signal) {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}
