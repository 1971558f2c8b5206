import { BoxError } from '@box/core'
import { isRepository } from '@box/oci'
import { parse, type TomlTable, type TomlValue } from 'smol-toml'
import type { RegistryRule, RegistryRuleMirror } from './registry-rules.ts'
import { isAliasName, isAliasTarget, type ShortNames } from './short-names.ts'

/** The longest file that is read, in bytes. */
export const registriesConfLimit: number = 1024 * 1024

/**
 * Reads the text of a `registries.conf` in version 2 of its format (containers-registries.conf(5)): the tables `[[registry]]` and their
 * mirrors.
 * @param path For messages.
 * @throws BoxError `ERR_BOX_DOCUMENT_INVALID` for what is no TOML, is in the first version of the format, or has a field of another type or meaning.
 */
export function parseRegistriesConf(text: string, path: string = 'registries.conf'): readonly RegistryRule[] {
  const document = version2(text, path)
  return tables(document['registry'], path, 'registry').map((table) => ruleOf(table, path))
}

/** What the same text says of names without a registry: `unqualified-search-registries`, `short-name-mode` and `[aliases]`. Errors as for `parseRegistriesConf`. */
export function parseShortNames(text: string, path: string = 'registries.conf'): ShortNames {
  const document = version2(text, path)
  const [aliases, search, mode] = [document['aliases'], document['unqualified-search-registries'], document['short-name-mode']]
  return {
    ...(aliases === undefined ? {} : { aliases: aliasesOf(aliases, path) }),
    ...(search === undefined ? {} : { search: searchOf(search, path) }),
    ...(mode === undefined || mode === '' ? {} : { mode: modeOf(mode, path) }),
  }
}

function aliasesOf(value: TomlValue, path: string): Record<string, string> {
  if (!isTable(value)) throw invalid(path, 'aliases is not a table')
  const entries = Object.entries(value).map(([name, target]): [string, string] => {
    if (typeof target === 'string' && isAliasName(name) && (target === '' || isAliasTarget(target))) return [name, target]
    throw invalid(path, `the alias ${JSON.stringify(name)} is not a name without registry, tag and digest for one with a registry`)
  })
  return Object.fromEntries(entries)
}

function searchOf(value: TomlValue, path: string): readonly string[] {
  if (!Array.isArray(value)) throw invalid(path, 'unqualified-search-registries is not a list')
  return value.map((registry) => {
    const place = placeOf(registry, path, 'unqualified-search-registries')
    if (place !== undefined && /^[^/*]+$/.test(place)) return place
    throw invalid(path, `unqualified-search-registries has ${JSON.stringify(registry)}, which is not a host`)
  })
}

function modeOf(value: TomlValue, path: string): NonNullable<ShortNames['mode']> {
  if (value === 'enforcing' || value === 'permissive' || value === 'disabled') return value
  throw invalid(path, 'short-name-mode is neither "enforcing" nor "permissive" nor "disabled"')
}

function version2(text: string, path: string): TomlTable {
  const document = toml(text, path)
  if (document['registries'] === undefined) return document
  throw invalid(path, 'it is in the first version of the format ([registries.search] and its like)')
}

function ruleOf(table: TomlTable, path: string): RegistryRule {
  const location = placeOf(table['location'], path, 'location')
  const prefix = placeOf(table['prefix'], path, 'prefix') ?? location
  if (prefix === undefined) throw invalid(path, 'a registry has neither a prefix nor a location')
  const wildcard = prefix.startsWith('*.')
  if (!wildcard && location === undefined) throw invalid(path, `the registry ${JSON.stringify(prefix)} has no location`)
  if ((wildcard && prefix.includes('/')) || location?.startsWith('*.') === true)
    throw invalid(path, `only a host name that is a prefix may begin with a wildcard: ${JSON.stringify(prefix)}`)
  const byDigestOnly = flag(table['mirror-by-digest-only'], path, 'mirror-by-digest-only')
  const mirrors = tables(table['mirror'], path, 'registry.mirror').map((mirror) => mirrorOf(mirror, byDigestOnly, path))
  return {
    prefix,
    ...(location === undefined ? {} : { location }),
    insecure: flag(table['insecure'], path, 'insecure'),
    blocked: flag(table['blocked'], path, 'blocked'),
    mirrors,
  }
}

function mirrorOf(table: TomlTable, byDigestOnly: boolean, path: string): RegistryRuleMirror {
  const location = placeOf(table['location'], path, 'location')
  if (location === undefined || location.startsWith('*.')) throw invalid(path, 'a mirror has no location')
  const pull = table['pull-from-mirror']
  if (pull !== undefined && byDigestOnly) throw invalid(path, `pull-from-mirror of ${location} contradicts mirror-by-digest-only`)
  if (pull !== undefined && pull !== 'all' && pull !== 'digest-only' && pull !== 'tag-only')
    throw invalid(path, `pull-from-mirror of ${location} is neither "all" nor "digest-only" nor "tag-only"`)
  return { location, insecure: flag(table['insecure'], path, 'insecure'), pull: pull ?? (byDigestOnly ? 'digest-only' : 'all') }
}

/** A host with an optional port, and what is below it. A slash at the end means nothing. */
function placeOf(value: TomlValue | undefined, path: string, field: string): string | undefined {
  if (value === undefined || value === '') return undefined
  const text = typeof value === 'string' ? value.replace(/\/+$/, '') : ''
  const [host = '', ...rest] = text.split('/')
  const below = rest
    .join('/')
    .replace(/@sha\d+:[0-9a-f]+$/, '')
    .replace(/:[\w][\w.-]*$/, '')
  if (!/^(?:\*\.)?(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d{1,5})?$/.test(host) || (rest.length > 0 && !isRepository(below)))
    throw invalid(path, `${field} is not a host with a path: ${JSON.stringify(value)}`)
  return text
}

function flag(value: TomlValue | undefined, path: string, field: string): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false
  throw invalid(path, `${field} is neither true nor false`)
}

function tables(value: TomlValue | undefined, path: string, field: string): TomlTable[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw invalid(path, `${field} is not a list of tables`)
  return value.map((table) => {
    if (isTable(table)) return table
    throw invalid(path, `${field} is not a list of tables`)
  })
}

function isTable(value: TomlValue): value is TomlTable {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date)
}

function toml(text: string, path: string): TomlTable {
  try {
    return parse(text)
  } catch (error) {
    throw new BoxError('ERR_BOX_DOCUMENT_INVALID', `${path} is not TOML`, { path, cause: error })
  }
}

function invalid(path: string, reason: string): BoxError {
  return new BoxError('ERR_BOX_DOCUMENT_INVALID', `${path}: ${reason}`, { path })
}
