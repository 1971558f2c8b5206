/** Installs the system packages that tests run against (scripts/system-packages.json: name → why), where this is root on Debian or Ubuntu. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { onPath, repository } from '../repository.mjs'

export function installSystemPackages() {
  const wanted = JSON.parse(readFileSync(join(repository, 'scripts/system-packages.json'), 'utf8'))
  if (!onPath('dpkg-query') || !onPath('apt-get')) {
    say(`tests also run against these, where they are there: ${Object.keys(wanted).join(', ')} (no apt here to install them)`)
    return
  }
  const missing = Object.keys(wanted).filter((name) => !isInstalled(name))
  if (missing.length === 0) return
  const list = missing.map((name) => `  ${name}: ${wanted[name]}`).join('\n')
  if (process.env.BOX_NO_INSTALL === '1')
    return say(`not installed, since BOX_NO_INSTALL=1; tests that need these are skipped by name\n${list}`)
  if (process.getuid?.() !== 0) return say(`not installed, since this is not root; tests that need these are skipped by name\n${list}`)
  say(`installing system packages that tests run against\n${list}`)
  if (!apt('install', ...missing) && !(apt('update') && apt('install', ...missing))) {
    say('apt could not install them all; tests that need what is missing are skipped by name')
  }
}

function isInstalled(name) {
  return spawnSync('dpkg-query', ['-W', '-f=${Status}', name], { encoding: 'utf8' }).stdout.endsWith('ok installed')
}

function apt(verb, ...names) {
  const options = verb === 'install' ? ['-y', '-q', '--no-install-recommends'] : ['-q']
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, stdout, stderr } = spawnSync('apt-get', [verb, ...options, ...names], { encoding: 'utf8', env, timeout: 300_000 })
  if (status !== 0) process.stdout.write(`${stdout}${stderr}`.split('\n').slice(-8).join('\n'))
  return status === 0
}

function say(text) {
  process.stdout.write(`${text}\n`)
}
