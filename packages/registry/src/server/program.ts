#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BoxError } from '@box/core'
import { digestOf, type ImageLayout, layout } from '@box/oci'
import { serve, type ServedRegistry, type ServeOptions } from './serve.ts'

/**
 * The program `box-registry`: serves an image layout folder until SIGINT or SIGTERM, and prints one line, its address. It asks for no
 * credentials: to listen elsewhere than on loopback is a decision that its user takes by `--host`.
 */

const usage = `usage: box-registry --root FOLDER [options]

  --root FOLDER          the image layout to serve; it is made where it is not there
  --port N               the port to listen on; 0, the default, takes one that is free
  --host ADDRESS         the address to listen on; 127.0.0.1 by default
  --read-only            refuse whatever would change the layout
  --repository NAME      the repository in which names of the layout that are a tag alone are served
  --tls-cert FILE        serve HTTPS with this certificate, in PEM
  --tls-key FILE         and this key
  --help                 print this and end
`

interface Command {
  readonly root: string
  readonly options: ServeOptions
}

/** Reads the arguments. Undefined where only help is asked for. */
async function readArguments(args: readonly string[]): Promise<Command | undefined> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      root: { type: 'string' },
      port: { type: 'string', default: '0' },
      host: { type: 'string', default: '127.0.0.1' },
      'read-only': { type: 'boolean', default: false },
      repository: { type: 'string' },
      'tls-cert': { type: 'string' },
      'tls-key': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const { root, repository, 'tls-cert': cert, 'tls-key': key } = values
  if (root === undefined) throw new BoxError('ERR_BOX_INVALID_ARGUMENT', '--root is missing')
  if (!/^\d{1,5}$/.test(values.port))
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `--port ${values.port} is not a number from 0 to 65535`)
  if ((cert === undefined) !== (key === undefined))
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', '--tls-cert and --tls-key belong together')
  return {
    root,
    options: {
      host: values.host,
      port: Number(values.port),
      readOnly: values['read-only'],
      // On the layout's own disk, in the folder where it keeps unfinished things itself.
      uploads: join(root, 'staging', 'uploads'),
      ...(repository === undefined ? {} : { repository }),
      ...(cert === undefined || key === undefined ? {} : { tls: { cert: await readFile(cert), key: await readFile(key) } }),
    },
  }
}

async function main(): Promise<void> {
  const command = await readArguments(process.argv.slice(2))
  if (command === undefined) {
    process.stdout.write(usage)
    return
  }
  const store = layout(command.root)
  if (!command.options.readOnly) await makeLayout(store)
  const registry = await serve(store, {
    ...command.options,
    onError: (error) => process.stderr.write(`box-registry: ${messageOf(error)}\n`),
  })
  process.stdout.write(`${registry.url}\n`)
  await endOfProgram(registry)
}

/** Makes the folder, or refuses one that is something else, before anyone connects: the first to write makes it. */
async function makeLayout(store: ImageLayout): Promise<void> {
  const writer = await store.ingest({ mediaType: 'application/octet-stream', digest: digestOf(''), size: 0 })
  if (writer.state === 'writing') await writer.abort()
}

/** Closes the registry at the first signal. A second one ends the process as it would end any. */
async function endOfProgram(registry: ServedRegistry): Promise<void> {
  await new Promise<void>((resolve) => {
    const stop = (): void => {
      process.off('SIGINT', stop).off('SIGTERM', stop)
      resolve()
    }
    process.on('SIGINT', stop).on('SIGTERM', stop)
  })
  await registry.close()
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** sysexits(3): EX_USAGE, EX_IOERR. */
function exitCodeOf(error: unknown): number {
  if (error instanceof BoxError && error.code === 'ERR_BOX_INVALID_ARGUMENT') return 64
  return error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS') ? 64 : 74
}

try {
  await main()
} catch (error) {
  process.stderr.write(`box-registry: ${messageOf(error)}\n`)
  process.exitCode = exitCodeOf(error)
}
