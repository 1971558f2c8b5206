/**
 * The public surface of each package, as its emitted declarations: `packages/<name>/api.d.ts` holds every declaration file that an export of the
 * package reaches. Compared in `npm run check`; `node scripts/api.mjs --write` writes them anew, so that a change of a public name is seen in review.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { publishedPackages } from './packages.mjs'
import { main, StepFailure } from './repository.mjs'

const references = /(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g

/** @returns the names of the packages whose api.d.ts is not what their declarations say; with `write`, after writing those */
export function compareSurfaces({ write = false } = {}) {
  const different = []
  for (const { path, manifest } of publishedPackages()) {
    const surface = surfaceOf(path, manifest)
    if (surface === undefined) continue
    const file = join(path, 'api.d.ts')
    if (existsSync(file) && readFileSync(file, 'utf8') === surface) continue
    different.push(manifest.name)
    if (write) writeFileSync(file, surface)
  }
  return different
}

/** A package whose declarations are not emitted into dist (the native core commits its own) has no api.d.ts. */
function surfaceOf(path, manifest) {
  const entries = Object.values(manifest.exports ?? {})
    .map((target) => target.types)
    .filter((types) => types?.startsWith('./dist/'))
  if (entries.length === 0) return undefined
  const files = reachable(entries.map((entry) => join(path, entry)))
  const parts = files.map((file) => `// ${relative(join(path, 'dist'), file)}\n${declarations(file)}`)
  return `// The public surface of ${manifest.name}. Written by: node scripts/api.mjs --write\n\n${parts.join('\n')}`
}

/** The entries, then all that they lead to, in the order of the names. */
function reachable(entries) {
  const seen = new Set(entries)
  for (const file of seen) {
    if (!existsSync(file)) throw new StepFailure(`${file} is missing: npm run build`)
    for (const [, specifier] of readFileSync(file, 'utf8').matchAll(references)) {
      seen.add(join(dirname(file), specifier.replace(/\.(?:js|ts)$/, '.d.ts')))
    }
  }
  const others = [...seen].filter((file) => !entries.includes(file))
  return [...entries, ...others.toSorted((a, b) => (a < b ? -1 : 1))]
}

function declarations(file) {
  return readFileSync(file, 'utf8').replace(/^\/\/# sourceMappingURL=.*\n?/m, '')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(() => {
    const write = process.argv.includes('--write')
    const different = compareSurfaces({ write })
    for (const name of different) process.stdout.write(`${name}: ${write ? 'written' : 'differs from its api.d.ts'}\n`)
    if (!write && different.length > 0)
      throw new StepFailure('a public surface changed: node scripts/api.mjs --write, and look at the difference')
  })
}
