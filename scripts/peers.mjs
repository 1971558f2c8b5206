/**
 * The programs that ours are measured against and tested with, by the versions of bench/peers.json. From the Go proxy they go to a cache outside the clone
 * ($XDG_CACHE_HOME/box/peers); the rest are packages of the system. `node scripts/peers.mjs` installs what is missing and says where each is.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { readJson } from './packages.mjs'
import { onPath, repository } from './repository.mjs'

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'box/peers')
const peers = readJson(join(repository, 'bench/peers.json'))

/** @returns { path, version } or, where it can't be had, { missing: why } */
export function findPeer(name) {
  const peer = peers[name]
  return peer.go === undefined ? fromSystem(name, peer) : fromGo(name, peer)
}

function fromGo(name, { version, go, tags, needs, program = name }) {
  const folder = join(cache, `${name}-${version}`)
  const path = join(folder, program)
  if (existsSync(path)) return { path, version }
  if (!onPath('go')) return { missing: `go is not here to build ${name} ${version}` }
  const lacking = needs.filter((needed) => installedVersion(needed) === undefined)
  if (lacking.length > 0 && !install(lacking)) return { missing: `${lacking.join(', ')} could not be installed to build ${name}` }
  mkdirSync(folder, { recursive: true })
  const env = { ...process.env, CGO_ENABLED: tags === undefined ? '0' : '1', GOBIN: folder, GOFLAGS: '-trimpath' }
  const flags = tags === undefined ? [] : ['-tags', tags]
  const built = spawnSync('go', ['install', ...flags, `${go}@v${version}`], { env, encoding: 'utf8', timeout: 600_000 })
  return built.status === 0
    ? { path, version }
    : { missing: `go install of ${name} ${version} failed: ${built.stderr?.trim().split('\n').at(-1)}` }
}

function fromSystem(name, { version, apt }) {
  if (installedVersion(apt) === undefined && !install([`${apt}=${version}`])) return { missing: `${apt} ${version} could not be installed` }
  const found = installedVersion(apt)
  return found === version ? { path: name, version } : { missing: `${apt} is ${found} here; figures are compared with ${version}` }
}

function installedVersion(packageName) {
  if (!onPath('dpkg-query')) return undefined
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f=${Status} ${Version}', packageName], { encoding: 'utf8' })
  return /ok installed (\S+)$/.exec(stdout)?.[1]
}

function install(packages) {
  if (process.env.BOX_NO_INSTALL === '1' || process.getuid?.() !== 0 || !onPath('apt-get')) return false
  process.stderr.write(`installing ${packages.join(', ')} to measure against\n`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args) => spawnSync('apt-get', args, { env, stdio: 'ignore', timeout: 300_000 }).status === 0
  const now = () => apt('install', '-y', '-q', '--no-install-recommends', ...packages)
  return now() || (apt('update', '-q') && now())
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const name of Object.keys(peers)) {
    const { path, version, missing } = findPeer(name)
    process.stdout.write(missing === undefined ? `${name} ${version}: ${path}\n` : `${name}: ${missing}\n`)
    if (missing !== undefined) process.exitCode = 1
  }
}
