import type { Descriptor, Digest } from '@box/core'
import { type ManifestFacts, readFacts } from './facts.ts'
import { placeOf } from './names.ts'
import { allNames, namelessImages, type ServableStore } from './store.ts'

/** What one tag of a repository stands for, and the store's names that say so (two where a layout has both spellings). */
export interface TagEntry {
  readonly descriptor: Descriptor
  readonly names: string[]
}

/** The names of one repository, as the store has them at this moment. */
export interface RepositoryNames {
  readonly tags: Map<string, TagEntry>
  /** The manifests that have a name of their own without a tag, by digest. */
  readonly untagged: Map<Digest, { readonly descriptor: Descriptor; readonly name: string }>
}

/** What the names of one repository lead to. */
export interface RepositoryContents {
  readonly manifests: ReadonlyMap<Digest, Descriptor>
  readonly facts: ReadonlyMap<Digest, ManifestFacts>
  /** Configs and layers. */
  readonly blobs: ReadonlySet<Digest>
}

/** Reads the names of the store, all repositories at once. */
export async function readNames(store: ServableStore, bareRepository: string | undefined): Promise<Map<string, RepositoryNames>> {
  const repositories = new Map<string, RepositoryNames>()
  for (const { name, descriptor } of await allNames(store)) {
    const place = placeOf(name, bareRepository)
    if (place === undefined) continue
    const repository = repositories.get(place.repository) ?? { tags: new Map(), untagged: new Map() }
    repositories.set(place.repository, repository)
    if (place.tag === undefined) repository.untagged.set(place.digest, { descriptor, name })
    else repository.tags.set(place.tag, { descriptor, names: [...(repository.tags.get(place.tag)?.names ?? []), name] })
  }
  return repositories
}

/** The images of the store that belong to no repository: they have no name, or one that is not served. */
export async function readUnplaced(store: ServableStore, bareRepository: string | undefined): Promise<RepositoryNames> {
  const unplaced: RepositoryNames = { tags: new Map(), untagged: new Map() }
  for (const { name, descriptor } of await allNames(store))
    if (placeOf(name, bareRepository) === undefined) unplaced.untagged.set(descriptor.digest, { descriptor, name })
  for (const descriptor of await namelessImages(store)) unplaced.untagged.set(descriptor.digest, { descriptor, name: '' })
  return unplaced
}

/** Follows the names of repositories to their manifests and blobs. What a manifest says is read once: its digest stands for it. */
export class ContentReader {
  readonly #store: ServableStore
  readonly #maxBytes: number
  readonly #facts = new Map<Digest, ManifestFacts>()
  readonly #known = new Map<string, { readonly key: string; readonly contents: RepositoryContents }>()

  constructor(store: ServableStore, maxBytes: number) {
    this.#store = store
    this.#maxBytes = maxBytes
  }

  /** Keeps what is known of a manifest that was just received. */
  learn(digest: Digest, facts: ManifestFacts): void {
    this.#facts.set(digest, facts)
  }

  /** Forgets a manifest whose bytes were removed. */
  forget(digest: Digest): void {
    this.#facts.delete(digest)
    this.#known.clear()
  }

  async contents(repository: string, names: RepositoryNames | undefined): Promise<RepositoryContents> {
    const roots = rootsOf(names)
    const key = [...roots.keys()].join(' ')
    const known = this.#known.get(repository)
    if (known?.key === key) return known.contents
    const contents = await this.#follow([...roots.values()])
    this.#known.set(repository, { key, contents })
    return contents
  }

  async #follow(roots: readonly Descriptor[]): Promise<RepositoryContents> {
    const manifests = new Map<Digest, Descriptor>()
    const facts = new Map<Digest, ManifestFacts>()
    const blobs = new Set<Digest>()
    const waiting = [...roots]
    for (let descriptor = waiting.pop(); descriptor !== undefined; descriptor = waiting.pop()) {
      const { digest } = descriptor
      if (manifests.has(digest)) continue
      const found = this.#facts.get(digest) ?? (await readFacts(this.#store, descriptor, this.#maxBytes))
      if (found === undefined) continue
      this.#facts.set(digest, found)
      manifests.set(digest, plain(descriptor))
      facts.set(digest, found)
      for (const blob of found.allBlobs) blobs.add(blob)
      waiting.push(...found.manifests)
    }
    return { manifests, facts, blobs }
  }
}

function rootsOf(names: RepositoryNames | undefined): Map<Digest, Descriptor> {
  const roots = new Map<Digest, Descriptor>()
  for (const { descriptor } of names?.tags.values() ?? []) roots.set(descriptor.digest, descriptor)
  for (const { descriptor } of names?.untagged.values() ?? []) roots.set(descriptor.digest, descriptor)
  return roots
}

/** The descriptor without what only its place in an index says of it. */
function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size }
}
