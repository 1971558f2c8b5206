/**
 * `npm test [-- STAGE…]`: sets up what is missing, runs the stages of stages.mjs and counts over all of them.
 *   --quick    only what needs no root and no network      --soak   also the long rounds      --list   names the stages
 * With CI set the long stages run too, and a skip whose need is there is a failure. The last line is `N passed, N failed, N skipped`.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { main, StepFailure } from './repository.mjs'
import { setUp } from './setup.mjs'
import { stages } from './stages.mjs'
import { runStage } from './testing/run-stage.mjs'
import { skipRules } from './testing/skips.mjs'
import { installSystemPackages } from './testing/system-packages.mjs'

await main(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: 'boolean' }, soak: { type: 'boolean' }, list: { type: 'boolean' } },
  })
  const chosen = choose(values, positionals)
  if (values.list) {
    for (const stage of chosen) say(`${stage.name} (${stage.when}${stage.quick ? ', quick' : ''}): ${stage.budget} s`)
    return
  }
  setUp()
  if (values.quick) keepOffline()
  else installSystemPackages()
  const total = await runAll(chosen)
  report(total)
})

function choose({ quick, soak }, names) {
  const unknown = names.find((name) => !stages.some((stage) => stage.name === name))
  if (unknown !== undefined) throw new StepFailure(`there is no stage ${unknown}: ${stages.map(({ name }) => name).join(', ')}`)
  if (names.length > 0) return stages.filter(({ name }) => names.includes(name))
  if (quick) return stages.filter((stage) => stage.quick)
  const when = new Set(['always', ...(soak || process.env.CI ? ['ci'] : []), ...(soak ? ['soak'] : [])])
  return stages.filter((stage) => when.has(stage.when))
}

/** What the quick stages would fetch by Go is taken from its cache only: without a network they don't wait for one. */
function keepOffline() {
  process.env.GOPROXY = 'off'
}

async function runAll(chosen) {
  const allowed = skipRules()
  const total = { passed: 0, failures: [], failed: 0, skipped: [] }
  for (const [index, stage] of chosen.entries()) {
    const title = `stage ${index + 1}/${chosen.length} ${stage.name}`
    say(`${title} … budget ${stage.budget} s`)
    const stopTicking = tick(title, stage)
    const outcome = await runStage(stage)
    stopTicking()
    for (const skip of outcome.skipped) {
      const { reason, problem } = allowed(skip)
      total.skipped.push(`${skip.name}: ${reason}`)
      if (problem === undefined) continue
      outcome.failed += 1
      outcome.failures.push(`${skip.name}: ${problem}`)
    }
    if (outcome.failed > 0) show(outcome)
    const counts = `${outcome.passed} passed, ${outcome.failed} failed, ${outcome.skipped.length} skipped`
    say(`${title} ${outcome.failed > 0 ? 'FAILED' : 'ok'} ${outcome.elapsed.toFixed(1)} s / ${stage.budget} s · ${counts}`)
    for (const failure of outcome.failures) say(`  ${failure}`)
    total.passed += outcome.passed
    total.failed += outcome.failed
    total.failures.push(...outcome.failures)
    if (outcome.interrupted) break
  }
  return total
}

/** On a terminal the running stage shows its time; elsewhere nothing is printed until it is over. */
function tick(title, { budget }) {
  if (!process.stdout.isTTY) return () => {}
  const began = performance.now()
  const timer = setInterval(
    () => process.stdout.write(`\r\u001B[K${title} … ${Math.round((performance.now() - began) / 1000)} s / ${budget} s`),
    1000,
  )
  return () => {
    clearInterval(timer)
    process.stdout.write('\r\u001B[K')
  }
}

function show({ log }) {
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
  const shown = lines.slice(-300)
  if (shown.length < lines.length) say(`  … the first ${lines.length - shown.length} lines are in ${log}`)
  say(shown.map((line) => `  ${line}`).join('\n'))
}

function report({ passed, failed, failures, skipped }) {
  if (skipped.length > 0) say(`skipped:\n${skipped.map((line) => `  ${line}`).join('\n')}`)
  if (failures.length > 0) say(`failed:\n${failures.map((line) => `  ${line}`).join('\n')}`)
  if (failed > 0) process.exitCode = 1
  say(`${passed} passed, ${failed} failed, ${skipped.length} skipped`)
}

function say(text) {
  process.stdout.write(`${text}\n`)
}
