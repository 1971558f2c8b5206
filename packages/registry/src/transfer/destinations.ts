import { BoxError, type Descriptor, type ImageSink } from '@box/core'
import { hasManifest, type RawManifest } from '../client/manifests.ts'
import { pushManifest } from '../client/referrers-tag.ts'
import type { Repository } from '../client/repository.ts'
import type { RetryPolicy } from '../http/retry.ts'
import { Progress, type Emit } from './events.ts'
import type { KeptUploads } from './kept-uploads.ts'
import type { Opened, OpenOptions, Origin } from './origin.ts'
import { documentOf, RepositoryOrigin } from './origins.ts'
import type { CopyHooks } from './hooks.ts'
import { receive } from './receive.ts'
import type { RegistryLimits } from './registry-limits.ts'
import { send } from './send.ts'

export interface TransferContext {
  readonly retry: RetryPolicy
  readonly signal: AbortSignal
  readonly emit: Emit
  readonly chunkSize: number
  readonly uploads: KeptUploads | undefined
  readonly limits: RegistryLimits
  readonly hooks: CopyHooks
}

/** What a graph copy writes to: a repository, or any image sink. */
export interface Destination {
  /** The registry that it writes to. Undefined: it is no registry. */
  readonly registry?: string | undefined
  /** A manifest that is there already, so that it need not be asked for. */
  held(descriptor: Descriptor, context: TransferContext): Promise<Uint8Array | undefined>
  blob(origin: Origin, descriptor: Descriptor, context: TransferContext): Promise<void>
  /** A manifest whose blobs are all there. */
  manifest(manifest: RawManifest, context: TransferContext): Promise<void>
  /** The last manifest, which the whole is named by. */
  root(name: string, manifest: RawManifest, context: TransferContext): Promise<void>
}

export class RepositoryDestination implements Destination {
  readonly #repository: Repository

  constructor(repository: Repository) {
    this.#repository = repository
  }

  get registry(): string {
    return this.#repository.registry
  }

  held(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  async blob(origin: Origin, descriptor: Descriptor, context: TransferContext): Promise<void> {
    const beside = origin instanceof RepositoryOrigin && this.#repository.isBeside(origin.repository)
    await send(origin, this.#repository, descriptor, { ...context, mountFrom: beside ? origin.repository : undefined })
  }

  async manifest(manifest: RawManifest, context: TransferContext): Promise<void> {
    const progress = new Progress(manifest.descriptor, context.emit)
    if (await hasManifest(this.#repository, manifest.descriptor.digest, context.signal)) {
      progress.end('present')
      return
    }
    await pushManifest(this.#repository, manifest.descriptor.digest, manifest, context.signal)
    progress.end('copied')
  }

  /** `name` is a tag or the manifest's digest. */
  async root(name: string, manifest: RawManifest, context: TransferContext): Promise<void> {
    await pushManifest(this.#repository, name, manifest, context.signal)
    new Progress(manifest.descriptor, context.emit).end('copied')
  }
}

export class SinkDestination implements Destination {
  readonly #sink: ImageSink

  constructor(sink: ImageSink) {
    this.#sink = sink
  }

  async held(descriptor: Descriptor, { signal }: TransferContext): Promise<Uint8Array | undefined> {
    const found = await this.#sink.stat(descriptor.digest, { signal })
    if (found?.size !== descriptor.size) return undefined
    try {
      return await documentOf(this.#sink, descriptor, signal)
    } catch (error) {
      // Nobody holds on to it yet: another process may have removed it since.
      if (error instanceof BoxError && error.code === 'ERR_BOX_BLOB_ABSENT') return undefined
      throw error
    }
  }

  async blob(origin: Origin, descriptor: Descriptor, context: TransferContext): Promise<void> {
    await receive(origin, this.#sink, descriptor, context)
  }

  async manifest(manifest: RawManifest, context: TransferContext): Promise<void> {
    await receive(new Bytes(manifest.bytes), this.#sink, manifest.descriptor, context)
  }

  async root(name: string, manifest: RawManifest, context: TransferContext): Promise<void> {
    await this.manifest(manifest, context)
    await this.#sink.tag(name, manifest.descriptor)
  }
}

/** Bytes that are in memory, as something to copy from. */
class Bytes implements Origin {
  readonly name: string = 'the manifest'
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  resolve(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  document(): Promise<Uint8Array> {
    return Promise.resolve(this.#bytes)
  }

  open(_descriptor: Descriptor, { start }: OpenOptions): Promise<Opened> {
    const bytes = this.#bytes
    async function* stream(): AsyncGenerator<Uint8Array, void, void> {
      yield bytes.subarray(start)
    }
    return Promise.resolve({ start, stream: stream() })
  }
}
