/** The packages that are published: their folders and manifests, in lerna.json's order. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from './repository.mjs'

/** @returns [{ folder, path, manifest }]: folder relative to the repository, path absolute */
export function publishedPackages() {
  const { packages } = readJson(join(repository, 'lerna.json'))
  return packages
    .flatMap((pattern) => (pattern.endsWith('/*') ? subfolders(pattern.slice(0, -2)) : [pattern]))
    .map((folder) => ({ folder, path: join(repository, folder), manifest: readJson(join(repository, folder, 'package.json')) }))
    .filter(({ manifest }) => manifest.private !== true)
}

export function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'))
}

function subfolders(parent) {
  return readdirSync(join(repository, parent))
    .map((name) => `${parent}/${name}`)
    .filter((folder) => existsSync(join(repository, folder, 'package.json')))
    .toSorted()
}
