import { native } from '@box/native'
import type { NamespaceKind } from './options.ts'
import { callNativeAsync } from './reactor.ts'

/** A namespace of this machine. */
export interface ListedNamespace {
  readonly kind: NamespaceKind
  /** Its inode number. */
  readonly id: number
  /** The id of the user namespace that it belongs to. undefined where the caller may not see that one. */
  readonly owner: number | undefined
  /** The id of the pid or user namespace above. undefined for other kinds, and where the caller may not see it. */
  readonly parent: number | undefined
  /** Of a user namespace: the effective user id of who made it, as the caller sees it. */
  readonly ownerUid: number | undefined
  /** The processes in it, by their ids, ascending. Threads that have left their process's namespace are not looked at. */
  readonly members: readonly number[]
  /** Where it is pinned in the caller's mount namespace. */
  readonly pins: readonly string[]
}

/**
 * The namespaces that the caller can see, as lsns(8) does: those that processes are in, those that are pinned in the caller's mount namespace,
 * and the user and pid namespaces that these belong to. By kind, then by id. Processes that the caller may not look into are passed over; what
 * ends meanwhile is left out. Needs /proc.
 * @throws BoxError `ERR_BOX_SYSTEM` where /proc cannot be read.
 */
export async function listNamespaces(): Promise<readonly ListedNamespace[]> {
  const entries = await callNativeAsync(() => native().listNamespaces())
  return entries.map(({ kind, id, owner, parent, ownerUid, members, pins }) => ({ kind, id, owner, parent, ownerUid, members, pins }))
}
