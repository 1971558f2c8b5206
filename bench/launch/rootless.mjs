/**
 * The rows named `rootless`: an ordinary user whose ids are mapped by newuidmap(1) and newgidmap(1). `node rootless.mjs ROOT box` launches, and
 * `node rootless.mjs ROOT unshare` has unshare(1) do it, each time it reads a line, as the user nobody.
 */
import { constants, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { native } from '@box/native'
import { answerLines, startDriver, timeCommand } from '../driver.mjs'
import { launchRootless } from './box.mjs'

const nobody = 65_534
/** O_PATH, which node:fs does not name (open(2)). */
const path = 0o10_000_000
const self = fileURLToPath(import.meta.url)

/** A driver in a mount namespace where nobody has a range of ids, whatever the host grants. */
export function driveRootless({ folder, root }, by) {
  const granted = join(folder, 'etc')
  mkdirSync(granted, { recursive: true })
  for (const name of ['subuid', 'subgid']) writeFileSync(join(granted, name), 'nobody:100000:65536\n')
  const script = 'mount -t overlay overlay -o "lowerdir=$0:/etc" /etc && exec "$@"'
  return startDriver('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script, granted, process.execPath, self, root, by])
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , root, by] = process.argv
  // Loaded while this process can still read the repository.
  native()
  process.setgroups([])
  process.setgid(nobody)
  process.setuid(nobody)
  process.chdir('/')
  const unshared = ['--user', '--map-root-user', '--map-auto', '--mount', '--pid', '--fork', '--uts', '--ipc', '--net', '--cgroup']
  if (by === 'unshare') await answerLines(() => timeCommand('unshare', [...unshared, join(root, 'bin/true')]))
  else await answerLines(launchRootless({ fd: openSync(root, path | constants.O_DIRECTORY), path: root }))
}
