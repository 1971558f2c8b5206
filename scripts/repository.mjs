/** Where the repository is, and how the scripts run other programs in it. Needs nothing but Node. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repository = dirname(dirname(fileURLToPath(import.meta.url)))

/** The program of an installed npm package, without npx's half second. */
export function tool(name) {
  return join(repository, 'node_modules', '.bin', name)
}

/** Whether a program of this name is on the PATH. */
export function onPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/**
 * Runs a command in the repository and throws a StepFailure where it doesn't end with 0. What it prints goes to standard error: standard output
 * is for what the caller's own caller asked for.
 */
export function run(name, command, args) {
  const { status, signal, error } = spawnSync(command, args, { cwd: repository, stdio: ['inherit', 2, 2] })
  if (error !== undefined) throw new StepFailure(`${name}: ${error.message}`)
  if (status !== 0) throw new StepFailure(`${name} failed: ${[command, ...args].join(' ')} ended with ${signal ?? status}`)
}

/** A step that could not be done. Its message is meant for the person at the terminal; a stack adds nothing. */
export class StepFailure extends Error {
  name = 'StepFailure'
}

/** Runs a script's main function: a StepFailure becomes one line and exit status 1. */
export async function main(body) {
  try {
    await body()
  } catch (error) {
    if (!(error instanceof StepFailure)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}
