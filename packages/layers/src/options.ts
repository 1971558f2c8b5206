import type { Platform, Size, UserNamespaceTarget } from '@box/core'
import type { Readable } from 'node:stream'
import type { Image } from './image.ts'

export interface OpenOptions {
  /** Makes the folder where it is missing. Default: true. */
  readonly create?: boolean | undefined
  /**
   * What survives a power cut. `pull` (the default): blobs and names at once, unpacked layers soon after their image is complete (before that
   * they are unpacked again). `full`: all at once. `none`: nothing is promised but to processes that end.
   */
  readonly durability?: 'full' | 'pull' | 'none' | undefined
  /**
   * What stays of the layers that this opening receives. `all` (the default): their bytes, from which an image is pushed, exported and read, and their files.
   * `unpacked`: their files only, which is less on the disk; what needs the bytes then fails with `ERR_BOX_BLOB_ABSENT`. Layers that mean something only above
   * others keep their bytes. An image with a layer that is kept unpacked only is not in index.json, which describes what is complete.
   */
  readonly keep?: 'all' | 'unpacked' | undefined
}

/** What a command in the image is started with (image-spec, config.md). What is left out stays as in the image that it is made from. */
export interface ImageSettings {
  readonly entrypoint?: readonly string[] | undefined
  readonly cmd?: readonly string[] | undefined
  /** Variables by name; they are added to those of the image that it is made from. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Labels by name; they are added to those of the image that it is made from. */
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly workingDir?: string | undefined
  /** `user`, `uid`, `user:group`, `uid:gid` … as config.md has it. */
  readonly user?: string | undefined
  readonly exposedPorts?: readonly string[] | undefined
  readonly volumes?: readonly string[] | undefined
  readonly stopSignal?: string | undefined
  readonly author?: string | undefined
  /** For the image's history: how the layer was made. Default: `box`. */
  readonly createdBy?: string | undefined
  /** For the image's history. */
  readonly comment?: string | undefined
  /**
   * When the image was made; no file of a layer that is made with it is younger. Default: what SOURCE_DATE_EPOCH of the environment says, in seconds; without it
   * the beginning of 1970, and files keep their times. The same content gives the same digest.
   */
  readonly created?: Date | undefined
}

/** Where a layer's content comes from: a folder or file of the caller's. Links in it are kept as links, never followed. */
export type LayerContent = string

/** How layers are compressed. */
export type Compression = 'gzip' | 'zstd' | 'none'

/** A layer that is there already: a tar (a file's path or a stream, compressed or not), or one of another image, counted from 0, the lowest. */
export type LayerSource = { readonly tar: string | Readable } | { readonly image: Image | string; readonly layer: number }

