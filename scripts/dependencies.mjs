/** Whether node_modules holds what package-lock.json asks for: npm writes what it installed to node_modules/.package-lock.json, last of all. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository, run } from './repository.mjs'

/** Runs `npm ci` where something is missing or of another version. */
export function installDependencies() {
  const difference = firstDifference()
  if (difference === undefined) return
  process.stderr.write(`installing the npm packages: ${difference}\n`)
  run('npm ci', 'npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'])
}

function firstDifference() {
  const installedFile = join(repository, 'node_modules', '.package-lock.json')
  if (!existsSync(installedFile)) return 'there is no node_modules yet'
  const wanted = readPackages(join(repository, 'package-lock.json'))
  const installed = readPackages(installedFile)
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/')) continue
    const found = installed[path]
    if (found === undefined && entry.optional) continue
    if (found === undefined || !existsSync(join(repository, path))) return `${path} is missing`
    if (found.version !== entry.version || found.integrity !== entry.integrity) return `${path} is another version`
  }
  const extra = Object.keys(installed).find((path) => wanted[path] === undefined)
  return extra === undefined ? undefined : `${extra} is no longer wanted`
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages
}
