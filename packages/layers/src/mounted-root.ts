import type { Root } from '@box/core'
import type { Image } from './image.ts'

/** One difference between a root and its image, seen in the writable layer alone. */
export interface Change {
  readonly kind: 'added' | 'modified' | 'removed'
  /** Absolute, inside the root. */
  readonly path: string
}

/** What a root has written so far. */
export interface Usage {
  /** Of disk or memory. */
  readonly bytes: number
  readonly inodes: number
}

/**
 * An image's file tree, to read and, copy on write, to change. The mount is attached nowhere: it is there for as long as `fd` is open.
 * Every path is resolved inside the root (openat2(2), RESOLVE_IN_ROOT): links of the image lead nowhere else.
 */
export interface MountedRoot extends Root {
  readonly image: Image
  /**
   * How it was made: by overlayfs, of a copy whose files share their blocks with the layers (`reflink`), or of one that takes as much again. In a copy
   * the names of one file stay names of one file when it is written to; an overlay makes files of their own of them.
   */
  readonly kind: 'overlay' | 'reflink' | 'copy'
  readonly readOnly: boolean
  /** Where writes go; `none` for a read-only root. */
  readonly upperKind: 'none' | 'disk' | 'tmpfs'
  /**
   * The bytes of a regular file.
   * @throws BoxError `ERR_BOX_NOT_FOUND`, `ERR_BOX_INVALID_ARGUMENT` where it is no regular file, `ERR_BOX_LIMIT` beyond `maxBytes` (2 GiB)
   */
  readFile(path: string, options?: { readonly maxBytes?: number }): Promise<Buffer>
  readFile(path: string, encoding: 'utf8'): Promise<string>
  /** Writes a regular file, new or in place of its old content. `mode` is of new files: 0o644 by default. */
  writeFile(path: string, content: string | Uint8Array, options?: { readonly mode?: number }): Promise<void>
  /** Makes a folder, and those above it that are missing. `mode`: 0o755 by default. What is there already is left as it is. */
  mkdir(path: string, options?: { readonly mode?: number }): Promise<void>
  /** The names in a folder. */
  readdir(path: string): Promise<string[]>
  readlink(path: string): Promise<string>
  symlink(target: string, path: string): Promise<void>
  /** Removes a file, or a folder with all that is in it. Nothing happens where nothing is there. */
  remove(path: string): Promise<void>
  /** What was changed, in the order of the paths. @throws BoxError `ERR_BOX_STATE` for a root that is closed. */
  changes(): AsyncIterable<Change>
  /** What was written. */
  usage(): Promise<Usage>
  /** Gives the mount back and throws away what was written. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
