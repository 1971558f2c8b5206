import { closeSync } from 'node:fs'

import { type IdMapping, namespaceError, refuseUnknownOptions, type UserNamespaceTarget } from '@box/core'
import { native } from '@box/native'
import { userNamespaceOptions } from './option-names.ts'
import { currentContext } from './plan/context.ts'
import { chooseMaps, grantedTo } from './plan/maps.ts'
import { hintOf } from './hints.ts'

/** A user namespace that no process needs to be in. It is there until it is closed, and as long as somebody uses it. */
export interface UserNamespace extends UserNamespaceTarget {
  /** Idempotent. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * The ids that this process's user can map into a user namespace beside its own: its id as 0, and from 1 on the ranges that /etc/subuid and
 * /etc/subgid grant (subuid(5), newuidmap(1)). An ordinary user's new user namespace has these maps by itself where there are any; this
 * says what they are, or why there are none.
 * @throws BoxError `ERR_BOX_PERMISSION` for a user without a range, `ERR_BOX_UNSUPPORTED` where newuidmap is missing or without privilege.
 */
export function subordinateIds(): { readonly uidMappings: readonly IdMapping[]; readonly gidMappings: readonly IdMapping[] } {
  const { uidMappings, gidMappings } = grantedTo(currentContext())
  return { uidMappings, gidMappings }
}

/**
 * Makes a user namespace (user_namespaces(7)): to mount layers with its ids, and to start processes in. Without maps it has those of a new
 * user namespace of `spawn`.
 * @throws BoxError `ERR_BOX_PERMISSION` for maps that the caller may not write, `ERR_BOX_INVALID_ARGUMENT` for maps that overlap,
 * `ERR_BOX_UNSUPPORTED` where the host forbids user namespaces.
 */
export async function createUserNamespace(
  maps: { readonly uidMappings?: readonly IdMapping[] | undefined; readonly gidMappings?: readonly IdMapping[] | undefined } = {},
): Promise<UserNamespace> {
  refuseUnknownOptions('a user namespace', maps, userNamespaceOptions)
  const { uid: uidMappings, gid: gidMappings, writer } = chooseMaps(maps, currentContext())
  let fd: number | undefined
  try {
    fd = await native().createUserNamespace([...uidMappings], [...gidMappings])
  } catch (error) {
    throw namespaceError(error, { namespaces: ['user'], mappers: typeof writer === 'object' ? writer : [] }, hintOf)
  }
  const held = fd
  const close = async (): Promise<void> => {
    if (fd === undefined) return
    fd = undefined
    closeSync(held)
  }
  return { fd: held, uidMappings, gidMappings, close, [Symbol.asyncDispose]: close }
}
