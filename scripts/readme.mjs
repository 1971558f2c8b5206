/**
 * Runs the code blocks of the README files: each block fenced as js, as an .mjs of its own, in an empty folder. A comment on the line before the fence
 * says what a block needs (an empty line may be between): `<!-- needs: root, linux, network -->`.
 * Prints what scripts/testing/counts.mjs reads. `node scripts/readme.mjs FILE…` runs those files only.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { publishedPackages } from './packages.mjs'
import { repository } from './repository.mjs'
import { codeBlocks } from './testing/code-blocks.mjs'
import { Tally } from './testing/tally.mjs'

const limitMs = 60_000
// Inside the repository, so that a copy resolves the packages as a reader's own file would.
const copies = join(repository, 'node_modules/.cache/box/readme')

const needs = {
  linux: () => process.platform === 'linux',
  root: () => process.getuid?.() === 0,
  network: () => process.env.BOX_TEST_NETWORK === '1',
}

const tally = new Tally()
const chosen = process.argv.slice(2).map((file) => resolve(file))
const files =
  chosen.length > 0 ? chosen : [repository, ...publishedPackages().map(({ path }) => path)].map((folder) => join(folder, 'README.md'))
for (const file of files.filter((path) => existsSync(path))) {
  for (const block of codeBlocks(readFileSync(file, 'utf8'))) {
    if (block.language === 'js') await runBlock(`${relative(repository, file)}:${block.line}`, block)
  }
}
tally.end()

async function runBlock(name, block) {
  const unknown = block.needs.find((need) => !(need in needs))
  const lacking = block.needs.filter((need) => needs[need]?.() === false)
  if (lacking.length > 0) return tally.skip(`${name} needs ${lacking.join(', ')}`, `needs ${lacking.join(', ')}`)
  await tally.test(name, () => {
    if (unknown !== undefined)
      throw new Error(`the block needs '${unknown}', which this runner does not know: ${Object.keys(needs).join(', ')}`)
    execute(name, block.code)
  })
}

function execute(name, code) {
  mkdirSync(copies, { recursive: true })
  const copy = join(copies, `${name.replaceAll(/[^\w.-]/g, '-')}.mjs`)
  const folder = mkdtempSync(join(tmpdir(), 'box-readme-'))
  try {
    writeFileSync(copy, code)
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [copy], {
      cwd: folder,
      encoding: 'utf8',
      timeout: limitMs,
      killSignal: 'SIGKILL',
    })
    if (status !== 0) throw new Error(`the block ended with ${signal ?? status}\n${stdout}${stderr}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
    rmSync(copy, { force: true })
  }
}
