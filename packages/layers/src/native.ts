import { fromNative, namespaceError, type UserNamespaceTarget } from '@box/core'
import { native } from '@box/native'

type Binding = ReturnType<typeof native>

/** Calls the native core; what it throws comes out as a BoxError. */
export async function nativeCall<Value>(work: (binding: Binding) => Promise<Value>, hint?: string): Promise<Value> {
  try {
    return await work(native())
  } catch (thrown) {
    throw fromNative(thrown, hint)
  }
}

/** The same for a call that makes namespaces of an ordinary user's. */
export async function nativeCallForNamespaces<Value>(work: (binding: Binding) => Promise<Value>, hint: string): Promise<Value> {
  try {
    return await work(native())
  } catch (thrown) {
    throw namespaceError(thrown, { namespaces: ['user', 'mount'] }, hint)
  }
}

/** The same for one call that works on files inside a user namespace, where there is one. */
export async function nativeCallIn<Value>(
  ids: Pick<UserNamespaceTarget, 'fd'> | undefined,
  work: (binding: Binding) => Promise<Value>,
): Promise<Value> {
  return await nativeCall((core) => (ids === undefined ? work(core) : core.within(ids.fd, () => work(core))))
}

/** The same for a function that answers at once. */
export function nativeSync<Value>(work: (binding: Binding) => Value): Value {
  try {
    return work(native())
  } catch (thrown) {
    throw fromNative(thrown)
  }
}
