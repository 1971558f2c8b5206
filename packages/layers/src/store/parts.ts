import type { Digest } from '@box/core'
import type { ImageLayout, Locks } from '@box/oci'
import type { StoreRights } from '../privileges.ts'
import type { Session } from '../sessions.ts'
import type { Durable } from '../unpacked/durable.ts'
import type { UnpackedLayers } from '../unpacked/layers.ts'
import type { Keep } from '../unpacked/receiver.ts'
import type { Holds } from './holds.ts'
import type { ImageNames } from './names.ts'
import type { UnpackedNames } from './unpacked-names.ts'

/** What an open store consists of. */
export interface StoreParts {
  readonly path: string
  readonly keep: Keep
  readonly images: ImageLayout
  readonly names: ImageNames
  readonly unpacked: UnpackedNames
  readonly locks: Locks
  readonly layers: UnpackedLayers
  readonly folders: {
    readonly staging: string
    readonly layers: string
    readonly containers: string
    readonly sessions: string
    readonly empty: string
  }
  readonly session: Session
  readonly hold: (digests: readonly Digest[]) => Promise<void>
  readonly holds: Holds
  readonly durable: Durable
  readonly privileges: StoreRights
}
