/**
 * docs/errors.md: every error code with its line. Compared in `npm run check`; `node scripts/errors-page.mjs --write` writes it anew.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { publishedPackages } from './packages.mjs'
import { main, repository, StepFailure } from './repository.mjs'

const page = join(repository, 'docs/errors.md')

/** @returns whether the page is what the sources say; with `write`, after writing it */
export async function compareErrorsPage({ write = false } = {}) {
  const text = await errorsPage()
  const same = existsSync(page) && readFileSync(page, 'utf8') === text
  if (write && !same) writeFileSync(page, text)
  return same
}

/** @returns the codes that no package throws */
export async function unusedCodes() {
  const sources = publishedPackages().flatMap(({ path, manifest }) => sourceTexts(path, manifest))
  return Object.keys(await errorCodes()).filter((code) => !sources.some((text) => text.includes(`'${code}'`) || text.includes(`"${code}"`)))
}

async function errorCodes() {
  return (await import(pathToFileURL(join(repository, 'packages/core/dist/errors.js')).href)).errorCodes
}

async function errorsPage() {
  const rows = Object.entries(await errorCodes()).map(([code, line]) => `| \`${code}\` | ${line} |`)
  return `# Errors

Every error that a Box package throws by its own will is a \`BoxError\` of \`@box/core\`. Its \`code\` is stable: decide by it, never by the message.
Where the kernel refused something, \`syscall\`, \`errno\`, \`path\` and \`step\` say what was tried, and \`hint\` says what to do about it.
An aborted call rejects with its signal's reason, which is no \`BoxError\`.

| code | meaning |
|---|---|
${rows.join('\n')}

This page is written by \`node scripts/errors-page.mjs --write\` from \`packages/core/src/errors.ts\`.
`
}

/** The sources of a package, without the table of the codes itself. */
function sourceTexts(path, manifest) {
  const folders = manifest.napi === undefined ? ['src'] : readdirSync(join(path, 'crates')).map((crate) => join('crates', crate, 'src'))
  return folders.flatMap((folder) => read(join(path, folder)))
}

function read(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:ts|rs)$/.test(entry.name))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8').replace(/export const errorCodes = \{.*?\n\}/s, ''))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(async () => {
    const write = process.argv.includes('--write')
    if (!(await compareErrorsPage({ write })) && !write)
      throw new StepFailure('docs/errors.md is old: node scripts/errors-page.mjs --write')
  })
}
