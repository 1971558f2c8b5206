/**
 * `npm run bench -- [NAME…] [--rounds N] [--json | --check]`: runs the benchmarks bench/NAME.bench.mjs and prints their tables.
 *   --json    one array of { bench, row, unit, median, min, n } and nothing else on standard output
 *   --check   also holds the medians against bench/targets.json; falling short ends with 1
 */
import { readdirSync } from 'node:fs'
import { arch, cpus, release } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { measure, summarize } from '../bench/harness.mjs'
import { compare, table } from '../bench/report.mjs'
import { readJson } from './packages.mjs'
import { main, repository, StepFailure } from './repository.mjs'
import { setUp } from './setup.mjs'

const defaultRounds = 40

await main(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean' }, check: { type: 'boolean' }, rounds: { type: 'string' } },
  })
  const rounds = Number(values.rounds ?? defaultRounds)
  if (!Number.isInteger(rounds) || rounds < 1) throw new StepFailure(`--rounds ${values.rounds} is not a number of rounds`)
  // It makes Node 20 read certificates at each start, 40 ms of it: no figure of ours or theirs is to hold that.
  delete process.env.NODE_EXTRA_CA_CERTS
  setUp()
  const all = []
  for (const name of choose(positionals)) all.push(...(await runOne(name, rounds, values)))
  if (values.json) process.stdout.write(`${JSON.stringify(all, undefined, 1)}\n`)
})

function choose(names) {
  const known = readdirSync(join(repository, 'bench')).flatMap((file) => (file.endsWith('.bench.mjs') ? [file.slice(0, -10)] : []))
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) throw new StepFailure(`there is no bench ${unknown}: ${known.join(', ')}`)
  return names.length > 0 ? names : known
}

async function runOne(name, rounds, { json, check }) {
  const { bench } = await import(pathToFileURL(join(repository, `bench/${name}.bench.mjs`)).href)
  const lacking = bench.needs?.()
  if (lacking !== undefined) throw new StepFailure(`bench ${name} needs ${lacking}`)
  const opened = await bench.open()
  try {
    const samples = await measurePhases(bench, opened.rows, rounds)
    const figures = [...samples].map(([row, values]) => ({ row, ...summarize(values) }))
    if (!json) {
      print(bench, opened, figures, rounds)
      if (check) checkTargets(name, figures)
    }
    return figures.map(({ row, median, min, n }) => ({ bench: name, row, unit: bench.unit, median, min, n }))
  } finally {
    await opened.close()
  }
}

async function measurePhases(bench, rows, rounds) {
  const samples = new Map()
  for (const phase of bench.phases ?? [{}]) {
    const progress = (round) => {
      if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${bench.name} ${phase.suffix ?? ''} ${round + 1}/${rounds}`)
    }
    for (const [row, values] of await measure(rows, { rounds, progress, ...phase })) samples.set(row, values)
  }
  if (process.stderr.isTTY) process.stderr.write('\r\u001B[K')
  return samples
}

function print(bench, { rows, notes, versions, beside }, figures, rounds) {
  const version = readJson(join(repository, 'packages/core/package.json')).version
  const machine = `node ${process.versions.node}, Linux ${release()} ${arch()}, ${cpus().length} cores`
  const peers = Object.entries(versions).map((pair) => pair.join(' '))
  say(`bench ${bench.name}: ${[`box ${version}`, ...peers, machine].join(', ')}`)
  say(table(figures, bench.unit, bench.floorOf))
  for (const { name, includes } of rows) say(`  ${name}: ${includes}`)
  for (const note of notes) say(`  ${note}`)
  if (beside !== undefined) say(beside())
  say(`again: npm run bench -- ${bench.name} --rounds ${rounds}`)
}

function checkTargets(name, figures) {
  for (const { text, passed } of compare(figures, readJson(join(repository, 'bench/targets.json'))[name] ?? [])) {
    say(text)
    if (!passed) process.exitCode = 1
  }
}

function say(text) {
  process.stdout.write(`${text}\n`)
}
