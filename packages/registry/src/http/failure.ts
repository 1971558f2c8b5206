import { BoxError, type ErrorCode } from '@box/core'
import type { Reply } from '../egress/reply.ts'
import { RegistryError, type RegistryErrorEntry } from '../errors.ts'
import { retryAfterOf } from './retry.ts'

/** The most that is read of an error's body, in bytes. */
const bodyLimit = 1024 * 1024

/** Makes the error for an answer that the caller has no use for, and lets go of the answer. `what` begins the message: `pull of x`. */
export async function failureOf(reply: Reply, what: string): Promise<RegistryError> {
  const errors = await entriesOf(reply)
  const details = errors.map(({ code, message }) => (message === '' ? code : `${code}: ${message}`)).join('; ')
  const code = codeOf(reply.status)
  return new RegistryError(code, `${what}: ${reply.registry} answered ${reply.status}${details === '' ? '' : ` ${details}`}`, {
    registry: reply.registry,
    status: reply.status,
    errors,
    retryAfter: retryAfterOf(reply.header('retry-after')),
    hint: hints[code],
  })
}

const hints: Partial<Record<ErrorCode, string>> = {
  ERR_BOX_REGISTRY_UNAUTHORIZED: 'the option `auth` gives credentials; what does not exist is often refused in the same way',
  ERR_BOX_REGISTRY_BUSY: 'the registry asks to be called less often; with credentials the limit is often higher',
}

function codeOf(status: number): ErrorCode {
  if (status === 401 || status === 403) return 'ERR_BOX_REGISTRY_UNAUTHORIZED'
  if (status === 404) return 'ERR_BOX_NOT_FOUND'
  if (status === 429) return 'ERR_BOX_REGISTRY_BUSY'
  return 'ERR_BOX_REGISTRY'
}

async function entriesOf(reply: Reply): Promise<RegistryErrorEntry[]> {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(await reply.bytes(bodyLimit)).toString('utf8'))
    if (typeof parsed !== 'object' || parsed === null || !('errors' in parsed) || !Array.isArray(parsed.errors)) return []
    return parsed.errors.slice(0, 8).map((entry: unknown) => ({ code: textOf(entry, 'code', 64), message: textOf(entry, 'message', 200) }))
  } catch {
    // An error's body explains; that it is no JSON, too long or cut off changes nothing about the error.
    return []
  }
}

function textOf(entry: unknown, key: 'code' | 'message', limit: number): string {
  if (typeof entry !== 'object' || entry === null) return ''
  const value: unknown = Object.entries(entry).find(([name]) => name === key)?.[1]
  return typeof value === 'string' ? harmless(value).slice(0, limit) : ''
}

/** Text of the registry without control characters and without anything that looks like a credential echoed back. */
export function harmless(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .replaceAll(/\b(bearer|basic)\s+[\w.~+/=-]+/gi, '$1 [removed]')
    .replaceAll(/\beyJ[\w-]+(?:\.[\w-]+){1,2}/g, '[removed]')
}

/** What a broken or impossible connection is told as. A BoxError, and the reason of an aborted signal, are given back as they are. */
export function connectionFailure(thrown: unknown, registry: string, url: URL, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return signal.reason
  if (thrown instanceof BoxError) return thrown
  const cause = fieldOf(thrown, 'cause')
  if (cause instanceof BoxError) return cause
  const code = fieldOf(thrown, 'code')
  const reason = typeof code === 'string' && code !== '' ? code : 'the connection broke'
  return new RegistryError('ERR_BOX_REGISTRY_UNREACHABLE', `${registry}: no answer from ${url.origin}: ${reason}`, {
    registry,
    hint: hintOf(reason, url),
    cause: thrown,
  })
}

function hintOf(reason: string, url: URL): string | undefined {
  if (/CERT|SELF_SIGNED|ISSUER|VERIFY/.test(reason)) return 'the option `certs` names the authorities to trust for this registry'
  if (/SSL|EPROTO/.test(reason) && url.protocol === 'https:')
    return 'where the registry speaks plain HTTP, name it in the option `insecure`'
  return undefined
}

function fieldOf(value: unknown, key: 'code' | 'cause'): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return key in value ? Object.getOwnPropertyDescriptor(value, key)?.value : undefined
}
