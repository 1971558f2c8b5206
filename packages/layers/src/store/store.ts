import { BoxError, type ByteRange, type Descriptor, type Digest, type Ingest, type Platform, refuseUnknownOptions } from '@box/core'
import { layerCompression, parseDigest } from '@box/oci'
import { closeSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import type { Image, NamedImage } from '../image.ts'
import { type ImageFiles, readImageFiles } from '../image-files.ts'
import { exportImage, nameOf } from '../images/export.ts'
import { pullAgain } from '../images/layer-files.ts'
import type { LayerStore, Pruned, StoreUsage, Verification } from '../layer-store.ts'
import type { MountedRoot } from '../mounted-root.ts'
import * as names from '../option-names.ts'
import type {
  CommitOptions,
  CreateOptions,
  ExportOptions,
  ImportOptions,
  IndexOptions,
  MountOptions,
  PruneOptions,
  RebaseOptions,
  RecompressOptions,
  SquashOptions,
  VerifyOptions,
} from '../options.ts'
import { systemCalls } from '../system-calls.ts'
import type { UnpackedLayers } from '../unpacked/layers.ts'
import { unpackOptions } from '../unpacked/staging.ts'
import { ImageMaker } from './image-maker.ts'
import { KnownImages } from './known-images.ts'
import { Mounts } from './mounts.ts'
import type { StoreParts } from './parts.ts'
import { pruneStore } from './prune.ts'
import { usageOf } from './usage.ts'
import { verifyStore } from './verify.ts'

/** An image layout with its layers unpacked beside it. */
export class Store implements LayerStore {
  readonly path: string
  readonly #parts: StoreParts
  readonly #known: KnownImages
  readonly #maker: ImageMaker
  readonly #mounts = new Mounts()
  readonly #files = new WeakMap<Image, Promise<ImageFiles>>()
  #closing: Promise<void> | undefined

  constructor(parts: StoreParts) {
    this.path = parts.path
    this.#parts = parts
    this.#known = new KnownImages(() => this.#open())
    this.#maker = new ImageMaker(() => this.#open(), this, this.#known)
  }

  async stat(digest: Digest, options: { readonly signal?: AbortSignal } = {}): Promise<{ readonly size: number } | undefined> {
    return await this.#open().images.stat(digest, options)
  }

  read(
    digest: Digest,
    options: { readonly range?: ByteRange; readonly signal?: AbortSignal; readonly verify?: boolean } = {},
  ): AsyncIterable<Uint8Array> {
    const { images, layers } = this.#open()
    return withHint(images.read(digest, options), digest, layers)
  }

  async ingest(descriptor: Descriptor, options: { readonly signal?: AbortSignal } = {}): Promise<Ingest> {
    return await systemCalls(async () => {
      const { images, layers, keep, hold } = this.#open()
      options.signal?.throwIfAborted()
      await hold([parseDigest(descriptor.digest)])
      if (keep === 'unpacked' && layerCompression(descriptor.mediaType) !== undefined) {
        const unpacked = await layers.unpackedFrom(descriptor.digest)
        if (unpacked !== undefined) {
          await hold([unpacked.record.diffID])
          if (!unpacked.record.dependsOnParent) return { state: 'present' }
        }
      }
      const answer = await images.ingest(descriptor, options)
      if (answer.state === 'present' && layerCompression(descriptor.mediaType) !== undefined) await layers.unpackStored(descriptor, options)
      return answer
    })
  }

  async resolve(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<Descriptor | undefined> {
    return await this.#open().names.resolve(name, options)
  }

  async tag(name: string, given: Descriptor): Promise<void> {
    await systemCalls(async () => {
      if (typeof given !== 'object' || given === null)
        throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `tag: ${String(given)} is no descriptor`)
      const { mediaType, digest, size, annotations, platform, artifactType } = given
      const { names: known, holds, durable } = this.#open()
      const descriptor: Descriptor = {
        mediaType,
        digest,
        size,
        ...(annotations === undefined ? {} : { annotations }),
        ...(platform === undefined ? {} : { platform }),
        ...(artifactType === undefined ? {} : { artifactType }),
      }
      await holds.settle(await known.give(name, descriptor))
      durable.imageComplete()
    })
  }

  async get(name: string, { platform }: { readonly platform?: Platform | undefined } = {}): Promise<Image | undefined> {
    return await systemCalls(() => this.#known.find(name, platform))
  }

  async list(): Promise<readonly NamedImage[]> {
    return await systemCalls(() => this.#open().names.list())
  }

  async remove(name: string): Promise<boolean> {
    return await systemCalls(() => this.#open().names.remove(name))
  }

  async create(options: CreateOptions): Promise<Image> {
    return await systemCalls(() => this.#maker.create(options))
  }

  async import(from: string | Readable, options: ImportOptions = {}): Promise<Image> {
    return await systemCalls(() => this.#maker.import(from, options))
  }

  async export(image: Image | string, target: string | Writable, options: ExportOptions = {}): Promise<void> {
    await systemCalls(async () => {
      refuseUnknownOptions('export', options, names.exportOptions)
      const { images, layers, privileges } = this.#open()
      const name = nameOf(image)
      const descriptor =
        name === undefined || options.platform !== undefined ? await this.#known.need(image, options.platform) : await this.resolve(name)
      if (descriptor === undefined) throw new BoxError('ERR_BOX_NOT_FOUND', `the store has no image ${JSON.stringify(image)}`)
      const context = {
        images,
        layers,
        descriptor,
        name,
        unpack: unpackOptions(privileges.ids === undefined ? privileges : { ...privileges, keepsOwners: false }),
        image: () => this.#known.need(image, options.platform),
      }
      await exportImage(context, target, options)
    })
  }

  async mount(given: Image | string, options: MountOptions = {}): Promise<MountedRoot> {
    return await systemCalls(async () => {
      refuseUnknownOptions('mount', options, names.mountOptions)
      return await this.#mounts.mount(this.#open(), await this.#known.need(given, options.platform), options)
    })
  }

  async commit(root: MountedRoot, options: CommitOptions = {}): Promise<Image> {
    return await systemCalls(() => this.#maker.commit(this.#mounts.own(root), options))
  }

  async squash(image: Image | string, options: SquashOptions = {}): Promise<Image> {
    return await systemCalls(() => this.#maker.squash(image, options))
  }

  async rebase(image: Image | string, options: RebaseOptions): Promise<Image> {
    return await systemCalls(() => this.#maker.rebase(image, options))
  }

  async recompress(image: Image | string, options: RecompressOptions): Promise<Image> {
    return await systemCalls(() => this.#maker.recompress(image, options))
  }

  async index(images: readonly (Image | string)[], options: IndexOptions = {}): Promise<Descriptor> {
    return await systemCalls(() => this.#maker.index(images, options))
  }

  async files(given: Image | string, { platform }: { readonly platform?: Platform | undefined } = {}): Promise<ImageFiles> {
    return await systemCalls(async () => {
      const image = await this.#known.need(given, platform)
      const files = this.#files.get(image) ?? readImageFiles(this.path, image.layers)
      this.#files.set(image, files)
      try {
        return await files
      } catch (error) {
        this.#files.delete(image)
        throw error
      }
    })
  }

  async prune(options: PruneOptions = {}): Promise<Pruned> {
    return await systemCalls(async () => {
      refuseUnknownOptions('prune', options, names.pruneOptions)
      return await pruneStore(this.#open(), options.dryRun ?? false)
    })
  }

  async verify(options: VerifyOptions = {}): Promise<Verification> {
    return await systemCalls(async () => {
      refuseUnknownOptions('verify', options, names.verifyOptions)
      return await verifyStore(this.#open(), options)
    })
  }

  async usage(): Promise<StoreUsage> {
    return await systemCalls(async () => {
      return await usageOf(this.#open())
    })
  }

  async close(): Promise<void> {
    await systemCalls(async () => {
      if (this.#mounts.size > 0)
        throw new BoxError('ERR_BOX_STATE', `${this.#mounts.size} roots of the store are still mounted: close them first`)
      const { unpacking } = this.#parts.layers
      if (unpacking > 0)
        throw new BoxError('ERR_BOX_STATE', `${unpacking} layers are still being received: commit or abort their writers first`)
      this.#closing ??= this.#close()
      await this.#closing
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    try {
      await this.#parts.durable.settle()
    } finally {
      await this.#parts.session.end()
      const { ids } = this.#parts.privileges
      if (ids !== undefined) closeSync(ids.fd)
    }
  }

  #open(): StoreParts {
    if (this.#closing !== undefined) throw new BoxError('ERR_BOX_STATE', 'the store is closed')
    return this.#parts
  }
}

/** Who needs bytes that were not kept learns how to get them. */
async function* withHint(bytes: AsyncIterable<Uint8Array>, digest: Digest, layers: UnpackedLayers): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* bytes
  } catch (error) {
    if (!(error instanceof BoxError) || error.code !== 'ERR_BOX_BLOB_ABSENT' || (await layers.diffIDOf(digest)) === undefined) throw error
    throw new BoxError('ERR_BOX_BLOB_ABSENT', `only the unpacked files of the layer ${digest} were kept`, { hint: pullAgain, cause: error })
  }
}
