import { BoxError, type Descriptor, type Digest, type ImageSource } from '@box/core'
import { isDigest, type ImageDocument } from '@box/oci'
import { openBlob, openForeign } from '../client/blobs.ts'
import { getManifest, manifestLimit, type RawManifest } from '../client/manifests.ts'
import type { Repository } from '../client/repository.ts'
import type { Opened, OpenOptions, Origin } from './origin.ts'

/** What is asked before an image of a registry is used. It refuses by throwing. */
export type Policy = (
  image: { readonly reference: string; readonly descriptor: Descriptor },
  options: { readonly registry: PolicyRegistry; readonly signal?: AbortSignal | undefined },
) => void | Promise<void>

/** What a policy reads with: the client that asks it, which does not ask it about that. */
export interface PolicyRegistry {
  /** @throws BoxError `ERR_BOX_NOT_FOUND`; as for `Registry.manifest`. */
  manifest(reference: string, options?: { readonly signal?: AbortSignal }): Promise<ImageDocument>
  blob(reference: string, digest: Digest, options?: { readonly signal?: AbortSignal }): AsyncIterable<Uint8Array>
}

/** A policy that knows its client. */
export type BoundPolicy = (image: Parameters<Policy>[0], options: { readonly signal?: AbortSignal | undefined }) => void | Promise<void>

/** A repository to copy from. The manifests that were resolved are kept, so that no request is made twice. */
export class RepositoryOrigin implements Origin {
  readonly repository: Repository
  readonly #policy: BoundPolicy | undefined
  readonly #foreign: boolean
  readonly #known = new Map<string, RawManifest>()

  /** @param foreign Whether layers that the repository does not have are read from the addresses that their descriptors name. */
  constructor(repository: Repository, policy: BoundPolicy | undefined, foreign: boolean = false) {
    this.repository = repository
    this.#foreign = foreign
    this.#policy = policy
  }

  get name(): string {
    return this.repository.name
  }

  get registry(): string {
    return this.repository.registry
  }

  async resolve(name: string, signal: AbortSignal): Promise<Descriptor | undefined> {
    const manifest = await getManifest(this.repository, name, signal)
    if (manifest === undefined) return undefined
    const { descriptor } = manifest
    await this.#policy?.({ reference: `${this.name}${isDigest(name) ? '@' : ':'}${name}`, descriptor }, { signal })
    this.#known.set(descriptor.digest, manifest)
    return descriptor
  }

  async document(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array> {
    const manifest = this.#known.get(descriptor.digest) ?? (await getManifest(this.repository, descriptor.digest, signal))
    if (manifest === undefined) throw new BoxError('ERR_BOX_BLOB_ABSENT', `${this.name} does not have the manifest ${descriptor.digest}`)
    return manifest.bytes
  }

  async open(descriptor: Descriptor, options: OpenOptions): Promise<Opened> {
    try {
      return await openBlob(this.repository, descriptor, options)
    } catch (thrown) {
      const elsewhere = this.#foreign && (descriptor.urls ?? []).length > 0
      if (!elsewhere || !(thrown instanceof BoxError) || thrown.code !== 'ERR_BOX_BLOB_ABSENT') throw thrown
      return await openForeign(this.repository, descriptor, options)
    }
  }
}

/** A layout folder, a store or a memory to copy from. */
export class SourceOrigin implements Origin {
  readonly name: string = 'the source'
  readonly #source: ImageSource

  constructor(source: ImageSource) {
    this.#source = source
  }

  resolve(name: string, signal: AbortSignal): Promise<Descriptor | undefined> {
    return this.#source.resolve(name, { signal })
  }

  async document(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array> {
    return await documentOf(this.#source, descriptor, signal)
  }

  open(descriptor: Descriptor, { start, signal }: OpenOptions): Promise<Opened> {
    const stream = this.#source.read(descriptor.digest, start === 0 ? { signal } : { range: { start }, signal })
    return Promise.resolve({ start, stream })
  }
}

/** A whole manifest from a source of blobs. Whoever parses it checks it against its descriptor. */
export async function documentOf(source: Pick<ImageSource, 'read'>, descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array> {
  if (descriptor.size > manifestLimit)
    throw new BoxError('ERR_BOX_LIMIT', `the manifest ${descriptor.digest} is longer than ${manifestLimit} bytes`)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of source.read(descriptor.digest, { signal })) {
    size += chunk.length
    if (size > descriptor.size) break
    // A source may use the chunk's memory again.
    chunks.push(Buffer.from(chunk))
  }
  const bytes = Buffer.concat(chunks)
  return bytes
}
