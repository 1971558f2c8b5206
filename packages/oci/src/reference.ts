import { BoxError, type Digest } from '@box/core'
import { isDigest, parseDigest } from './digest.ts'

/** The name of an image in a registry, with nothing left out. At least one of `tag` and `digest` is there. */
export interface Reference {
  /** Host, and port where it is said: `docker.io`, `localhost:5000`, `[::1]:5000`. In lower case, unless only its case tells it from a path: `HOST`. */
  readonly registry: string
  /** The path inside the registry: `library/alpine`. */
  readonly repository: string
  readonly tag?: string
  readonly digest?: Digest
}

const defaultRegistry = 'docker.io'
const longestName = 255
const longestReference = longestName + 1 + 128 + 1 + 7 + 128

const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?'
const hostPattern = new RegExp(String.raw`^(?:${label}(?:\.${label})*|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?$`)
const pathPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/

/**
 * Reads an image reference as Docker does and fills in what it leaves out: `alpine` is `docker.io/library/alpine:latest`. The first
 * part is a registry where it holds a dot or a colon or an upper-case letter, or is `localhost`. With a digest and no tag, the tag stays absent.
 * @throws BoxError `ERR_BOX_REFERENCE_INVALID`, saying which part is wrong.
 */
export function parseReference(text: string): Reference {
  if (typeof text !== 'string' || text === '') throw invalid(text, 'it is empty')
  if (text.length > longestReference) throw invalid(text, `it is longer than ${longestReference} characters`)
  const { rest, digest } = splitAtDigest(text)
  const { name, tag } = splitAtTag(rest)
  if (tag !== undefined && !tagPattern.test(tag)) throw invalid(text, `the tag ${JSON.stringify(tag)} is not one`)
  const { registry, repository } = splitName(text, name)
  return {
    registry,
    repository,
    ...(tag === undefined && digest === undefined ? { tag: 'latest' } : {}),
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  }
}

/** The whole reference as text, nothing left out: `docker.io/library/alpine:3@sha256:…`. `parseReference` reads it back to the same value. */
export function formatReference(reference: Reference): string {
  const { registry, repository, tag, digest } = reference
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
}

/** The shortest text that means the same reference: `alpine:3` for `docker.io/library/alpine:3`. */
export function familiarReference(reference: Reference): string {
  const whole = formatReference(reference)
  const prefixes = [`${defaultRegistry}/library/`, `${defaultRegistry}/`]
  for (const prefix of prefixes) {
    const short = whole.slice(prefix.length)
    if (whole.startsWith(prefix) && meansTheSame(short, whole)) return short
  }
  return whole
}

/** Whether a reference's text names no registry, so that `parseReference` takes it to be Docker's: `alpine:3`, `team/app`. */
export function isShortReference(text: string): boolean {
  const slash = text.indexOf('/')
  return slash < 0 || !namesHost(text.slice(0, slash))
}

/** Whether the text is a tag: 1 to 128 letters, digits, `_`, `.` and `-`, not beginning with `.` or `-` (distribution-spec, "Pulling manifests"). */
export function isTag(text: string): boolean {
  return tagPattern.test(text)
}

/** Whether the text is a repository's path, in lower case, of at most 255 characters (distribution-spec, "Pulling manifests"). */
export function isRepository(text: string): boolean {
  return text.length <= longestName && text.split('/').every((part) => pathPattern.test(part))
}

function splitAtDigest(text: string): { rest: string; digest?: Digest } {
  const at = text.indexOf('@')
  if (at < 0) return { rest: text }
  const digest = text.slice(at + 1)
  if (!isDigest(digest)) {
    try {
      parseDigest(digest)
    } catch (cause) {
      throw new BoxError('ERR_BOX_REFERENCE_INVALID', `${JSON.stringify(text)} is not an image reference: what follows @ is not a digest`, {
        cause,
      })
    }
  }
  return { rest: text.slice(0, at), digest: parseDigest(digest) }
}

/** A colon begins a tag only after the last slash: before it, it is a port. */
function splitAtTag(text: string): { name: string; tag?: string } {
  const colon = text.lastIndexOf(':')
  if (colon < 0 || colon < text.lastIndexOf('/')) return { name: text }
  return { name: text.slice(0, colon), tag: text.slice(colon + 1) }
}

function splitName(text: string, name: string): { registry: string; repository: string } {
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const explicit = namesHost(first)
  const lower = first.toLowerCase()
  const host = namesHost(lower) ? lower : first
  const registry = explicit ? host : defaultRegistry
  const path = explicit ? name.slice(slash + 1) : name
  if (explicit && !isHost(first)) throw invalid(text, `${JSON.stringify(first)} is not a host with an optional port`)
  const official = (registry === defaultRegistry || registry === 'index.docker.io') && !path.includes('/')
  const repository = official ? `library/${path}` : path
  if (repository.length > longestName) throw invalid(text, `the repository is longer than ${longestName} characters`)
  if (!isRepository(repository)) throw invalid(text, `${JSON.stringify(path)} is not a repository's path in lower case`)
  if (!explicit && /^[0-9a-f]{64}$/.test(path)) throw invalid(text, 'a name of 64 hexadecimal digits would be mistaken for an id')
  return { registry: registry === 'index.docker.io' ? defaultRegistry : registry, repository }
}

/** Whether the first part of a name is a registry, and not the beginning of a path. */
function namesHost(first: string): boolean {
  return /[.:A-Z]/.test(first) || first === 'localhost'
}

function isHost(text: string): boolean {
  if (!hostPattern.test(text)) return false
  const port = /:(\d+)$/.exec(text.slice(text.lastIndexOf(']') + 1))?.[1]
  return port === undefined || (Number(port) > 0 && Number(port) <= 65_535)
}

function meansTheSame(short: string, whole: string): boolean {
  try {
    return formatReference(parseReference(short)) === whole
  } catch {
    return false
  }
}

function invalid(text: unknown, problem: string): BoxError {
  const shown = typeof text === 'string' ? JSON.stringify(text.slice(0, 300)) : String(text)
  return new BoxError('ERR_BOX_REFERENCE_INVALID', `${shown} is not an image reference: ${problem}`)
}
