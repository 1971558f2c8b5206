import {
  BoxError,
  type ByteRange,
  channels,
  type Descriptor,
  type Digest,
  type Ingest,
  type Platform,
  refuseUnknownOptions,
} from '@box/core'
import { type ImageLayout, isDigest, layerCompression, type Locks, parseDigest, parseImageDocument, readBlob } from '@box/oci'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { closeSync } from 'node:fs'
import type { Image, NamedImage } from '../image.ts'
import { type ImageFiles, readImageFiles } from '../image-files.ts'
import { buildImage, checkPlatform, type NewLayer } from '../images/build.ts'
import { chainIDs } from '../images/chain.ts'
import { appendedLayer, type ImageWork, putIndex, rebaseImage, recompressImage, squashImage } from '../images/edit.ts'
import { exportImage, nameOf } from '../images/export.ts'
import { withSource } from '../images/import.ts'
import { loadImage } from '../images/load.ts'
import { pullAgain } from '../images/layer-files.ts'
import { dated } from '../images/source-date.ts'
import { packLayer, type Packing } from '../images/pack.ts'
import { copyBlob, copyGraph } from '../images/transfer.ts'
import type { LayerStore, Pruned, StoreUsage, Verification } from '../layer-store.ts'
import type { MountedRoot } from '../mounted-root.ts'
import * as names from '../option-names.ts'
import type {
  CommitOptions,
  Compression,
  CreateOptions,
  ExportOptions,
  ImageSettings,
  ImportOptions,
  IndexOptions,
  MountOptions,
  PruneOptions,
  RebaseOptions,
  RecompressOptions,
  SquashOptions,
  VerifyOptions,
} from '../options.ts'

import type { StoreRights } from '../privileges.ts'
import { mountRoot } from '../roots/mount.ts'
import { LayeredRoot } from '../roots/layered-root.ts'
import type { Session } from '../sessions.ts'
import type { Durable } from '../unpacked/durable.ts'
import type { LowerLayer, UnpackedLayers } from '../unpacked/layers.ts'
import { unpackOptions } from '../unpacked/staging.ts'
import type { Keep } from '../unpacked/receiver.ts'
import type { Holds } from './holds.ts'
import { lowersOf } from './lowers.ts'
import type { ImageNames } from './names.ts'
import { pruneStore } from './prune.ts'
import { waitForPruner } from './pruning.ts'
import type { UnpackedNames } from './unpacked-names.ts'
import { usageOf } from './usage.ts'
import { verifyStore } from './verify.ts'
import { systemCalls } from '../system-calls.ts'

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

/** An image layout with its layers unpacked beside it. */
export class Store implements LayerStore {
  readonly path: string
  readonly #parts: StoreParts
  readonly #roots = new Set<LayeredRoot>()
  /** Images do not change: those of late are not read again. */
  readonly #images = new Map<Digest, Image>()
  readonly #lowers = new WeakMap<Image, readonly LowerLayer[]>()
  readonly #files = new WeakMap<Image, Promise<ImageFiles>>()
  #closing: Promise<void> | undefined

