import type { Descriptor, Digest, Platform } from '@box/core'
import type { ImageConfig, Manifest } from '@box/oci'

/** One image for one platform, as it is in a store. Immutable: another tag, config or layer is another image. It can be used as its own descriptor. */
export interface Image extends Descriptor {
  /** The digest of the manifest, by which the image is known. */
  readonly digest: Digest
  readonly manifest: Manifest
  /** The manifest's bytes as they were received. */
  readonly bytes: Uint8Array
  readonly config: ImageConfig
  /** The configuration's bytes as they were received. */
  readonly configBytes: Uint8Array
  /** The platform that the configuration names. */
  readonly platform: Platform
  /** From the lowest up. */
  readonly layers: readonly ImageLayer[]
}

/** One layer of an image. */
export interface ImageLayer {
  /** The digest of the layer's tar, uncompressed: what it is unpacked under. */
  readonly diffID: Digest
  /** The blob that holds it, as the manifest describes it. */
  readonly descriptor: Descriptor
}

/** A name in a store, and what it stands for. */
export interface NamedImage {
  readonly name: string
  /** The manifest, or an index of several platforms. */
  readonly descriptor: Descriptor
}
