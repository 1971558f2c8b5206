/** `npm run check`: everything that can be said about the sources without running them. Runs all, reports each with its time, and fails by name. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compareSurfaces } from './api.mjs'
import { compareErrorsPage, unusedCodes } from './errors-page.mjs'
import { publishedPackages } from './packages.mjs'
import { brokenPromises } from './promises.mjs'
import { main, repository, StepFailure, tool } from './repository.mjs'
import { setUp } from './setup.mjs'
import { findForbiddenWords } from './words.mjs'

const cargoManifest = ['--manifest-path', 'rust-native/Cargo.toml']

const checks = [
  ['format of TypeScript, JavaScript and JSON', () => command(tool('oxfmt'), '--check', '.')],
  ['format of Rust', () => command('cargo', 'fmt', '--all', '--check', ...cargoManifest)],
  ['lint of TypeScript and JavaScript', () => command(tool('oxlint'), '--type-aware', '--deny-warnings')],
  // The test target of the binding, which --all-targets would build, has none of what JavaScript calls.
  [
    'lint of the binding',
    () => command('cargo', 'clippy', '--quiet', '--package', 'box-binding', ...cargoManifest, '--', '-D', 'warnings'),
  ],
  [
    'lint of Rust',
    () =>
      command(
        'cargo',
        'clippy',
        '--quiet',
        '--workspace',
        '--exclude',
        'box-binding',
        '--all-targets',
        ...cargoManifest,
        '--',
        '-D',
        'warnings',
      ),
  ],
  ['types of sources', () => command(tool('tsc'), '-b')],
  ['types of tests', () => command(tool('tsc'), '-p', 'tsconfig.test.json')],
  ['unused files, exports and dependencies', () => command(tool('knip'), '--no-config-hints')],
  ['published shape', () => publishedPackages().flatMap(({ path }) => command(tool('publint'), '--strict', path))],
  [
    'public surfaces (api.d.ts)',
    () => compareSurfaces().map((name) => `${name} changed: node scripts/api.mjs --write, and look at the difference`),
  ],
  ['the page of errors', async () => ((await compareErrorsPage()) ? [] : ['docs/errors.md is old: node scripts/errors-page.mjs --write'])],
  ['every error code is thrown', async () => (await unusedCodes()).map((code) => `${code} is thrown by no package`)],
  ['tests that documents name', () => brokenPromises()],
  ['forbidden words', findForbiddenWords],
]

await main(async () => {
  const nativeTypes = join(repository, 'rust-native/index.d.ts')
  const committed = readFileSync(nativeTypes, 'utf8')
  setUp()
  checks.push([
    'types of the native core (index.d.ts)',
    () => (readFileSync(nativeTypes, 'utf8') === committed ? [] : ['the build changed rust-native/index.d.ts: commit it']),
  ])
  const failed = []
  for (const [name, check] of checks) if (!(await passes(name, check))) failed.push(name)
  if (failed.length > 0) throw new StepFailure(`check failed: ${failed.join('; ')}`)
  process.stdout.write(`${checks.length} checks passed\n`)
})

async function passes(name, check) {
  const began = performance.now()
  const problems = await check()
  process.stdout.write(
    `${problems.length === 0 ? 'ok    ' : 'FAILED'} ${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${name}\n`,
  )
  for (const problem of problems) process.stdout.write(`${problem.trimEnd().replace(/^/gm, '       ')}\n`)
  return problems.length === 0
}

/** @returns nothing where the command succeeds, else what it printed */
function command(program, ...args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: repository,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    env: { ...process.env, NO_COLOR: '1' },
  })
  if (error !== undefined) return [error.message]
  return status === 0 ? [] : [`${stdout}${stderr}` || `${program} ended with ${status}`]
}
