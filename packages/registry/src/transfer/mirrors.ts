import { BoxError, type Descriptor, type Digest } from '@box/core'
import { isDigest } from '@box/oci'
import type { Opened, OpenOptions, Origin } from './origin.ts'
import type { BoundPolicy, RepositoryOrigin } from './origins.ts'

/** A place that has a copy of a registry's repositories: a registry, or a path in one that their paths are put behind. */
export interface Mirror {
  /** `mirror.example`, `mirror.example:5000/hub`. */
  readonly location: string
  /** Whether it is asked only for what is named by its digest, so that no tag is taken from it. Default `false`. */
  readonly digestOnly?: boolean
}

/** By registry, its mirrors in the order in which they are asked. The registry itself is asked last. */
export type Mirrors = Readonly<Record<string, readonly (string | Mirror)[]>>

export interface Place {
  readonly origin: RepositoryOrigin
  readonly digestOnly: boolean
}

/** A repository with mirrors. Each is asked with its own credentials; what it has not, or fails to give, is asked of the next one. */
export class MirroredOrigin implements Origin {
  readonly name: string
  readonly #places: readonly Place[]
  readonly #policy: BoundPolicy | undefined
  /** Who resolved a name to a digest: it has the bytes already. */
  readonly #resolved = new Map<Digest, RepositoryOrigin>()
  /** Mirrors that did not answer, and are left alone from then on. */
  readonly #silent = new Set<Place>()

  /** @param places The mirrors, and the registry itself last. */
  constructor(name: string, places: readonly Place[], policy: BoundPolicy | undefined) {
    this.name = name
    this.#places = places
    this.#policy = policy
  }

  /** The one whose mirrors they are. */
  get registry(): string | undefined {
    return this.#places.at(-1)?.origin.registry
  }

  async resolve(name: string, signal: AbortSignal): Promise<Descriptor | undefined> {
    const descriptor = await this.#first(isDigest(name), signal, async ({ origin }) => {
      const found = await origin.resolve(name, signal)
      if (found !== undefined) this.#resolved.set(found.digest, origin)
      return found
    })
    if (descriptor === undefined) return undefined
    await this.#policy?.({ reference: `${this.name}${isDigest(name) ? '@' : ':'}${name}`, descriptor }, { signal })
    return descriptor
  }

  async document(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array> {
    const known = this.#resolved.get(descriptor.digest)
    if (known !== undefined) return await known.document(descriptor, signal)
    return this.#found(descriptor, await this.#first(true, signal, async ({ origin }) => await origin.document(descriptor, signal)))
  }

  async open(descriptor: Descriptor, options: OpenOptions): Promise<Opened> {
    // Another place has another entity tag for the same content: none is shown.
    const part = { ...options, validator: undefined }
    const opened = await this.#first(true, options.signal, async ({ origin }) => await origin.open(descriptor, part))
    return { ...this.#found(descriptor, opened), validator: undefined }
  }

  /** What the first place gives that has it. The failure of the last one is the failure of all. */
  async #first<Value>(
    byDigest: boolean,
    signal: AbortSignal,
    ask: (place: Place) => Promise<Value | undefined>,
  ): Promise<Value | undefined> {
    const last = this.#places.at(-1)
    for (const place of this.#places) {
      if (place === last) break
      if (this.#silent.has(place) || (place.digestOnly && !byDigest)) continue
      try {
        const value = await ask(place)
        if (value !== undefined) return value
      } catch (thrown) {
        signal.throwIfAborted()
        if (!(thrown instanceof BoxError)) throw thrown
        if (thrown.code === 'ERR_BOX_REGISTRY_UNREACHABLE') this.#silent.add(place)
      }
    }
    return last === undefined ? undefined : await ask(last)
  }

  #found<Value>(descriptor: Descriptor, value: Value | undefined): Value {
    if (value !== undefined) return value
    throw new BoxError('ERR_BOX_BLOB_ABSENT', `${this.name} does not have ${descriptor.digest}`)
  }
}
