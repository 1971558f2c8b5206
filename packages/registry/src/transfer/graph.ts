import { abortable, BoxError, type Descriptor, type Platform } from '@box/core'
import { setMaxListeners } from 'node:events'
import { isIndexMediaType, isManifestMediaType, parseImageDocument, selectPlatform, type ImageDocument } from '@box/oci'
import { firstSchema, isFirstSchema, type RawManifest } from '../client/manifests.ts'
import { convertDocument, type ManifestFormat } from './convert.ts'
import type { Destination, TransferContext } from './destinations.ts'
import type { CopyHooks } from './hooks.ts'
import { Limit } from './limit.ts'
import type { Origin } from './origin.ts'

export interface GraphOptions {
  /** One platform of an index, or all that it holds. */
  readonly platform: Platform | 'all'
  /** How many blobs are on the way at a time. */
  readonly concurrency: number
  /** The format that manifests are written in; undefined: as they are. */
  readonly format: ManifestFormat | undefined
}

/** What the image is asked for by, and what it is named, which is asked when it is there. */
export interface TransferNames {
  readonly from: string
  readonly to: () => string
}

/** Indexes in indexes deeper than this are refused. */
const deepest = 8

/**
 * Copies what a descriptor stands for: its blobs first, then the manifests above them, the root and its name last. Each blob is moved
 * once however often it is named. When one part fails the others are stopped, and the first failure is the outcome.
 */
export async function copyGraph(
  origin: Origin,
  destination: Destination,
  names: TransferNames,
  context: TransferContext,
  options: GraphOptions,
): Promise<Descriptor> {
  const controller = new AbortController()
  // Every blob on the way listens to it, and there may be many.
  setMaxListeners(0, controller.signal)
  const stop = (): void => controller.abort(context.signal.reason)
  if (context.signal.aborted) stop()
  context.signal.addEventListener('abort', stop, { once: true })
  const walk = new Walk(origin, destination, { ...context, signal: controller.signal }, options, controller)
  try {
    return await walk.run(names)
  } finally {
    context.signal.removeEventListener('abort', stop)
  }
}

class Walk {
  readonly #origin: Origin
  readonly #destination: Destination
  readonly #context: TransferContext
  readonly #options: GraphOptions
  readonly #controller: AbortController
  readonly #limit: Limit
  readonly #moved = new Map<string, Promise<void>>()
  /** What the manifests below an index have become, by the digest that the index names them by. */
  readonly #written = new Map<string, Descriptor>()

  constructor(origin: Origin, destination: Destination, context: TransferContext, options: GraphOptions, controller: AbortController) {
    this.#origin = origin
    this.#destination = destination
    this.#context = context
    this.#options = options
    this.#controller = controller
    this.#limit = new Limit(options.concurrency)
  }

  async run(names: TransferNames): Promise<Descriptor> {
    const { signal } = this.#context
    signal.throwIfAborted()
    const found = await this.#origin.resolve(names.from, signal)
    if (found === undefined)
      throw new BoxError('ERR_BOX_NOT_FOUND', `${this.#origin.name} has no image named ${JSON.stringify(names.from)}`)
    const { descriptor, document } = await this.#select(found)
    const manifest = await this.#parts(descriptor, document, 1)
    await this.#destination.root(names.to(), manifest, this.#context)
    await this.#call('after', manifest.descriptor)
    return manifest.descriptor
  }

