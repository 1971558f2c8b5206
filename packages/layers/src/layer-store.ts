import type { Descriptor, Digest, ImageSink, Platform } from '@box/core'
import type { Readable, Writable } from 'node:stream'
import type { Image, NamedImage } from './image.ts'
import type { MountedRoot, Usage } from './mounted-root.ts'
import type { ImageFiles } from './image-files.ts'
import type {
  CommitOptions,
  CreateOptions,
  ExportOptions,
  ImportOptions,
  IndexOptions,
  MountOptions,
  OpenOptions,
  PruneOptions,
  RebaseOptions,
  RecompressOptions,
  SquashOptions,
  VerifyOptions,
} from './options.ts'

import { openStore } from './store/open.ts'

/**
 * Images at rest: an OCI image layout on disk, beside it every layer unpacked once, and what the containers write.
 * Many processes can use one store at a time.
 */
export interface LayerStore extends ImageSink {
  /** The store's folder, absolute. */
  readonly path: string
  /** Makes an image from folders and files, on another image where `from` is given. */
  create(options: CreateOptions): Promise<Image>
  /**
   * Takes an image in: from an OCI layout folder, a folder that is a root file system, or a file or stream that is an OCI archive, an archive of
   * `docker save`, or the tar of a root file system; each also compressed by gzip or zstd. An archive's documents and layers stay as they are. No
   * name of an archive becomes a path.
   * @throws BoxError `ERR_BOX_NOT_FOUND`; `ERR_BOX_LAYER_INVALID` for what is no tar, `ERR_BOX_DOCUMENT_INVALID`, `ERR_BOX_BLOB_ABSENT`, `ERR_BOX_DIGEST_MISMATCH` and
   * `ERR_BOX_LIMIT` for archives that are wrong; `ERR_BOX_STATE` where a name that it brings is another image's
   */
  import(from: string | Readable, options?: ImportOptions): Promise<Image>
  /**
   * Writes an image, or all that a name stands for, to a path or a stream, which ends with it. A file or folder is there only once it is complete.
   * @throws BoxError `ERR_BOX_NOT_FOUND`; `ERR_BOX_REFERENCE_INVALID` for a name that Docker does not take
   */
  export(image: Image | string, target: string | Writable, options?: ExportOptions): Promise<void>
  /** The image of that name, or of that manifest digest. `platform` chooses where there are several; default: this machine's. */
  get(name: string, options?: { readonly platform?: Platform | undefined }): Promise<Image | undefined>
  /** All names, in their order. */
  list(): Promise<readonly NamedImage[]>
  /** Gives a name. An `Image` is its own descriptor. @throws BoxError `ERR_BOX_BLOB_ABSENT`, `ERR_BOX_DIGEST_MISMATCH` for a diffID that does not hold. */
  tag(name: string, descriptor: Descriptor): Promise<void>
  /** Takes a name away; the content goes with the next `prune()`. Says whether it was there. */
  remove(name: string): Promise<boolean>
  /** Makes a root from an image (or its name). @throws BoxError `ERR_BOX_NOT_FOUND`, `ERR_BOX_UNSUPPORTED` where no overlay can be had. */
  mount(image: Image | string, options?: MountOptions): Promise<MountedRoot>
  /** Makes an image of a root: its image's layers, and one more with what was written. The root stays as it is. */
  commit(root: MountedRoot, options?: CommitOptions): Promise<Image>
  /**
   * Makes one layer of several: of all (the image is flat then), or of a range. Files, links, owners, times and attributes stay; what the layers hide of each
   * other is gone, and what they hide of those below stays hidden. The same image gives the same result, whoever makes it.
   * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for a range that is none
   */
  squash(image: Image | string, options?: SquashOptions): Promise<Image>
  /**
   * Puts the layers that an image has above its base onto another base. Its configuration stays its own.
   * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where the layers of `from` are not its lowest, or the platforms differ
   */
  rebase(image: Image | string, options: RebaseOptions): Promise<Image>
  /** The same image with its layers compressed in another way. Its configuration and its diffIDs stay. */
  recompress(image: Image | string, options: RecompressOptions): Promise<Image>
  /**
   * Makes an index of images for several platforms.
   * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where two are for the same platform
   */
  index(images: readonly (Image | string)[], options?: IndexOptions): Promise<Descriptor>
  /** The files of an image, read from its layers' blobs: nothing is unpacked or mounted. @throws BoxError `ERR_BOX_NOT_FOUND` */
  files(image: Image | string, options?: { readonly platform?: Platform | undefined }): Promise<ImageFiles>
  /** Removes what no name leads to and nobody uses. */
  prune(options?: PruneOptions): Promise<Pruned>
  /** Reads everything and compares it with its digest. With `repair` what is damaged is removed, so that it can come again. */
  verify(options?: VerifyOptions): Promise<Verification>
  /** What the store takes on the disk. */
  usage(): Promise<StoreUsage>
  /** Ends the use of the store. @throws BoxError `ERR_BOX_STATE` while roots are mounted or layers are received. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** The way to a store. */
export const LayerStore: {
  /**
   * Opens the store in that folder, which is made where it is missing, and removes what dead processes left in it.
   * @throws BoxError `ERR_BOX_STORE_INVALID` for a folder that is something else, or was made with other privileges; `ERR_BOX_NOT_FOUND` without `create`;
   * `ERR_BOX_UNSUPPORTED` on other systems than Linux
   */
  open(path: string, options?: OpenOptions): Promise<LayerStore>
} = { open: openStore }

/** What `prune` removed, or would. */
export interface Pruned {
  readonly blobs: readonly Digest[]
  /** Blobs of which only a part had arrived. */
  readonly partials: readonly Digest[]
  /** By diffID. */
  readonly layers: readonly Digest[]
  /** Writable layers that dead processes left. */
  readonly containers: readonly string[]
  readonly bytes: number
}

/** What `verify` found. */
export interface Verification {
  readonly blobs: number
  readonly layers: number
  readonly problems: readonly Problem[]
}

export interface Problem {
  readonly kind: 'blob-damaged' | 'blob-absent' | 'layer-damaged'
  readonly digest: Digest
  readonly message: string
  /** `repair` has removed it. */
  readonly removed: boolean
}

export interface StoreUsage {
  readonly blobs: Usage
  /** Blobs of which only a part has arrived. */
  readonly partials: Usage
  /** Unpacked. */
  readonly layers: Usage
  readonly containers: Usage
  /** What each image takes, in the order of their names. */
  readonly images: readonly ImageUsage[]
}

/** What an image takes on the disk: its blobs and its unpacked layers. */
export interface ImageUsage {
  /** All names that lead to it. */
  readonly names: readonly string[]
  readonly digest: Digest
  /** Whether it is an index: what its images take is counted with it. */
  readonly isIndex: boolean
  /** What no other image with a name has: it goes when the image is removed and the store pruned. */
  readonly own: Usage
  /** What others have, too. */
  readonly shared: Usage
}
