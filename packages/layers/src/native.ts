import { fromNative } from '@box/core'
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

/** The same for a function that answers at once. */
export function nativeSync<Value>(work: (binding: Binding) => Value): Value {
  try {
    return work(native())
  } catch (thrown) {
    throw fromNative(thrown)
  }
}
