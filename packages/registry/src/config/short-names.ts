import { BoxError } from '@box/core'
import { isShortReference, parseReference, type Reference } from '@box/oci'

/** What names without a registry mean (containers-registries.conf(5), "unqualified-search-registries" and "aliases"). */
export interface ShortNames {
  /** By name, without tag and digest (`fedora`, `team/app`), the repository that it means: `registry.fedoraproject.org/fedora`. Empty: it is no alias. */
  readonly aliases?: Readonly<Record<string, string>>
  /** The registries (`host`, `host:port`) in which other names are looked for, in their order. */
  readonly search?: readonly string[]
  /** Whether a name that several registries may have is an error (`enforcing`), or read from the first that has it. Default `permissive`. */
  readonly mode?: 'enforcing' | 'permissive' | 'disabled'
}

/** Whether the text can be the name of an alias: without registry, tag and digest. */
export function isAliasName(name: string): boolean {
  return !/[:@]/.test(name) && isShortReference(name) && isReference(name)
}

/** Whether the text can be what an alias means: a registry and a repository, without tag and digest. */
export function isAliasTarget(target: string): boolean {
  return !target.includes('@') && !isShortReference(target) && !/:[^/]*$/.test(target.slice(target.indexOf('/'))) && isReference(target)
}

/**
 * What a reference may mean, in the order in which it is looked for. A name with a registry means itself, as does every name where nothing is said of short ones.
 * @throws BoxError `ERR_BOX_REFERENCE_INVALID` for what is no reference, for a short name that nothing is known of, and for one that means several.
 */
export function meaningsOf(text: string, shortNames: ShortNames | undefined): readonly [Reference, ...Reference[]] {
  const own = parseReference(text)
  if (shortNames === undefined || !isShortReference(text)) return [own]
  const { aliases = {}, search = [], mode } = shortNames
  const [name = ''] = text.split(/[:@]/, 1)
  const alias = Object.hasOwn(aliases, name) ? aliases[name] : undefined
  if (alias !== undefined && alias !== '') return [parseReference(alias + text.slice(name.length))]
  const [first, ...others] = search.map((registry) => parseReference(`${registry}/${text}`))
  if (first === undefined)
    throw new BoxError(
      'ERR_BOX_REFERENCE_INVALID',
      `${JSON.stringify(text)} names no registry, is no alias, and there is no registry to look for it in`,
      {
        hint: 'name the registry: docker.io/library/alpine',
      },
    )
  if (others.length > 0 && mode === 'enforcing') throw ambiguous(text, search)
  return [first, ...others]
}

/** For what can't be tried in one registry after another. */
export function ambiguous(text: string, search: readonly string[]): BoxError {
  return new BoxError('ERR_BOX_REFERENCE_INVALID', `${JSON.stringify(text)} may be in any of ${search.slice(0, 16).join(', ')}`, {
    hint: 'name the registry',
  })
}

/** @throws BoxError `ERR_BOX_INVALID_ARGUMENT`. */
export function checkShortNames({ aliases = {}, search = [], mode }: ShortNames): void {
  const wrong =
    Object.entries(aliases).find(([name, target]) => !isAliasName(name) || (target !== '' && !isAliasTarget(target)))?.[0] ??
    search.find((registry) => !isReference(`${registry}/a`) || isShortReference(`${registry}/a`) || registry.includes('/'))
  if (wrong !== undefined)
    throw new BoxError(
      'ERR_BOX_INVALID_ARGUMENT',
      `shortNames: ${JSON.stringify(wrong)} is neither an alias of a repository nor a registry`,
    )
  if (mode !== undefined && mode !== 'enforcing' && mode !== 'permissive' && mode !== 'disabled')
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', "shortNames.mode is 'enforcing', 'permissive' or 'disabled'")
}

function isReference(text: string): boolean {
  try {
    parseReference(text)
    return true
  } catch {
    return false
  }
}
