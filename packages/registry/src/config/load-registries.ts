import { homedir } from 'node:os'
import { join } from 'node:path'
import { namesIn, readIfThere } from './files.ts'
import { parseRegistriesConf, parseShortNames, registriesConfLimit } from './registries-conf.ts'
import type { RegistryRule } from './registry-rules.ts'
import type { ShortNames } from './short-names.ts'

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
export async function registriesConf(options: RegistriesConfOptions = {}): Promise<readonly RegistryRule[]> {
  const rules = new Map<string, RegistryRule>()
  for (const { text, path } of await readFiles(options)) for (const rule of parseRegistriesConf(text, path)) rules.set(rule.prefix, rule)
  return [...rules.values()]
}

/**
 * Reads what the same files say of names without a registry; a later file's aliases replace those of the same names, its list and its mode all that came before.
 * Without `path`, also the aliases that podman has recorded, which count before all others (`short-name-aliases.conf` in `/var/cache/containers` for root, else in
 * `$XDG_CACHE_HOME/containers` or `~/.cache/containers`). Errors as for `registriesConf`.
 */
export async function shortNamesConf(options: RegistriesConfOptions = {}): Promise<ShortNames> {
  const recorded = options.path === undefined ? await readConfiguration(recordedAliases()) : undefined
  const files = [...(await readFiles(options)), ...(recorded === undefined ? [] : [recorded])]
  const found = files.map(({ text, path }) => parseShortNames(text, path))
  const aliases = Object.fromEntries(found.flatMap((names) => Object.entries(names.aliases ?? {})))
  return Object.assign({}, ...found, { aliases })
}

interface ConfigurationFile {
  readonly text: string
  readonly path: string
}

/** The files that are there, in the order in which they are read. */
async function readFiles({ path, folders }: RegistriesConfOptions): Promise<readonly ConfigurationFile[]> {
  const own = join(homedir(), '.config/containers/registries.conf')
  const system = '/etc/containers/registries.conf'
  const found = [(await readConfiguration(path ?? own)) ?? (path === undefined ? await readConfiguration(system) : undefined)]
  for (const folder of folders ?? (path === undefined ? [`${system}.d`, `${own}.d`] : []))
    for (const name of await namesIn(folder)) if (name.endsWith('.conf')) found.push(await readConfiguration(join(folder, name)))
  return found.filter((file) => file !== undefined)
}

async function readConfiguration(path: string): Promise<ConfigurationFile | undefined> {
  const bytes = await readIfThere(path, registriesConfLimit)
  return bytes === undefined ? undefined : { text: bytes.toString('utf8'), path }
}

function recordedAliases(): string {
  const cache = process.getuid?.() === 0 ? '/var/cache' : (process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'))
  return join(cache, 'containers/short-name-aliases.conf')
}
