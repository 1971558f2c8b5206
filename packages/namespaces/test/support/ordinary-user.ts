import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { SpawnOptions } from '../../src/index.ts'

/** What came of a command that an ordinary user has started. */
export interface Outcome {
  readonly stdout?: string
  readonly stderr?: string
  readonly exitCode?: number | null
  readonly signal?: string | null
  readonly error?: {
    readonly code: string
    readonly step?: string
    readonly syscall?: string
    readonly errno?: string
    readonly path?: string
    readonly message: string
  }
}

/** Another host than this one is, in a mount namespace of the program's own, and what the user does there. */
export interface Host {
  /** What the two files say; without them they are empty. */
  readonly subuid?: string
  readonly subgid?: string
  /** Commands of a shell that root runs first, in a temporary folder; the program that follows is "$@". */
  readonly before?: string
  /** Has the user kill the command once it has printed something. */
  readonly killed?: boolean
  /** Another command, which is started while the first one is on its way: what is told is what came of this one. */
  readonly beside?: readonly string[]
}

/** The program that becomes the user `nobody` and does what its argument says. */
export const ordinaryUser: string = join(__dirname, 'ordinary-user.mjs')

/** Runs a command as the user `nobody`, by a Node process of its own (with the built package: `tsc -b`). */
export async function asOrdinaryUser(command: readonly string[], options: SpawnOptions, host?: Host): Promise<Outcome> {
  const asked = JSON.stringify({ command, options: { cwd: '/', ...options }, killed: host?.killed, beside: host?.beside })
  const stdout =
    host === undefined ? await output(process.execPath, [ordinaryUser, asked]) : await onHost(host, [process.execPath, ordinaryUser, asked])
  const outcome: Outcome = JSON.parse(stdout)
  return outcome
}

/** Puts the two files over those of /etc, whether there are any or not. */
const pretend = 'mount -t overlay overlay -o "lowerdir=$PWD/etc:/etc" /etc'

/** Runs a program in a mount namespace in which the host is as it is described. */
async function onHost({ subuid = '', subgid = subuid, before = '' }: Host, command: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'box-test-'))
  try {
    await output('mkdir', [join(folder, 'etc')])
    writeFileSync(join(folder, 'etc/subuid'), subuid)
    writeFileSync(join(folder, 'etc/subgid'), subgid)
    const script = `set -e; cd "$0"; ${pretend}; ${before}\nexec "$@"`
    return await output('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script, folder, ...command])
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function output(file: string, args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(file, [...args])).stdout
}
