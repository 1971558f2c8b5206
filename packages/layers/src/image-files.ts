import { BoxError, type Platform } from '@box/core'
import { layout, namesOf } from '@box/oci'
import type { native } from '@box/native'
import { choose } from './archives/candidates.ts'
import type { ImageLayer } from './image.ts'
import { withLayerFiles } from './images/layer-files.ts'
import { loadImage } from './images/load.ts'
import { nativeCall } from './native.ts'
import { limitOf, type ReadRequest } from './reading.ts'
import { systemCalls } from './system-calls.ts'

/** A name in an image. */
export interface ImageEntry {
  /** Absolute, inside the image. */
  readonly path: string
  readonly type: 'file' | 'directory' | 'symlink' | 'character-device' | 'block-device' | 'fifo'
  /** Permission bits, with set-user-id, set-group-id and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Of a file, in bytes; of all else 0. */
  readonly size: number
  /** When the content was changed, to the second. */
  readonly mtime: Date
  /** Where a symbolic link points. */
  readonly target?: string
}

/**
 * The files of an image, as its layers one above the other leave them, read from the layers' own bytes: nothing is unpacked, and no privilege is needed.
 * What is in memory is one entry for each name.
 */
export interface ImageFiles {
  /** All names but that of the root, in the order of their components: a folder stands before what it holds. */
  list(): readonly ImageEntry[]
  /**
   * The content of a regular file. Links lead nowhere else than inside the image.
   * @throws BoxError `ERR_BOX_NOT_FOUND`, `ERR_BOX_INVALID_ARGUMENT` for what is no regular file, `ERR_BOX_LIMIT` beyond `maxBytes` (2 GiB)
   */
  readFile(path: string, options?: { readonly maxBytes?: number }): Promise<Buffer>
  readFile(path: string, encoding: 'utf8'): Promise<string>
}

/**
 * The files of an image in an OCI layout folder, by its name there, or the only one. The bytes are compared with their digests whenever they are read.
 * @throws BoxError `ERR_BOX_NOT_FOUND`, `ERR_BOX_BLOB_ABSENT`, `ERR_BOX_DOCUMENT_INVALID`, `ERR_BOX_DIGEST_MISMATCH`, `ERR_BOX_LAYER_INVALID`
 */
export async function layoutFiles(
  path: string,
  options: { readonly tag?: string | undefined; readonly platform?: Platform | undefined } = {},
): Promise<ImageFiles> {
  return await systemCalls(async () => {
    const images = layout(path)
    const entries = (await images.index()).manifests.map((entry) => ({ names: namesOf(entry), value: entry }))
    const { value } = choose(path, entries, options.tag)
    const { annotations: _, ...descriptor } = value
    const { layers } = await loadImage(images, descriptor, options.platform)
    for (const { descriptor: layer } of layers)
      if ((await images.stat(layer.digest))?.size !== layer.size)
        throw new BoxError('ERR_BOX_BLOB_ABSENT', `${layer.digest} is not in ${path}`, { path })
    return await readImageFiles(images.path, layers, true)
  })
}

/** The same for layers whose blobs are in a layout folder. `verify`: their digests are checked. */
export async function readImageFiles(path: string, layers: readonly ImageLayer[], verify = false): Promise<ImageFiles> {
  const tree = await withLayerFiles(path, layers, (files) => nativeCall((core) => core.readImageFiles(files)), verify)
  return new BlobFiles(path, layers, tree, verify)
}

type Tree = Awaited<ReturnType<ReturnType<typeof native>['readImageFiles']>>

class BlobFiles implements ImageFiles {
  readonly #path: string
  readonly #layers: readonly ImageLayer[]
  readonly #tree: Tree
  readonly #verify: boolean

  constructor(path: string, layers: readonly ImageLayer[], tree: Tree, verify: boolean) {
    this.#path = path
    this.#layers = layers
    this.#tree = tree
    this.#verify = verify
  }

  list(): readonly ImageEntry[] {
    return this.#tree.list().map(({ path, mtime, target, ...entry }) => ({
      path: `/${path}`,
      ...entry,
      mtime: new Date(mtime * 1000),
      ...(target === undefined || target === null ? {} : { target }),
    }))
  }

  readFile(path: string, options?: { readonly maxBytes?: number }): Promise<Buffer>
  readFile(path: string, encoding: 'utf8'): Promise<string>
  async readFile(path: string, given: ReadRequest = {}): Promise<Buffer | string> {
    const limit = limitOf(given)
    if (typeof path !== 'string') throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'readFile: what is given is no path')
    const content = await systemCalls(() =>
      withLayerFiles(this.#path, this.#layers, (files) => nativeCall(() => this.#tree.read(files, path, limit)), this.#verify),
    )
    return typeof given === 'string' ? content.toString(given) : content
  }
}
