import { homedir } from 'node:os'
import { join } from 'node:path'
import { namesIn, readIfThere } from './files.ts'
import { parseRegistriesConf, registriesConfLimit } from './registries-conf.ts'
import type { RegistryRule } from './registry-rules.ts'

export interface RegistriesConfOptions {
  /** The file. Default: `~/.config/containers/registries.conf` where it is there, else `/etc/containers/registries.conf`. */
  readonly path?: string
  /**
   * Folders whose files `*.conf` are read after it, in the order of their names: a rule replaces the one of the same prefix. Default, without
   * `path`: `/etc/containers/registries.conf.d`, then `~/.config/containers/registries.conf.d`; else none.
   */
  readonly folders?: readonly string[]
}

/**
 * Reads the rules of `registries.conf` and its drop-in folders as podman, skopeo and buildah do (containers-registries.conf(5) and
 * containers-registries.conf.d(5)). What is not there says nothing.
 * @throws BoxError `ERR_BOX_DOCUMENT_INVALID`, `ERR_BOX_LIMIT`, `ERR_BOX_SYSTEM`.
 */
export async function registriesConf({ path, folders }: RegistriesConfOptions = {}): Promise<readonly RegistryRule[]> {
  const own = join(homedir(), '.config/containers/registries.conf')
  const system = '/etc/containers/registries.conf'
  const rules = new Map<string, RegistryRule>()
  const take = (found: readonly RegistryRule[]): void => found.forEach((rule) => rules.set(rule.prefix, rule))
  take((await readRules(path ?? own)) ?? (path === undefined ? await readRules(system) : undefined) ?? [])
  for (const folder of folders ?? (path === undefined ? [`${system}.d`, `${own}.d`] : []))
    for (const name of await namesIn(folder)) if (name.endsWith('.conf')) take((await readRules(join(folder, name))) ?? [])
  return [...rules.values()]
}

async function readRules(path: string): Promise<readonly RegistryRule[] | undefined> {
  const bytes = await readIfThere(path, registriesConfLimit)
  return bytes === undefined ? undefined : parseRegistriesConf(bytes.toString('utf8'), path)
}
