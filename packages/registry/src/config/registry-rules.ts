/** What the configuration says of the registries, namespaces and images below one prefix (containers-registries.conf(5), "registry"). */
export interface RegistryRule {
  /** `registry.example`, `registry.example:5000/team`, `registry.example/team/app:1`, or `*.registry.example` for every host below that one. */
  readonly prefix: string
  /** What is put in the place of the prefix. Default: the prefix itself. */
  readonly location?: string
  /** Whether the location is spoken to over plain HTTP. Default `false`. */
  readonly insecure?: boolean
  /** Whether nothing below the prefix may be used. Default `false`. */
  readonly blocked?: boolean
  /** Where to read from first, in their order. */
  readonly mirrors?: readonly RegistryRuleMirror[]
}

/** A place with a copy of what is below a rule's prefix, which its location is put in the place of. */
export interface RegistryRuleMirror {
  readonly location: string
  readonly insecure?: boolean
  /** `digest-only`: only what is named by a digest is asked of it; `tag-only`: only images that are named by a tag. Default `all`. */
  readonly pull?: 'all' | 'digest-only' | 'tag-only'
}

/** Where an image, or its repository, is read from. */
export interface RuleMatch {
  readonly rule: RegistryRule
  /** The repository, with its registry, at the rule's own location. */
  readonly location: string
  readonly mirrors: readonly { readonly location: string; readonly digestOnly: boolean }[]
}

/** An image as a rule sees it. */
export interface RuleSubject {
  /** The registry and the repository: `docker.io/library/alpine`. */
  readonly name: string
  readonly tag: string | undefined
  readonly digest: string | undefined
}

/** The rule with the longest prefix that fits, and the locations that it leads to. */
export function matchRule(rules: readonly RegistryRule[], subject: RuleSubject): RuleMatch | undefined {
  let found: { readonly rule: RegistryRule; readonly length: number } | undefined
  for (const rule of rules) {
    const length = prefixLength(rule.prefix, subject)
    if (length !== undefined && rule.prefix.length > (found?.rule.prefix.length ?? -1)) found = { rule, length }
  }
  if (found === undefined) return undefined
  const { rule, length } = found
  const rest = subject.name.slice(length)
  const mirrors = (rule.mirrors ?? [])
    .filter(({ pull }) => pull !== 'tag-only' || subject.digest === undefined)
    .map(({ location, pull }) => ({ location: location + rest, digestOnly: pull === 'digest-only' }))
  return { rule, location: rule.location === undefined ? subject.name : rule.location + rest, mirrors }
}

/** Every registry that some rule names as one to speak to over plain HTTP; by `fits` also those that are only known by a wildcard. */
export function insecureHosts(rules: readonly RegistryRule[]): {
  readonly hosts: readonly string[]
  readonly fits: (host: string) => boolean
} {
  const places = rules.flatMap(({ prefix, location = prefix, insecure, mirrors = [] }) => [{ location, insecure }, ...mirrors])
  const locations = places.filter(({ insecure }) => insecure === true).map(({ location }) => location.split('/', 1)[0] ?? '')
  const wildcards = locations.filter((host) => host.startsWith('*.'))
  return {
    hosts: locations.filter((host) => !host.startsWith('*.')),
    fits: (host) => wildcards.some((wildcard) => host.replace(/:\d+$/, '').endsWith(wildcard.slice(1))),
  }
}

/** How much of the name the prefix stands for; undefined where it does not fit. Only whole parts of a name fit. */
function prefixLength(prefix: string, { name, tag, digest }: RuleSubject): number | undefined {
  if (prefix.startsWith('*.')) {
    const [host = ''] = name.split('/', 1)
    return host.replace(/:\d+$/, '').endsWith(prefix.slice(1)) ? host.length : undefined
  }
  if (name === prefix || name.startsWith(`${prefix}/`)) return prefix.length
  const named = (tag !== undefined && `${name}:${tag}` === prefix) || (digest !== undefined && `${name}@${digest}` === prefix)
  return named ? name.length : undefined
}
