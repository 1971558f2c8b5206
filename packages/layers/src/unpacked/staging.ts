import type { UserNamespaceTarget } from '@box/core'
import type { native } from '@box/native'
import type { Privileges } from '../privileges.ts'

/** What the native core answers when a layer is unpacked. */
export type UnpackedTar = Awaited<ReturnType<ReturnType<typeof native>['unpackFile']>>

/** How the native core is to unpack. */
export type UnpackOptions = Pick<Parameters<ReturnType<typeof native>['unpackFile']>[1], 'ids' | 'opaque' | 'devices'>

/** A layer that is being unpacked, and not visible yet. */
export interface StagedTree {
  /** The folder that becomes the layer's. */
  readonly path: string
  /** The folder in it that receives the files. */
  readonly tree: string
  readonly options: UnpackOptions
  /** The user namespace whose ids the owners are. */
  readonly ids: UserNamespaceTarget | undefined
}

/** Without the right to give files away all is the caller's own, which a user namespace with one id shows as root's. */
export function unpackOptions({ keepsOwners, makesDevices, isHostRoot }: Privileges): UnpackOptions {
  return { ids: keepsOwners ? 'keep' : 'squash', opaque: isHostRoot ? 'both' : 'user', devices: makesDevices ? 'make' : 'skip' }
}
