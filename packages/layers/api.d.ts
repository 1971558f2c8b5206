// The public surface of @box/layers. Written by: node scripts/api.mjs --write

// index.d.ts
export { type ImageEntry, type ImageFiles, layoutFiles } from './image-files.ts';
export type * from './image.ts';
export * from './layer-store.ts';
export type * from './mounted-root.ts';
export type * from './options.ts';

// image-files.d.ts
import { type Platform } from '@box/core';
import type { ImageLayer } from './image.ts';
/** A name in an image. */
export interface ImageEntry {
    /** Absolute, inside the image. */
    readonly path: string;
    readonly type: 'file' | 'directory' | 'symlink' | 'character-device' | 'block-device' | 'fifo';
    /** Permission bits, with set-user-id, set-group-id and sticky. */
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
    /** Of a file, in bytes; of all else 0. */
    readonly size: number;
    /** When the content was changed, to the second. */
    readonly mtime: Date;
    /** Where a symbolic link points. */
    readonly target?: string;
}
/**
 * The files of an image, as its layers one above the other leave them, read from the layers' own bytes: nothing is unpacked, and no privilege is needed.
 * What is in memory is one entry for each name.
 */
export interface ImageFiles {
    /** All names but that of the root, in the order of their components: a folder stands before what it holds. */
    list(): readonly ImageEntry[];
    /**
     * The content of a regular file. Links lead nowhere else than inside the image.
     * @throws BoxError `ERR_BOX_NOT_FOUND`, `ERR_BOX_INVALID_ARGUMENT` for what is no regular file, `ERR_BOX_LIMIT` beyond `maxBytes` (2 GiB)
     */
    readFile(path: string, options?: {
        readonly maxBytes?: number;
    }): Promise<Buffer>;
    readFile(path: string, encoding: 'utf8'): Promise<string>;
}
/**
 * The files of an image in an OCI layout folder, by its name there, or the only one. The bytes are compared with their digests whenever they are read.
 * @throws BoxError `ERR_BOX_NOT_FOUND`, `ERR_BOX_BLOB_ABSENT`, `ERR_BOX_DOCUMENT_INVALID`, `ERR_BOX_DIGEST_MISMATCH`, `ERR_BOX_LAYER_INVALID`
 */
export declare function layoutFiles(path: string, options?: {
    readonly tag?: string | undefined;
    readonly platform?: Platform | undefined;
}): Promise<ImageFiles>;
/** The same for layers whose blobs are in a layout folder. `verify`: their digests are checked. */
export declare function readImageFiles(path: string, layers: readonly ImageLayer[], verify?: boolean): Promise<ImageFiles>;

// image.d.ts
import type { Descriptor, Digest, Platform } from '@box/core';
import type { ImageConfig, Manifest } from '@box/oci';
/** One image for one platform, as it is in a store. Immutable: another tag, config or layer is another image. It can be used as its own descriptor. */
export interface Image extends Descriptor {
    /** The digest of the manifest, by which the image is known. */
    readonly digest: Digest;
    readonly manifest: Manifest;
    /** The manifest's bytes as they were received. */
    readonly bytes: Uint8Array;
    readonly config: ImageConfig;
    /** The configuration's bytes as they were received. */
    readonly configBytes: Uint8Array;
    /** The platform that the configuration names. */
    readonly platform: Platform;
    /** From the lowest up. */
    readonly layers: readonly ImageLayer[];
}
/** One layer of an image. */
export interface ImageLayer {
    /** The digest of the layer's tar, uncompressed: what it is unpacked under. */
    readonly diffID: Digest;
    /** The blob that holds it, as the manifest describes it. */
    readonly descriptor: Descriptor;
}
/** A name in a store, and what it stands for. */
export interface NamedImage {
    readonly name: string;
    /** The manifest, or an index of several platforms. */
    readonly descriptor: Descriptor;
}

// layer-store.d.ts
import type { Descriptor, Digest, ImageSink, Platform } from '@box/core';
import type { Readable, Writable } from 'node:stream';
import type { Image, NamedImage } from './image.ts';
import type { MountedRoot, Usage } from './mounted-root.ts';
import type { ImageFiles } from './image-files.ts';
import type { CommitOptions, CreateOptions, ExportOptions, ImportOptions, IndexOptions, MountOptions, OpenOptions, PruneOptions, RebaseOptions, RecompressOptions, SquashOptions, VerifyOptions } from './options.ts';
/**
 * Images at rest: an OCI image layout on disk, beside it every layer unpacked once, and what the containers write.
 * Many processes can use one store at a time.
 */
