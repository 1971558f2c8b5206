import { BoxError } from '@box/core'
import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import type { Credentials } from './credentials.ts'

export interface HelperOptions {
  /** How long a credential helper may take, in milliseconds. Default 30,000. */
  readonly helperTimeout?: number
}

/** The most that a helper may write, in bytes. */
const outputLimit = 1024 * 1024

/**
 * Asks a credential helper, a program named `docker-credential-NAME` (docker/docker-credential-helpers, "get"), for a registry's credentials.
 * It is found in the absolute folders of PATH, run without a shell, and given the server on its standard input.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for a name that is none, `ERR_BOX_NOT_FOUND`, `ERR_BOX_REGISTRY_UNAUTHORIZED`.
 */
export async function askHelper(
  name: string,
  server: string,
  options: HelperOptions & { readonly signal?: AbortSignal | undefined },
): Promise<Credentials | undefined> {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name))
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `${JSON.stringify(name)} is not the name of a credential helper`)
  const program = await find(`docker-credential-${name}${process.platform === 'win32' ? '.exe' : ''}`)
  const { failed, output } = await run(program, server, options)
  options.signal?.throwIfAborted()
  // The protocol has no other way to say it than this text.
  if (failed && /credentials not found/i.test(output)) return undefined
  const answer = failed ? new Map<string, unknown>() : fieldsOf(output)
  const username = answer.get('Username')
  const secret = answer.get('Secret')
  // What the program wrote stays out of the message: it may hold the secret.
  if (typeof username !== 'string' || typeof secret !== 'string')
    throw new BoxError('ERR_BOX_REGISTRY_UNAUTHORIZED', `the credential helper ${program} gave no credentials for ${server}`, {
      path: program,
    })
  return username === '<token>' ? { identityToken: secret } : { username, password: secret }
}

async function find(program: string): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    // A relative folder would be another one in each working directory.
    if (!isAbsolute(folder)) continue
    const path = join(folder, program)
    const there = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (there) return path
  }
  throw new BoxError('ERR_BOX_NOT_FOUND', `the credential helper ${program} is not in PATH`, { path: program })
}

function run(
  program: string,
  server: string,
  { helperTimeout = 30_000, signal }: HelperOptions & { readonly signal?: AbortSignal | undefined },
): Promise<{ readonly failed: boolean; readonly output: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      ['get'],
      {
        timeout: helperTimeout,
        killSignal: 'SIGKILL',
        maxBuffer: outputLimit,
        windowsHide: true,
        ...(signal === undefined ? {} : { signal }),
      },
      (error, output) => resolve({ failed: error !== null, output }),
    )
    // A helper that ends without reading has its own exit status to say so.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(`${server}\n`)
  })
}

function fieldsOf(output: string): Map<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(output)
    return new Map(typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : [])
  } catch {
    return new Map()
  }
}