  constructor(parts: StoreParts) {
    this.path = parts.path
    this.#parts = parts
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

  async tag(name: string, { mediaType, digest, size, annotations, platform, artifactType }: Descriptor): Promise<void> {
    await systemCalls(async () => {
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
    return await systemCalls(async () => {
      const { images } = this.#open()
      const remembered = isDigest(name) ? this.#images.get(name) : undefined
      if (remembered !== undefined && (await images.stat(remembered.digest)) !== undefined) return remembered
      const descriptor = isDigest(name) ? await this.#describe(name) : await this.resolve(name)
      if (descriptor === undefined) return undefined
      const known = this.#images.get(descriptor.digest)
      if (known !== undefined) return known
      const image = await loadImage(images, descriptor, platform)
      this.#remember(image)
      return image
    })
  }

  async list(): Promise<readonly NamedImage[]> {
    return await systemCalls(() => this.#open().names.list())
  }

  async remove(name: string): Promise<boolean> {
    return await systemCalls(() => this.#open().names.remove(name))
  }

  async create(options: CreateOptions): Promise<Image> {
    return await systemCalls(async () => {
      refuseUnknownOptions('create', options, names.createOptions)
      const { from, add = {}, layers: ready = [], compression, config: given = {}, platform, tag, signal } = options
      refuseUnknownOptions('config of an image', given, names.imageSettings)
      const config = dated(given)
      const base = from === undefined ? undefined : await this.#image(from, platform)
      checkPlatform(base, platform)
      const layers: NewLayer[] = []
      for (const [target, path] of Object.entries(add)) {
        if (!target.startsWith('/') || target.includes('\0'))
          throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `add: ${JSON.stringify(target)} is not an absolute path`)
        const packing: Packing = {
          kind: 'folder',
          path,
          options: {
            prefix: target,
            withoutParents: base !== undefined,
            owner: { uid: 0, gid: 0 },
            ...epochOf(config),
            ...compressionOf(compression),
          },
        }
        const layer = await this.#pack(packing, signal)
        if (layer !== undefined) layers.push(layer)
      }
      for (const source of ready) layers.push(await appendedLayer(this.#work(signal), source))
      return await this.#build(base, layers, config, { platform, tag, signal })
    })
  }

  async import(from: string | Readable, options: ImportOptions = {}): Promise<Image> {
    return await systemCalls(async () => {
      refuseUnknownOptions('import', options, names.importOptions)
      const { platform, signal, tag } = options
      return await withSource(
        from,
        options,
        () => this.#temporary(),
        async (source) => {
          if (source.kind === 'folder') {
            const { ids } = this.#open().privileges
            // What an ordinary user packs is its own, whatever else it can map.
            const keepsOwners = this.#open().privileges.keepsOwners && ids === undefined
            const packing: Packing = { kind: 'folder', path: source.path, options: keepsOwners ? {} : { owner: { uid: 0, gid: 0 } } }
            const layer = await this.#pack(packing, signal)
            return await this.#build(undefined, layer === undefined ? [] : [layer], {}, { platform, tag, signal })
          }
          if (source.kind === 'layer') {
            await copyBlob(source.source, this, source.layer.descriptor, { signal })
            return await this.#build(undefined, [source.layer], {}, { platform, tag, signal })
          }
          const image = await loadImage(source.source, source.descriptor, platform)
          const given = tag === undefined ? source.names : [tag]
          if (tag === undefined) for (const name of given) await this.#refuseOther(name, image)
          await copyGraph(source.source, this, image, { signal })
          for (const name of given) await this.tag(name, image)
          return await this.#image(image.digest)
        },
      )
    })
  }

  async export(image: Image | string, target: string | Writable, options: ExportOptions = {}): Promise<void> {
    await systemCalls(async () => {
      refuseUnknownOptions('export', options, names.exportOptions)
      const { images, layers, privileges } = this.#open()
      const name = nameOf(image)
      const descriptor =
        name === undefined || options.platform !== undefined ? await this.#image(image, options.platform) : await this.resolve(name)
      if (descriptor === undefined) throw new BoxError('ERR_BOX_NOT_FOUND', `the store has no image ${JSON.stringify(image)}`)
      const context = {
        images,
        layers,
        descriptor,
        name,
        unpack: unpackOptions(privileges.ids === undefined ? privileges : { ...privileges, keepsOwners: false }),
        image: () => this.#image(image, options.platform),
      }
      await exportImage(context, target, options)
    })
  }

  async mount(given: Image | string, options: MountOptions = {}): Promise<MountedRoot> {
    return await systemCalls(async () => {
      refuseUnknownOptions('mount', options, names.mountOptions)
      const { privileges, folders, session, layers } = this.#open()
      const image = await this.#image(given, options.platform)
      return await channels.mount.tracePromise(
        async () => {
          const diffIDs = image.layers.map(({ diffID }) => diffID)
          const content = [image.digest, image.manifest.config.digest, ...image.layers.map(({ descriptor }) => descriptor.digest)]
          const lease = await session.lease([...new Set([...content, ...diffIDs, ...chainIDs(diffIDs)])])
          await this.#waitForPrune()
          const closed = async (): Promise<void> => {
            this.#roots.delete(root)
            await lease.release()
          }
          const context = { privileges, empty: folders.empty, containers: folders.containers, newName: () => session.newName() }
          const make = (lowers: readonly LowerLayer[]): Promise<LayeredRoot> => mountRoot(context, image, lowers, options, closed)
          const root = await this.#withLowers(layers, image, make).catch(async (error: unknown) => {
            await lease.release()
            throw error
          })
          this.#roots.add(root)
          return root
        },
        { image: image.digest },
      )
    })
  }

  async commit(root: MountedRoot, options: CommitOptions = {}): Promise<Image> {
    return await systemCalls(async () => {
      refuseUnknownOptions('commit', options, names.commitOptions)
      const { tag, signal, compression, ...given } = options
      const settings = dated(given)
      if (!(root instanceof LayeredRoot) || !this.#roots.has(root))
        throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'the root was not mounted by this store, or is closed')
      const { written, image } = root.parts()
      return await channels.commit.tracePromise(
        async () => {
          const owner = this.#open().privileges.keepsOwners ? {} : { owner: { uid: 0, gid: 0 } }
          const layer =
            written === undefined
              ? undefined
              : await this.#pack(
                  { kind: 'written', written, options: { ...owner, ...epochOf(settings), ...compressionOf(compression) } },
                  signal,
                )
          return await this.#build(image, layer === undefined ? [] : [layer], settings, { tag, signal })
        },
        { image: image.digest },
      )
    })
  }

  async squash(given: Image | string, options: SquashOptions = {}): Promise<Image> {
    return await systemCalls(async () => {
      refuseUnknownOptions('squash', options, names.squashOptions)
      return await this.#made(await squashImage(this.#work(options.signal), await this.#image(given), options), options.tag)
    })
  }

  async rebase(given: Image | string, options: RebaseOptions): Promise<Image> {
    return await systemCalls(async () => {
      refuseUnknownOptions('rebase', options, names.rebaseOptions)
      const [from, onto] = [await this.#image(options.from), await this.#image(options.onto)]
      return await this.#made(await rebaseImage(this.#work(options.signal), await this.#image(given), from, onto), options.tag)
    })
  }

  async recompress(given: Image | string, options: RecompressOptions): Promise<Image> {
    return await systemCalls(async () => {
      refuseUnknownOptions('recompress', options, names.recompressOptions)
      return await this.#made(await recompressImage(this.#work(options.signal), await this.#image(given), options), options.tag)
    })
  }

  async index(images: readonly (Image | string)[], options: IndexOptions = {}): Promise<Descriptor> {
    return await systemCalls(async () => {
      refuseUnknownOptions('index', options, names.indexOptions)
      const members: Image[] = []
      for (const image of images) members.push(await this.#image(image))
      const descriptor = await putIndex(this.#work(options.signal), members, options.annotations)
      if (options.tag !== undefined) await this.tag(options.tag, descriptor)
      return descriptor
    })
  }

  async files(given: Image | string, { platform }: { readonly platform?: Platform | undefined } = {}): Promise<ImageFiles> {
    return await systemCalls(async () => {
      const image = await this.#image(given, platform)
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
      if (this.#roots.size > 0)
        throw new BoxError('ERR_BOX_STATE', `${this.#roots.size} roots of the store are still mounted: close them first`)
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

  async #image(given: Image | string, platform?: Platform): Promise<Image> {
    const image = await this.get(typeof given === 'string' ? given : given.digest, { platform })
    if (image === undefined)
      throw new BoxError('ERR_BOX_NOT_FOUND', `the store has no image ${JSON.stringify(typeof given === 'string' ? given : given.digest)}`)
    return image
  }

  /** A name that comes from elsewhere takes nothing away from what has it here. */
  async #refuseOther(name: string, { digest }: Image): Promise<void> {
    const present = await this.resolve(name)
    if (present === undefined || present.digest === digest) return
    throw new BoxError('ERR_BOX_STATE', `the store has another image of the name ${JSON.stringify(name)}`, {
      hint: 'say which name the import gets: the same as tag replaces that image',
    })
  }

  /** What operations on images need. */
  #work(signal: AbortSignal | undefined): ImageWork {
    return {
      sink: this,
      path: this.path,
      signal,
      temporary: () => this.#temporary(),
      image: (given) => this.#image(given),
      hold: this.#open().hold,
    }
  }

  async #made(descriptor: Descriptor, tag: string | undefined): Promise<Image> {
    if (tag !== undefined) await this.tag(tag, descriptor)
    return await this.#image(descriptor.digest)
  }

  #temporary(): string {
    const { layers, session } = this.#open()
    return join(layers.staging, session.newName())
  }

  #remember(image: Image): void {
    this.#images.delete(image.digest)
    this.#images.set(image.digest, image)
    for (const oldest of this.#images.keys()) {
      if (this.#images.size <= rememberedImages) break
      this.#images.delete(oldest)
    }
  }

  async #describe(digest: Digest): Promise<Descriptor | undefined> {
    const { images } = this.#open()
    const found = await images.stat(digest)
    if (found === undefined) return undefined
    const bytes = await readBlob(images, { mediaType: '', digest, size: found.size })
    return { ...parseImageDocument(bytes).descriptor, digest }
  }

  async #pack(packing: Packing, signal: AbortSignal | undefined): Promise<NewLayer | undefined> {
    return await packLayer(this, packing, this.#temporary(), signal)
  }

  async #build(
    base: Image | undefined,
    layers: readonly NewLayer[],
    settings: ImageSettings,
    { platform, tag, signal }: Pick<CreateOptions, 'platform' | 'tag' | 'signal'>,
  ): Promise<Image> {
    if (base !== undefined) await this.#open().hold(base.layers.map(({ descriptor }) => descriptor.digest))
    return await this.#made(await buildImage(this, { base, layers, settings, platform, signal }), tag)
  }

  /** What was found before is there as long as nobody pruned it, which the mount finds out. */
  async #withLowers<Value>(layers: UnpackedLayers, image: Image, use: (lowers: readonly LowerLayer[]) => Promise<Value>): Promise<Value> {
    const known = this.#lowers.get(image)
    if (known !== undefined)
      try {
        return await use(known)
      } catch (error) {
        this.#lowers.delete(image)
        if (!(error instanceof BoxError) || error.code !== 'ERR_BOX_NOT_FOUND') throw error
      }
    const found = await lowersOf(layers, image)
    this.#lowers.set(image, found)
    return await use(found)
  }

  async #waitForPrune(): Promise<void> {
    const { locks, folders } = this.#open()
    await waitForPruner(folders.sessions, locks)
  }
}

/** How many images a store keeps in memory. */
const rememberedImages = 32

/** No file of a layer is younger than its image. */
function epochOf({ created }: ImageSettings): { readonly sourceDateEpoch?: number } {
  return created === undefined ? {} : { sourceDateEpoch: Math.floor(created.getTime() / 1000) }
}

function compressionOf(compression: Compression | undefined): { readonly compression?: Compression } {
  return compression === undefined ? {} : { compression }
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