  /** Follows an index to the one image that suits the platform, where one was asked for. */
  async #select(found: Descriptor): Promise<{ readonly descriptor: Descriptor; readonly document: ImageDocument }> {
    let descriptor = found
    for (let depth = 0; depth < deepest; depth += 1) {
      const document = await this.#document(descriptor)
      const { platform } = this.#options
      if (platform === 'all' || document.kind === 'manifest') return { descriptor, document }
      const chosen = selectPlatform(document.value.manifests, platform)
      if (chosen === undefined)
        throw new BoxError('ERR_BOX_NOT_FOUND', `${this.#origin.name} has no image for ${platform.os}/${platform.architecture}`, {
          hint: `it has ${platformsOf(document.value.manifests)}`,
        })
      descriptor = chosen
    }
    throw tooDeep(descriptor)
  }

  async #document(descriptor: Descriptor): Promise<ImageDocument> {
    if (isFirstSchema(descriptor.mediaType)) throw firstSchema(`${this.#origin.name}@${descriptor.digest}`)
    const bytes =
      (await this.#destination.held(descriptor, this.#context)) ?? (await this.#origin.document(descriptor, this.#context.signal))
    return parseImageDocument(bytes, { expected: descriptor })
  }

  /** Moves what a document names, and gives the document as it is written: that of a manifest, which may have no word for it, before anything is moved. */
  async #parts(descriptor: Descriptor, document: ImageDocument, depth: number): Promise<RawManifest> {
    await this.#call('before', descriptor)
    if (document.kind === 'manifest') {
      const manifest = this.#convert(descriptor, document)
      const { config, layers } = document.value
      await this.#all([config, ...layers].map((blob) => this.#once(blob, () => this.#blob(blob))))
      return manifest
    }
    await this.#all(document.value.manifests.map((child) => this.#once(child, () => this.#child(child, depth))))
    return this.#convert(descriptor, document)
  }

  /** An entry of an index is a manifest or another index; anything else is moved as a blob. */
  async #child(descriptor: Descriptor, depth: number): Promise<void> {
    if (![isManifestMediaType, isIndexMediaType, isFirstSchema].some((is) => is(descriptor.mediaType))) {
      await this.#blob(descriptor)
      return
    }
    if (depth >= deepest) throw tooDeep(descriptor)
    const document = await this.#limit.run(() => this.#document(descriptor))
    const manifest = await this.#parts(descriptor, document, depth + 1)
    await this.#limit.run(() => this.#destination.manifest(manifest, this.#context))
    await this.#call('after', manifest.descriptor)
  }

  #convert(descriptor: Descriptor, document: ImageDocument): RawManifest {
    const { format } = this.#options
    if (format === undefined) return { descriptor, bytes: document.bytes }
    const manifest = convertDocument(descriptor, document, format, this.#written)
    this.#written.set(descriptor.digest, manifest.descriptor)
    return manifest
  }

  #blob(descriptor: Descriptor): Promise<void> {
    return this.#limit.run(async () => {
      const { signal, limits } = this.#context
      signal.throwIfAborted()
      await this.#call('before', descriptor)
      await limits.run([this.#origin.registry, this.#destination.registry], signal, () =>
        this.#destination.blob(this.#origin, descriptor, this.#context),
      )
      await this.#call('after', descriptor)
    })
  }

  async #call(hook: keyof CopyHooks, descriptor: Descriptor): Promise<void> {
    const { signal, hooks } = this.#context
    const called = hooks[hook]
    if (called === undefined) return
    const outcome = async (): Promise<void> => await called(descriptor, { signal })
    await abortable(outcome(), signal)
    signal.throwIfAborted()
  }

  #once(descriptor: Descriptor, move: () => Promise<void>): Promise<void> {
    const moving = this.#moved.get(descriptor.digest) ?? move()
    this.#moved.set(descriptor.digest, moving)
    return moving
  }

  /** Waits until all are done or stopped, so that nothing goes on after the outcome is known. */
  async #all(works: readonly Promise<void>[]): Promise<void> {
    for (const work of works) work.catch((reason: unknown) => this.#controller.abort(reason))
    const settled = await Promise.allSettled(works)
    if (settled.some(({ status }) => status === 'rejected')) throw this.#controller.signal.reason
  }
}

function platformsOf(manifests: readonly Descriptor[]): string {
  const names = manifests.map(({ platform }) =>
    platform === undefined ? 'one without a platform' : `${platform.os}/${platform.architecture}`,
  )
  return [...new Set(names)].slice(0, 16).join(', ') || 'none'
}

function tooDeep(descriptor: Descriptor): BoxError {
  return new BoxError('ERR_BOX_LIMIT', `the index ${descriptor.digest} is nested more than ${deepest} deep`)
}
