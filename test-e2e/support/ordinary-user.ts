import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import fs from 'fs-extra'

const execute = promisify(execFile)

/** A user without any privilege, made for a test. */
export interface OrdinaryUser {
  readonly uid: number
  readonly gid: number
  /** A folder of the user's own. */
  readonly home: string
  /** The repository, at a path that the user can reach wherever it lies. */
  readonly repository: string
  /** Runs a command as the user, in a mount namespace of its own, with an empty environment but for HOME, TMPDIR and PATH. */
  run(command: readonly string[]): Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }>
  remove(): Promise<void>
}

const top = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..')

/** Binds what programs need of the repository, and then becomes the user: a checkout may be closed to others, or lie where they cannot go. */
const become = `set -e
for part in node_modules packages rust-native examples test-e2e; do
  mkdir -p "$2/$part"
  mount --bind "$1/$part" "$2/$part"
done
cd "$HOME"
user=$3 group=$4
shift 4
exec setpriv --reuid "$user" --regid "$group" --clear-groups -- "$@"`

/** Makes the user, with folders of its own in `folder`, which everyone must be able to enter. */
export async function makeOrdinaryUser(folder: string): Promise<OrdinaryUser> {
  const home = path.join(folder, 'home')
  const repository = path.join(folder, 'repository')
  const name = `box-e2e-${process.pid}`
  await execute('useradd', ['--no-create-home', '--home-dir', home, '--shell', '/bin/sh', name])
  const uid = Number((await execute('id', ['-u', name])).stdout)
  const gid = Number((await execute('id', ['-g', name])).stdout)
  await fs.ensureDir(home)
  await fs.ensureDir(repository)
  await fs.chown(home, uid, gid)
  return {
    uid,
    gid,
    home,
    repository,
    run: async (command) => {
      const env = { HOME: home, TMPDIR: home, PATH: process.env['PATH'] }
      const args = ['--mount', 'sh', '-c', become, 'sh', top, repository, String(uid), String(gid), ...command]
      const child = spawn('unshare', args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
      const output = { stdout: '', stderr: '' }
      child.stdout.on('data', (chunk) => (output.stdout += chunk))
      child.stderr.on('data', (chunk) => (output.stderr += chunk))
      await once(child, 'close')
      return { exitCode: child.exitCode, ...output }
    },
    remove: async () => {
      // A launcher ends by itself, a moment after the program that it served.
      await execute('userdel', ['--force', name])
    },
  }
}
