import { closeSync } from 'node:fs'

import { fromNative, type IdMapping, type UserNamespaceTarget } from '@box/core'
import { native } from '@box/native'
import { hintOf } from './hints.ts'

/** A user namespace that no process needs to be in. It is there until it is closed, and as long as somebody uses it. */
export interface UserNamespace extends UserNamespaceTarget {
  /** Idempotent. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Makes a user namespace with the given maps (user_namespaces(7)): to mount layers with its ids, and to start processes in.
 * @throws BoxError `ERR_BOX_PERMISSION` for maps that the caller may not write, `ERR_BOX_INVALID_ARGUMENT` for maps that overlap.
 */
export async function createUserNamespace(maps: {
  readonly uidMappings: readonly IdMapping[]
  readonly gidMappings: readonly IdMapping[]
}): Promise<UserNamespace> {
  const { uidMappings, gidMappings } = maps
  let fd: number | undefined
  try {
    fd = await native().createUserNamespace([...uidMappings], [...gidMappings])
  } catch (error) {
    throw fromNative(error, hintOf)
  }
  const held = fd
  const close = async (): Promise<void> => {
    if (fd === undefined) return
    fd = undefined
    closeSync(held)
  }
  return { fd: held, uidMappings, gidMappings, close, [Symbol.asyncDispose]: close }
}