export interface LayerStore extends ImageSink {
    /** The store's folder, absolute. */
    readonly path: string;
    /** Makes an image from folders and files, on another image where `from` is given. */
    create(options: CreateOptions): Promise<Image>;
    /**
     * Takes an image in: from an OCI layout folder, a folder that is a root file system, or a file or stream that is an OCI archive, an archive of
     * `docker save`, or the tar of a root file system; each also compressed by gzip or zstd. An archive's documents and layers stay as they are. No
     * name of an archive becomes a path.
     * @throws BoxError `ERR_BOX_NOT_FOUND`; `ERR_BOX_LAYER_INVALID` for what is no tar, `ERR_BOX_DOCUMENT_INVALID`, `ERR_BOX_BLOB_ABSENT`, `ERR_BOX_DIGEST_MISMATCH` and
     * `ERR_BOX_LIMIT` for archives that are wrong; `ERR_BOX_STATE` where a name that it brings is another image's
     */
    import(from: string | Readable, options?: ImportOptions): Promise<Image>;
    /**
     * Writes an image, or all that a name stands for, to a path or a stream, which ends with it. A file or folder is there only once it is complete.
     * @throws BoxError `ERR_BOX_NOT_FOUND`; `ERR_BOX_REFERENCE_INVALID` for a name that Docker does not take
     */
    export(image: Image | string, target: string | Writable, options?: ExportOptions): Promise<void>;
    /** The image of that name, or of that manifest digest. `platform` chooses where there are several; default: this machine's. */
    get(name: string, options?: {
        readonly platform?: Platform | undefined;
    }): Promise<Image | undefined>;
    /** All names, in their order. */
    list(): Promise<readonly NamedImage[]>;
    /** Gives a name. An `Image` is its own descriptor. @throws BoxError `ERR_BOX_BLOB_ABSENT`, `ERR_BOX_DIGEST_MISMATCH` for a diffID that does not hold. */
    tag(name: string, descriptor: Descriptor): Promise<void>;
    /** Takes a name away; the content goes with the next `prune()`. Says whether it was there. */
    remove(name: string): Promise<boolean>;
    /** Makes a root from an image (or its name). @throws BoxError `ERR_BOX_NOT_FOUND`, `ERR_BOX_UNSUPPORTED` where no overlay can be had. */
    mount(image: Image | string, options?: MountOptions): Promise<MountedRoot>;
    /** Makes an image of a root: its image's layers, and one more with what was written. The root stays as it is. */
    commit(root: MountedRoot, options?: CommitOptions): Promise<Image>;
    /**
     * Makes one layer of several: of all (the image is flat then), or of a range. Files, links, owners, times and attributes stay; what the layers hide of each
     * other is gone, and what they hide of those below stays hidden. The same image gives the same result, whoever makes it.
     * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for a range that is none
     */
    squash(image: Image | string, options?: SquashOptions): Promise<Image>;
    /**
     * Puts the layers that an image has above its base onto another base. Its configuration stays its own.
     * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where the layers of `from` are not its lowest, or the platforms differ
     */
    rebase(image: Image | string, options: RebaseOptions): Promise<Image>;
    /** The same image with its layers compressed in another way. Its configuration and its diffIDs stay. */
    recompress(image: Image | string, options: RecompressOptions): Promise<Image>;
    /**
     * Makes an index of images for several platforms.
     * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where two are for the same platform
     */
    index(images: readonly (Image | string)[], options?: IndexOptions): Promise<Descriptor>;
    /** The files of an image, read from its layers' blobs: nothing is unpacked or mounted. @throws BoxError `ERR_BOX_NOT_FOUND` */
    files(image: Image | string, options?: {
        readonly platform?: Platform | undefined;
    }): Promise<ImageFiles>;
    /** Removes what no name leads to and nobody uses. */
    prune(options?: PruneOptions): Promise<Pruned>;
    /** Reads everything and compares it with its digest. With `repair` what is damaged is removed, so that it can come again. */
    verify(options?: VerifyOptions): Promise<Verification>;
    /** What the store takes on the disk. */
    usage(): Promise<StoreUsage>;
    /** Ends the use of the store. @throws BoxError `ERR_BOX_STATE` while roots are mounted or layers are received. */
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
/** The way to a store. */
export declare const LayerStore: {
    /**
     * Opens the store in that folder, which is made where it is missing, and removes what dead processes left in it.
     * @throws BoxError `ERR_BOX_STORE_INVALID` for a folder that is something else, or was made with other privileges; `ERR_BOX_NOT_FOUND` without `create`;
     * `ERR_BOX_UNSUPPORTED` on other systems than Linux
     */
    open(path: string, options?: OpenOptions): Promise<LayerStore>;
};
/** What `prune` removed, or would. */
export interface Pruned {
    readonly blobs: readonly Digest[];
    /** Blobs of which only a part had arrived. */
    readonly partials: readonly Digest[];
    /** By diffID. */
    readonly layers: readonly Digest[];
    /** Writable layers that dead processes left. */
    readonly containers: readonly string[];
    readonly bytes: number;
}
/** What `verify` found. */
export interface Verification {
    readonly blobs: number;
    readonly layers: number;
    readonly problems: readonly Problem[];
}
export interface Problem {
    readonly kind: 'blob-damaged' | 'blob-absent' | 'layer-damaged';
    readonly digest: Digest;
    readonly message: string;
    /** `repair` has removed it. */
    readonly removed: boolean;
}
export interface StoreUsage {
    readonly blobs: Usage;
    /** Blobs of which only a part has arrived. */
    readonly partials: Usage;
    /** Unpacked. */
    readonly layers: Usage;
    readonly containers: Usage;
    /** What each image takes, in the order of their names. */
    readonly images: readonly ImageUsage[];
}
/** What an image takes on the disk: its blobs and its unpacked layers. */
export interface ImageUsage {
    /** All names that lead to it. */
    readonly names: readonly string[];
    readonly digest: Digest;
    /** Whether it is an index: what its images take is counted with it. */
    readonly isIndex: boolean;
    /** What no other image with a name has: it goes when the image is removed and the store pruned. */
    readonly own: Usage;
    /** What others have, too. */
    readonly shared: Usage;
}

// mounted-root.d.ts
import type { Root } from '@box/core';
import type { Image } from './image.ts';
/** One difference between a root and its image, seen in the writable layer alone. */
export interface Change {
    readonly kind: 'added' | 'modified' | 'removed';
    /** Absolute, inside the root. */
    readonly path: string;
}
/** What a root has written so far. */
export interface Usage {
    /** Of disk or memory. */
    readonly bytes: number;
    readonly inodes: number;
}
/**
 * An image's file tree, to read and, copy on write, to change. The mount is attached nowhere: it is there for as long as `fd` is open.
 * Every path is resolved inside the root (openat2(2), RESOLVE_IN_ROOT): links of the image lead nowhere else.
 */
export interface MountedRoot extends Root {
    readonly image: Image;
    /**
     * How it was made: by overlayfs, of a copy whose files share their blocks with the layers (`reflink`), or of one that takes as much again. In a copy
     * the names of one file stay names of one file when it is written to; an overlay makes files of their own of them.
     */
    readonly kind: 'overlay' | 'reflink' | 'copy';
    readonly readOnly: boolean;
    /** Where writes go; `none` for a read-only root. */
    readonly upperKind: 'none' | 'disk' | 'tmpfs';
    /**
     * The bytes of a regular file.
     * @throws BoxError `ERR_BOX_NOT_FOUND`, `ERR_BOX_INVALID_ARGUMENT` where it is no regular file, `ERR_BOX_LIMIT` beyond `maxBytes` (2 GiB)
     */
    readFile(path: string, options?: {
        readonly maxBytes?: number;
    }): Promise<Buffer>;
    readFile(path: string, encoding: 'utf8'): Promise<string>;
    /** Writes a regular file, new or in place of its old content. `mode` is of new files: 0o644 by default. */
    writeFile(path: string, content: string | Uint8Array, options?: {
        readonly mode?: number;
    }): Promise<void>;
    /** Makes a folder, and those above it that are missing. `mode`: 0o755 by default. What is there already is left as it is. */
    mkdir(path: string, options?: {
        readonly mode?: number;
    }): Promise<void>;
    /** The names in a folder. */
    readdir(path: string): Promise<string[]>;
    readlink(path: string): Promise<string>;
    symlink(target: string, path: string): Promise<void>;
    /** Removes a file, or a folder with all that is in it. Nothing happens where nothing is there. */
    remove(path: string): Promise<void>;
    /** What was changed, in the order of the paths. @throws BoxError `ERR_BOX_STATE` for a root that is closed. */
    changes(): AsyncIterable<Change>;
    /** What was written. */
    usage(): Promise<Usage>;
    /** Gives the mount back and throws away what was written. */
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

// options.d.ts
import type { Platform, Size, UserNamespaceTarget } from '@box/core';
import type { Readable } from 'node:stream';
import type { Image } from './image.ts';
export interface OpenOptions {
    /** Makes the folder where it is missing. Default: true. */
    readonly create?: boolean | undefined;
    /**
     * What survives a power cut. `pull` (the default): blobs and names at once, unpacked layers soon after their image is complete (before that
     * they are unpacked again). `full`: all at once. `none`: nothing is promised but to processes that end.
     */
    readonly durability?: 'full' | 'pull' | 'none' | undefined;
    /**
     * What stays of the layers that this opening receives. `all` (the default): their bytes, from which an image is pushed, exported and read, and their files.
     * `unpacked`: their files only, which is less on the disk; what needs the bytes then fails with `ERR_BOX_BLOB_ABSENT`. Layers that mean something only above
     * others keep their bytes. An image with a layer that is kept unpacked only is not in index.json, which describes what is complete.
     */
    readonly keep?: 'all' | 'unpacked' | undefined;
}
/** What a command in the image is started with (image-spec, config.md). What is left out stays as in the image that it is made from. */
export interface ImageSettings {
    readonly entrypoint?: readonly string[] | undefined;
    readonly cmd?: readonly string[] | undefined;
    /** Variables by name; they are added to those of the image that it is made from. */
    readonly env?: Readonly<Record<string, string>> | undefined;
    /** Labels by name; they are added to those of the image that it is made from. */
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly workingDir?: string | undefined;
    /** `user`, `uid`, `user:group`, `uid:gid` … as config.md has it. */
    readonly user?: string | undefined;
    readonly exposedPorts?: readonly string[] | undefined;
    readonly volumes?: readonly string[] | undefined;
    readonly stopSignal?: string | undefined;
    readonly author?: string | undefined;
    /** For the image's history: how the layer was made. Default: `box`. */
    readonly createdBy?: string | undefined;
    /** For the image's history. */
    readonly comment?: string | undefined;
    /**
     * When the image was made; no file of a layer that is made with it is younger. Default: what SOURCE_DATE_EPOCH of the environment says, in seconds; without it
     * the beginning of 1970, and files keep their times. The same content gives the same digest.
     */
    readonly created?: Date | undefined;
}
/** Where a layer's content comes from: a folder or file of the caller's. Links in it are kept as links, never followed. */
export type LayerContent = string;
/** How layers are compressed. */
export type Compression = 'gzip' | 'zstd' | 'none';
/** A layer that is there already: a tar (a file's path or a stream, compressed or not), or one of another image, counted from 0, the lowest. */
export type LayerSource = {
    readonly tar: string | Readable;
} | {
    readonly image: Image | string;
    readonly layer: number;
};
export interface CreateOptions {
    /** The image (or its name) whose layers come first. Default: none. */
    readonly from?: Image | string | undefined;
    /**
     * Folders and files by the absolute path that they have in the image. Each becomes a layer, in this order, and belongs to id 0. Folders
     * above it that `from` does not have are made, of mode 0o755. Default: no layer of its own.
     */
    readonly add?: Readonly<Record<string, LayerContent>> | undefined;
    /** Layers that come after those of `add`, as they are. Default: none. */
    readonly layers?: readonly LayerSource[] | undefined;
    /** Of the layers that `add` makes. Default: `gzip`. */
    readonly compression?: Compression | undefined;
    readonly config?: ImageSettings | undefined;
    /** Default: the platform of `from`, else this machine's. */
    readonly platform?: Platform | undefined;
    /** A name to give the image. */
    readonly tag?: string | undefined;
    readonly signal?: AbortSignal | undefined;
}
export interface CommitOptions extends ImageSettings {
    /** Of the new layer. Default: `gzip`. */
    readonly compression?: Compression | undefined;
    readonly tag?: string | undefined;
    readonly signal?: AbortSignal | undefined;
}
export interface SquashOptions {
    /** The first layer that is merged, counted from 0, the lowest. Default: 0. */
    readonly from?: number | undefined;
    /** The layer after the last that is merged. Default: the number of layers. */
    readonly to?: number | undefined;
    /** Of the layer that comes of it. Default: `gzip`. */
    readonly compression?: Compression | undefined;
    /** When the image was made; no file of the layer is younger. Default: as it was, and files keep their times. */
    readonly created?: Date | undefined;
    readonly tag?: string | undefined;
    readonly signal?: AbortSignal | undefined;
}
export interface RebaseOptions {
    /** The image (or its name) that it stands on: its lowest layers are this one's. */
    readonly from: Image | string;
    /** The image (or its name) that it is to stand on. */
    readonly onto: Image | string;
    readonly tag?: string | undefined;
    readonly signal?: AbortSignal | undefined;
}
export interface RecompressOptions {
    readonly compression: Compression;
    /** Of the compressor. Default: 6 for gzip (0 to 9), 3 for zstd (1 to 22). */
    readonly level?: number | undefined;
    readonly tag?: string | undefined;
    readonly signal?: AbortSignal | undefined;
}
export interface IndexOptions {
    /** A name to give the index. */
    readonly tag?: string | undefined;
    readonly annotations?: Readonly<Record<string, string>> | undefined;
    readonly signal?: AbortSignal | undefined;
}
export interface ImportOptions {
    /** What a file or stream is. Default: what it holds says it; a tar that is none of the others is a root file system. */
    readonly format?: 'oci-archive' | 'docker-archive' | 'tar' | undefined;
    /**
     * Which of several images to take, and the name to give what was imported. Default: the names that it has where it comes from, if it has some; an
     * image of the store keeps its name.
     */
    readonly tag?: string | undefined;
    /** Which platform to take where there are several. Default: this machine's. */
    readonly platform?: Platform | undefined;
    readonly signal?: AbortSignal | undefined;
}
export interface ExportOptions {
    /**
     * `layout`: an OCI image layout, a folder; what is there stays. `oci-archive`: the same as one tar. `docker-archive`: what `docker save` writes and
     * `docker load` reads, layers uncompressed. `folder`: the files, in a folder that is not there yet. `tar`: the files, as one tar.
     * Default: `layout`, and for a stream `oci-archive`.
     */
    readonly format?: 'layout' | 'oci-archive' | 'docker-archive' | 'folder' | 'tar' | undefined;
    /** Of a name that stands for several platforms only this one. Default: all, or, where the format has room for one, this machine's. */
    readonly platform?: Platform | undefined;
    /** The name that the image has there. Default: none; for a name of the store, that name. */
    readonly tag?: string | undefined;
    readonly signal?: AbortSignal | undefined;
}
export interface MountOptions {
    /**
     * How the root is made. `overlay`: by overlayfs, or not at all. `copy`: of a copy of the image's files, which share their blocks with the layers where the
     * store's file system can (FICLONE in ioctl_ficlonerange(2): XFS, Btrfs); where not even a bind mount may be made, the root's `fd` is the folder itself.
     * Default: `overlay`, and where overlayfs is not there (or `BOX_DENY` of the environment names `overlay`), is refused, or does not take so many layers, `copy`. `kind` of the root says which it became.
     */
    readonly kind?: 'overlay' | 'copy' | undefined;
    /** Nothing can be written. Default: false. */
    readonly readOnly?: boolean | undefined;
    /**
     * As root: the user namespace in which the root is used. Its id 0 is the owner of what belongs to id 0 in the image. Default: none, owners
     * are as the image has them. As an ordinary user it cannot be chosen: the root has one of its own, in which the caller is id 0 and all files are the
     * caller's.
     */
    readonly userNamespace?: UserNamespaceTarget | undefined;
    /**
     * Where writes go: beside the store, or to memory up to a size (as an ordinary user from kernel 6.6). Default: `disk`, and where the file system of the store cannot hold an
     * overlay's upper folder, memory up to half of what the machine has. `upperKind` of the root says which it became.
     */
    readonly upper?: 'disk' | {
        readonly tmpfs: Size;
    } | undefined;
    /** The platform where the name stands for several. Default: this machine's. */
    readonly platform?: Platform | undefined;
}
export interface VerifyOptions {
    /**
     * Removes what is damaged: the next pull receives those blobs again, and the next mount unpacks those layers again. A layer that a session holds on to
     * stays. Default: false.
     */
    readonly repair?: boolean | undefined;
    readonly signal?: AbortSignal | undefined;
}
export interface PruneOptions {
    /** Only says what would be removed. Default: false. */
    readonly dryRun?: boolean | undefined;
}