export interface CreateOptions {
  /** The image (or its name) whose layers come first. Default: none. */
  readonly from?: Image | string | undefined
  /**
   * Folders and files by the absolute path that they have in the image. Each becomes a layer, in this order, and belongs to id 0. Folders
   * above it that `from` does not have are made, of mode 0o755. Default: no layer of its own.
   */
  readonly add?: Readonly<Record<string, LayerContent>> | undefined
  /** Layers that come after those of `add`, as they are. Default: none. */
  readonly layers?: readonly LayerSource[] | undefined
  /** Of the layers that `add` makes. Default: `gzip`. */
  readonly compression?: Compression | undefined
  readonly config?: ImageSettings | undefined
  /** Default: the platform of `from`, else this machine's. */
  readonly platform?: Platform | undefined
  /** A name to give the image. */
  readonly tag?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface CommitOptions extends ImageSettings {
  /** Of the new layer. Default: `gzip`. */
  readonly compression?: Compression | undefined
  readonly tag?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface SquashOptions {
  /** The first layer that is merged, counted from 0, the lowest. Default: 0. */
  readonly from?: number | undefined
  /** The layer after the last that is merged. Default: the number of layers. */
  readonly to?: number | undefined
  /** Of the layer that comes of it. Default: `gzip`. */
  readonly compression?: Compression | undefined
  /** When the image was made; no file of the layer is younger. Default: as it was, and files keep their times. */
  readonly created?: Date | undefined
  readonly tag?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface RebaseOptions {
  /** The image (or its name) that it stands on: its lowest layers are this one's. */
  readonly from: Image | string
  /** The image (or its name) that it is to stand on. */
  readonly onto: Image | string
  readonly tag?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface RecompressOptions {
  readonly compression: Compression
  /** Of the compressor. Default: 6 for gzip (0 to 9), 3 for zstd (1 to 22). */
  readonly level?: number | undefined
  readonly tag?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface IndexOptions {
  /** A name to give the index. */
  readonly tag?: string | undefined
  readonly annotations?: Readonly<Record<string, string>> | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ImportOptions {
  /** What a file or stream is. Default: what it holds says it; a tar that is none of the others is a root file system. */
  readonly format?: 'oci-archive' | 'docker-archive' | 'tar' | undefined
  /**
   * Which of several images to take, and the name to give what was imported. Default: the names that it has where it comes from, if it has some; an
   * image of the store keeps its name.
   */
  readonly tag?: string | undefined
  /** Which platform to take where there are several. Default: this machine's. */
  readonly platform?: Platform | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ExportOptions {
  /**
   * `layout`: an OCI image layout, a folder; what is there stays. `oci-archive`: the same as one tar. `docker-archive`: what `docker save` writes and
   * `docker load` reads, layers uncompressed. `folder`: the files, in a folder that is not there yet. `tar`: the files, as one tar.
   * Default: `layout`, and for a stream `oci-archive`.
   */
  readonly format?: 'layout' | 'oci-archive' | 'docker-archive' | 'folder' | 'tar' | undefined
  /** Of a name that stands for several platforms only this one. Default: all, or, where the format has room for one, this machine's. */
  readonly platform?: Platform | undefined
  /** The name that the image has there. Default: none; for a name of the store, that name. */
  readonly tag?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface MountOptions {
  /**
   * How the root is made. `overlay`: by overlayfs, or not at all. `copy`: of a copy of the image's files, which share their blocks with the layers where the
   * store's file system can (FICLONE in ioctl_ficlonerange(2): XFS, Btrfs); where not even a bind mount may be made, the root's `fd` is the folder itself.
   * Default: `overlay`, and where overlayfs is not there (or `BOX_DENY` of the environment names `overlay`), is refused, or does not take so many layers, `copy`. `kind` of the root says which it became.
   */
  readonly kind?: 'overlay' | 'copy' | undefined
  /** Nothing can be written. Default: false. */
  readonly readOnly?: boolean | undefined
  /**
   * As root: the user namespace in which the root is used. Its id 0 is the owner of what belongs to id 0 in the image. Default: none, owners
   * are as the image has them. As an ordinary user it cannot be chosen: the root has one of its own, in which the caller is id 0 and all files are the
   * caller's.
   */
  readonly userNamespace?: UserNamespaceTarget | undefined
  /**
   * Where writes go: beside the store, or to memory up to a size (as an ordinary user from kernel 6.6). Default: `disk`, and where the file system of the store cannot hold an
   * overlay's upper folder, memory up to half of what the machine has. `upperKind` of the root says which it became.
   */
  readonly upper?: 'disk' | { readonly tmpfs: Size } | undefined
  /** The platform where the name stands for several. Default: this machine's. */
  readonly platform?: Platform | undefined
}

export interface VerifyOptions {
  /**
   * Removes what is damaged: the next pull receives those blobs again, and the next mount unpacks those layers again. A layer that a session holds on to
   * stays. Default: false.
   */
  readonly repair?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

export interface PruneOptions {
  /** Only says what would be removed. Default: false. */
  readonly dryRun?: boolean | undefined
}
