import { BoxError } from '@box/core'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { CredentialProvider, Credentials } from './credentials.ts'
import { askHelper, type HelperOptions } from './helper.ts'

export interface ConfigFileOptions extends HelperOptions {
  /** The file. By default the tool's own place for it. A file that does not exist holds nothing. */
  readonly path?: string
}

/** The longest configuration file that is read, in bytes. */
const fileLimit = 4 * 1024 * 1024

/** The key that Docker keeps the credentials of Docker Hub under. */
const hubKey = 'https://index.docker.io/v1/'

/**
 * Credentials as `docker login` keeps them: `config.json` in the folder of the environment variable `DOCKER_CONFIG`, or in `~/.docker`.
 * Programs named there (`credHelpers`, `credsStore`) are run, found in the absolute folders of the environment variable `PATH`.
 * The file is read at each use, which is once for a registry and repository.
 */
export function dockerConfig(options: ConfigFileOptions = {}): CredentialProvider {
  return fileProvider(() => options.path ?? join(process.env['DOCKER_CONFIG'] || join(homedir(), '.docker'), 'config.json'), options)
}

/**
 * Credentials as `podman login` keeps them: the file of the environment variable `REGISTRY_AUTH_FILE`, or `containers/auth.json` in the folder
 * of `XDG_RUNTIME_DIR`, or in `~/.config` (containers-auth.json(5)). Entries may be for a part of a registry: `quay.io/team`.
 */
export function podmanConfig(options: ConfigFileOptions = {}): CredentialProvider {
  return fileProvider(() => options.path ?? podmanPlace(), options)
}

function podmanPlace(): string {
  const file = process.env['REGISTRY_AUTH_FILE']
  if (file !== undefined && file !== '') return file
  return join(process.env['XDG_RUNTIME_DIR'] || join(homedir(), '.config'), 'containers', 'auth.json')
}

interface ConfigFile {
  readonly auths: ReadonlyMap<string, unknown>
  readonly helpers: ReadonlyMap<string, unknown>
  readonly store: unknown
}

function fileProvider(place: () => string, options: HelperOptions): CredentialProvider {
  return async (registry, { repository, signal }) => {
    const path = place()
    const file = await readConfig(path)
    if (file === undefined) return undefined
    for (const key of keysOf(registry, repository)) {
      const helper = file.helpers.get(key)
      if (typeof helper === 'string') return await askHelper(helper, key, { ...options, signal })
      const entry = [...file.auths].find(([name]) => canonical(name) === canonical(key))
      const found = entry === undefined ? undefined : credentialsOf(path, entry[0], entry[1])
      if (found !== undefined) return found
    }
    const server = registry === 'docker.io' ? hubKey : registry
    return typeof file.store === 'string' && file.store !== '' ? await askHelper(file.store, server, { ...options, signal }) : undefined
  }
}

/** What an entry may be named for a repository, the most particular first. */
function keysOf(registry: string, repository: string | undefined): string[] {
  const parts = repository?.split('/') ?? []
  const paths = parts.map((_, index) => `${registry}/${parts.slice(0, parts.length - index).join('/')}`)
  return [...paths, registry, ...(registry === 'docker.io' ? [hubKey] : [])]
}

/** Old entries are URLs (`https://host/v1/`); an entry with a path is for that path only. */
function canonical(key: string): string {
  const bare = key.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '')
  return bare === 'index.docker.io' ? 'docker.io' : bare
}

function credentialsOf(path: string, key: string, entry: unknown): Credentials | undefined {
  const fields = mapOf(entry)
  const identityToken = fields.get('identitytoken')
  if (typeof identityToken === 'string' && identityToken !== '') return { identityToken }
  const registryToken = fields.get('registrytoken')
  if (typeof registryToken === 'string' && registryToken !== '') return { registryToken }
  const auth = fields.get('auth')
  if (typeof auth !== 'string' || auth === '') return undefined
  const [username, ...rest] = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '').split(':')
  if (username === undefined || rest.length === 0)
    throw new BoxError('ERR_BOX_DOCUMENT_INVALID', `the entry for ${key} in ${path} does not hold a user name and a password`, { path })
  return { username, password: rest.join(':') }
}

async function readConfig(path: string): Promise<ConfigFile | undefined> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw new BoxError('ERR_BOX_SYSTEM', `cannot read ${path}`, { path, errno: error.code, cause: error })
  })
  if (bytes === undefined) return undefined
  const fields = mapOf(bytes.length > fileLimit ? undefined : parsed(bytes))
  if (fields.size === 0 && bytes.length > 2)
    throw new BoxError('ERR_BOX_DOCUMENT_INVALID', `${path} is not a JSON object of at most ${fileLimit} bytes`, { path })
  return { auths: mapOf(fields.get('auths')), helpers: mapOf(fields.get('credHelpers')), store: fields.get('credsStore') }
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

function mapOf(value: unknown): Map<string, unknown> {
  return new Map(typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [])
}
