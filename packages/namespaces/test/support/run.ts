import { text } from 'node:stream/consumers'
import { type Result, type SpawnOptions, spawn } from '../../src/index.ts'

export const isRoot: boolean = process.getuid?.() === 0
export const asRoot: jest.Describe = isRoot ? describe : describe.skip

/** Runs a command to its end. */
export async function run(command: readonly string[], options: SpawnOptions = {}): Promise<Result & { stdout: string; stderr: string }> {
  const child = await spawn(command, options)
  const [stdout, stderr, result] = await Promise.all([text(child.stdout), text(child.stderr), child.exited])
  return { ...result, stdout, stderr }
}

/** What a shell prints. */
export async function shell(script: string, options: SpawnOptions = {}): Promise<string> {
  const { stdout, stderr, exitCode } = await run(['sh', '-c', script], options)
  if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${stderr}`)
  return stdout.trim()
}
