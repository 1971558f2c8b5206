/** Debian packages unpacked into a cache outside the clone ($XDG_CACHE_HOME/box/debian), without being installed. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'box/debian')

/** The newest kernel image that Debian has of a series: what its meta package depends on. */
export function newestKernel(metaPackage) {
  const depends = output('apt-cache', ['depends', metaPackage])
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1]
  if (name === undefined) throw new Error(`apt knows no kernel behind ${metaPackage}: apt-get update`)
  return name
}

/** @returns the folder with the package's files */
export function unpacked(name) {
  const version = /^Version: (.+)$/m.exec(output('apt-cache', ['show', '--no-all-versions', name]))?.[1]
  if (version === undefined) throw new Error(`apt knows no package ${name}: apt-get update`)
  const folder = join(cache, `${name}_${version}`)
  if (existsSync(folder)) return folder
  mkdirSync(cache, { recursive: true })
  const staging = mkdtempSync(join(cache, '.staging-'))
  try {
    output('apt-get', ['download', '-q', name], staging)
    const file = readdirSync(staging).find((it) => it.endsWith('.deb'))
    if (file === undefined) throw new Error(`apt-get download left no package of ${name}`)
    output('dpkg', ['-x', file, 'files'], staging)
    if (!existsSync(folder)) renameSync(join(staging, 'files'), folder)
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
  return folder
}

export function output(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 64 << 20 })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr.trim().split('\n').at(-1)}`)
  return stdout
}
