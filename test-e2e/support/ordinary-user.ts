import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'

import fs from 'fs-extra'

const execute = promisify(execFile)

/** A user without any privilege, made for a test. */
export interface OrdinaryUser {
  readonly uid: number
  readonly gid: number
  /** A folder of the user's own. */
  readonly home: string
  /** Runs a command as the user, with an empty environment but for HOME and PATH. */
  run(command: readonly string[]): Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }>
  remove(): Promise<void>
}

/** Makes the user, with `home` as its own folder. */
export async function makeOrdinaryUser(home: string): Promise<OrdinaryUser> {
  const name = `box-e2e-${process.pid}`
  await execute('useradd', ['--no-create-home', '--home-dir', home, '--shell', '/bin/sh', name])
  const uid = Number((await execute('id', ['-u', name])).stdout)
  const gid = Number((await execute('id', ['-g', name])).stdout)
  await fs.ensureDir(home)
  await fs.chown(home, uid, gid)
  return {
    uid,
    gid,
    home,
    run: async ([program = '', ...args]) => {
      const child = spawn(program, args, {
        uid,
        gid,
        cwd: home,
        env: { HOME: home, PATH: process.env['PATH'] },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const output = { stdout: '', stderr: '' }
      child.stdout.on('data', (chunk) => (output.stdout += chunk))
      child.stderr.on('data', (chunk) => (output.stderr += chunk))
      await once(child, 'close')
      return { exitCode: child.exitCode, ...output }
    },
    remove: async () => {
      await execute('userdel', [name])
    },
  }
}
