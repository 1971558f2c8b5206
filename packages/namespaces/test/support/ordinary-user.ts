import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { SpawnOptions } from '../../src/index.ts'

/** What came of a command that an ordinary user has started. */
export interface Outcome {
  readonly stdout?: string
  readonly stderr?: string
  readonly exitCode?: number | null
  readonly error?: {
    readonly code: string
    readonly step?: string
    readonly syscall?: string
    readonly errno?: string
    readonly message: string
  }
}

/** Runs a command as the user `nobody`, by a Node process of its own (with the built package: `tsc -b`). */
export async function asOrdinaryUser(command: readonly string[], options: SpawnOptions): Promise<Outcome> {
  const program = join(__dirname, 'ordinary-user.mjs')
  const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify({ command, options: { cwd: '/', ...options } })])
  const outcome: Outcome = JSON.parse(stdout)
  return outcome
}
