import { BoxError } from '@box/core'

/** What proves who is asking. */
export type Credentials =
  | { readonly username: string; readonly password: string }
  /** A refresh token of a token service (OAuth2), as `docker login` keeps it. */
  | { readonly identityToken: string }
  /** A token that the registry itself takes as it is. */
  | { readonly registryToken: string }

/**
 * Finds the credentials for a registry (`docker.io`, `localhost:5000`) and a repository in it, or undefined for none. A client asks once for all its calls that need
 * the same, and so gives no signal of any of them.
 */
export type CredentialProvider = (
  registry: string,
  options: { readonly repository?: string | undefined; readonly signal?: AbortSignal | undefined },
) => Promise<Credentials | undefined>

/** Credentials by registry, a function that finds them, or several of these, of which the first that has an answer counts. */
export type Auth = Readonly<Record<string, Credentials>> | CredentialProvider | readonly CredentialProvider[]

/** Makes one provider of what the option `auth` takes. Without it every registry is asked as anonymous. */
export function providerOf(auth: Auth | undefined): CredentialProvider {
  if (auth === undefined) return () => Promise.resolve(undefined)
  if (typeof auth === 'function') return auth
  if (isList(auth)) return async (registry, options) => await firstOf(auth, registry, options)
  const known = new Map(Object.entries(auth))
  return (registry) => Promise.resolve(known.get(registry))
}

function isList(auth: Readonly<Record<string, Credentials>> | readonly CredentialProvider[]): auth is readonly CredentialProvider[] {
  return Array.isArray(auth)
}

async function firstOf(
  providers: readonly CredentialProvider[],
  registry: string,
  options: Parameters<CredentialProvider>[1],
): Promise<Credentials | undefined> {
  for (const provider of providers) {
    const found = await provider(registry, options)
    if (found !== undefined) return found
  }
  return undefined
}

/** The value of an `Authorization` header for Basic (RFC 7617). @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for what it cannot hold. */
export function basic(username: string, password: string): string {
  if (username.includes(':') || /\p{Cc}/u.test(username + password))
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'a user name has no colon, and neither it nor a password has control characters')
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`
}
