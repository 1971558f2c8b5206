import { BoxError } from '@box/core'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import type { Certificates } from '../egress/connector.ts'
import { namesIn, readIfThere } from './files.ts'

/** The longest file of certificates that is read, in bytes. */
const fileLimit = 4 * 1024 * 1024

/**
 * Reads certificates as docker and podman keep them (containers-certs.d(5)): in each of the folders a folder for a registry (`registry.example:5000`) with
 * authorities (`*.crt`), which are trusted beside the built-in ones, and a client's certificate and key (`client.cert`, `client.key`). Where several
 * folders have a registry, the first one counts. Gives what the option `certs` takes.
 * @param folders Default: `~/.config/containers/certs.d`, `/etc/containers/certs.d`, `/etc/docker/certs.d`.
 * @throws BoxError `ERR_BOX_DOCUMENT_INVALID` for a certificate without its key, a key without its certificate, and more than one of them; `ERR_BOX_SYSTEM`, `ERR_BOX_LIMIT`.
 */
export async function certsFromFolders(folders: readonly string[] = defaultFolders()): Promise<Record<string, Certificates>> {
  const found = new Map<string, Certificates>()
  for (const folder of folders)
    for (const registry of await namesIn(folder)) {
      const certificates = found.has(registry) ? undefined : await readFolder(join(folder, registry))
      if (certificates !== undefined) found.set(registry, certificates)
    }
  return Object.fromEntries(found)
}

function defaultFolders(): readonly string[] {
  return [join(homedir(), '.config/containers/certs.d'), '/etc/containers/certs.d', '/etc/docker/certs.d']
}

/** Undefined where the folder holds nothing of the kind. */
async function readFolder(folder: string): Promise<Certificates | undefined> {
  const names = await namesIn(folder)
  const read = async (name: string): Promise<Buffer> => (await readIfThere(join(folder, name), fileLimit)) ?? Buffer.alloc(0)
  const ca = await Promise.all(names.filter((name) => name.endsWith('.crt')).map(read))
  const pairs = new Set(names.filter((name) => /\.(?:cert|key)$/.test(name)).map((name) => name.replace(/\.[a-z]+$/, '')))
  const [pair, ...more] = pairs
  if (more.length > 0) throw invalid(folder, 'it has more than one client certificate')
  if (pair !== undefined && !(names.includes(`${pair}.cert`) && names.includes(`${pair}.key`)))
    throw invalid(folder, `${pair}.cert and ${pair}.key are not both there`)
  if (ca.length === 0 && pair === undefined) return undefined
  return {
    ...(ca.length === 0 ? {} : { ca: [...rootCertificates, ...ca] }),
    ...(pair === undefined ? {} : { cert: await read(`${pair}.cert`), key: await read(`${pair}.key`) }),
  }
}

function invalid(folder: string, reason: string): BoxError {
  return new BoxError('ERR_BOX_DOCUMENT_INVALID', `${folder}: ${reason}`, { path: folder })
}
