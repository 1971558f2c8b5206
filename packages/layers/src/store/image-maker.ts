import { BoxError, channels, type Descriptor, type ImageSink, refuseUnknownOptions } from '@box/core'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Image } from '../image.ts'
import { buildImage, checkPlatform, type NewLayer } from '../images/build.ts'
import { appendedLayer, type ImageWork, putIndex, rebaseImage, recompressImage, squashImage } from '../images/edit.ts'
import { withSource } from '../images/import.ts'
import { loadImage } from '../images/load.ts'
import { packLayer, type Packing } from '../images/pack.ts'
import { dated } from '../images/source-date.ts'
import { copyBlob, copyGraph } from '../images/transfer.ts'
import * as names from '../option-names.ts'
import type {
  CommitOptions,
  Compression,
  CreateOptions,
  ImageSettings,
  ImportOptions,
  IndexOptions,
  RebaseOptions,
  RecompressOptions,
  SquashOptions,
} from '../options.ts'
import type { LayeredRoot } from '../roots/layered-root.ts'
import type { KnownImages } from './known-images.ts'
import type { StoreParts } from './parts.ts'

/** Makes images of a store: of files, of other images, of what a root has written. */
export class ImageMaker {
  readonly #store: () => StoreParts
  readonly #sink: ImageSink
  readonly #known: KnownImages

  /** @param store the store, where it is open @param sink takes what is made into it */
  constructor(store: () => StoreParts, sink: ImageSink, known: KnownImages) {
    this.#store = store
    this.#sink = sink
    this.#known = known
  }

  async create(options: CreateOptions): Promise<Image> {
    refuseUnknownOptions('create', options, names.createOptions)
    const { from, add = {}, layers: ready = [], compression, config: given = {}, platform, tag, signal } = options
    refuseUnknownOptions('config of an image', given, names.imageSettings)
    const config = dated(given)
    const base = from === undefined ? undefined : await this.#known.need(from, platform)
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
  }

  async import(from: string | Readable, options: ImportOptions = {}): Promise<Image> {
    refuseUnknownOptions('import', options, names.importOptions)
    const { platform, signal, tag } = options
    return await withSource(
      from,
      options,
      () => this.#temporary(),
      async (source) => {
        if (source.kind === 'folder') {
          const { ids } = this.#store().privileges
          // What an ordinary user packs is its own, whatever else it can map.
          const keepsOwners = this.#store().privileges.keepsOwners && ids === undefined
          const packing: Packing = { kind: 'folder', path: source.path, options: keepsOwners ? {} : { owner: { uid: 0, gid: 0 } } }
          const layer = await this.#pack(packing, signal)
          return await this.#build(undefined, layer === undefined ? [] : [layer], {}, { platform, tag, signal })
        }
        if (source.kind === 'layer') {
          await copyBlob(source.source, this.#sink, source.layer.descriptor, { signal })
          return await this.#build(undefined, [source.layer], {}, { platform, tag, signal })
        }
        const image = await loadImage(source.source, source.descriptor, platform)
        const given = tag === undefined ? source.names : [tag]
        if (tag === undefined) for (const name of given) await this.#refuseOther(name, image)
        await copyGraph(source.source, this.#sink, image, { signal })
        for (const name of given) await this.#sink.tag(name, image)
        return await this.#known.need(image.digest)
      },
    )
  }

  async commit(root: LayeredRoot, options: CommitOptions): Promise<Image> {
    refuseUnknownOptions('commit', options, names.commitOptions)
    const { tag, signal, compression, ...given } = options
    const settings = dated(given)
    const { written, image } = root.parts()
    return await channels.commit.tracePromise(
      async () => {
        const owner = this.#store().privileges.keepsOwners ? {} : { owner: { uid: 0, gid: 0 } }
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
  }

  async squash(given: Image | string, options: SquashOptions = {}): Promise<Image> {
    refuseUnknownOptions('squash', options, names.squashOptions)
    return await this.#made(await squashImage(this.#work(options.signal), await this.#known.need(given), options), options.tag)
  }

  async rebase(given: Image | string, options: RebaseOptions): Promise<Image> {
    refuseUnknownOptions('rebase', options, names.rebaseOptions)
    const [from, onto] = [await this.#known.need(options.from), await this.#known.need(options.onto)]
    return await this.#made(await rebaseImage(this.#work(options.signal), await this.#known.need(given), from, onto), options.tag)
  }

  async recompress(given: Image | string, options: RecompressOptions): Promise<Image> {
    refuseUnknownOptions('recompress', options, names.recompressOptions)
    return await this.#made(await recompressImage(this.#work(options.signal), await this.#known.need(given), options), options.tag)
  }

  async index(images: readonly (Image | string)[], options: IndexOptions = {}): Promise<Descriptor> {
    refuseUnknownOptions('index', options, names.indexOptions)
    if (!Array.isArray(images)) throw new BoxError('ERR_BOX_INVALID_ARGUMENT', 'index: what is given is no list of images')
    const members: Image[] = []
    for (const image of images) members.push(await this.#known.need(image))
    const descriptor = await putIndex(this.#work(options.signal), members, options.annotations)
    if (options.tag !== undefined) await this.#sink.tag(options.tag, descriptor)
    return descriptor
  }

  /** A name that comes from elsewhere takes nothing away from what has it here. */
  async #refuseOther(name: string, { digest }: Image): Promise<void> {
    const present = await this.#sink.resolve(name)
    if (present === undefined || present.digest === digest) return
    throw new BoxError('ERR_BOX_STATE', `the store has another image of the name ${JSON.stringify(name)}`, {
      hint: 'say which name the import gets: the same as tag replaces that image',
    })
  }

  /** What operations on images need. */
  #work(signal: AbortSignal | undefined): ImageWork {
    return {
      sink: this.#sink,
      path: this.#store().path,
      signal,
      temporary: () => this.#temporary(),
      image: (given) => this.#known.need(given),
      hold: this.#store().hold,
    }
  }

  async #made(descriptor: Descriptor, tag: string | undefined): Promise<Image> {
    if (tag !== undefined) await this.#sink.tag(tag, descriptor)
    return await this.#known.need(descriptor.digest)
  }

  #temporary(): string {
    const { layers, session } = this.#store()
    return join(layers.staging, session.newName())
  }

  async #pack(packing: Packing, signal: AbortSignal | undefined): Promise<NewLayer | undefined> {
    return await packLayer(this.#sink, packing, this.#temporary(), signal)
  }

  async #build(
    base: Image | undefined,
    layers: readonly NewLayer[],
    settings: ImageSettings,
    { platform, tag, signal }: Pick<CreateOptions, 'platform' | 'tag' | 'signal'>,
  ): Promise<Image> {
    if (base !== undefined) await this.#store().hold(base.layers.map(({ descriptor }) => descriptor.digest))
    return await this.#made(await buildImage(this.#sink, { base, layers, settings, platform, signal }), tag)
  }
}

/** No file of a layer is younger than its image. */
function epochOf({ created }: ImageSettings): { readonly sourceDateEpoch?: number } {
  return created === undefined ? {} : { sourceDateEpoch: Math.floor(created.getTime() / 1000) }
}

function compressionOf(compression: Compression | undefined): { readonly compression?: Compression } {
  return compression === undefined ? {} : { compression }
}
