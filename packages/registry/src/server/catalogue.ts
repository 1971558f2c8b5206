import { BoxError, type Descriptor, type Digest } from '@box/core'
import type { ImageDocument } from '@box/oci'
import { ContentReader, readNames, readUnplaced, type RepositoryContents, type RepositoryNames } from './contents.ts'
import { factsOf } from './facts.ts'
import type { Intake } from './intake.ts'
import { nameOfDigest, nameOfTag } from './names.ts'
import { Refusal } from './refusal.ts'
import type { Reference } from './route.ts'
import type { ServableStore } from './store.ts'

/**
 * The repositories over one store. What a repository has follows from the store's names each time it is asked for; only blobs that were
 * pushed and that no manifest leads to yet are known to this object alone. Changes go one after the other.
 */
export class Catalogue {
  readonly #store: ServableStore
  readonly #intake: Intake
  readonly #bareRepository: string | undefined
  readonly #reader: ContentReader
  /** Blobs that a repository was given and that no manifest of it needs: after a restart they have to be pushed again. */
  readonly #loose = new Map<string, Set<Digest>>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(store: ServableStore, intake: Intake, bareRepository: string | undefined, maxManifestBytes: number) {
    this.#store = store
    this.#intake = intake
    this.#bareRepository = bareRepository
    this.#reader = new ContentReader(store, maxManifestBytes)
  }

  /** The repositories that have a manifest, in ASCII order. */
  async repositories(): Promise<string[]> {
    return [...(await this.#names()).keys()].toSorted()
  }

  /** The tags of a repository in ASCII order, or undefined where there is no such repository. */
  async tags(repository: string): Promise<string[] | undefined> {
    const names = (await this.#names()).get(repository)
    if (names !== undefined) return [...names.tags.keys()].toSorted()
    return this.#loose.has(repository) ? [] : undefined
  }

  /** The manifest that a tag or digest of the repository stands for. Undefined where it, or its bytes, are not there. */
  async manifest(repository: string, reference: Reference): Promise<Descriptor | undefined> {
    const names = (await this.#names()).get(repository)
    const digest = reference.digest ?? names?.tags.get(reference.tag)?.descriptor.digest
    if (names === undefined || digest === undefined) return undefined
    const found = (await this.#reader.contents(repository, names)).manifests.get(digest)
    return found !== undefined && (await this.#store.stat(digest)) !== undefined ? found : undefined
  }

  /** The size of a blob of the repository, or undefined. */
  async blob(repository: string, digest: Digest): Promise<{ readonly size: number } | undefined> {
    return (await this.#owns(repository, digest)) ? await this.#store.stat(digest) : undefined
  }

  /** The repositories that have the blob. */
  async holders(digest: Digest): Promise<string[]> {
    const names = await this.#names()
    const holders = new Set<string>()
    for (const [repository, loose] of this.#loose) if (loose.has(digest)) holders.add(repository)
    for (const [repository, entry] of names) {
      const { blobs, manifests } = await this.#reader.contents(repository, entry)
      if (blobs.has(digest) || manifests.has(digest)) holders.add(repository)
    }
    return [...holders]
  }

  /** Makes a blob that is in the store one of the repository's. */
  addBlob(repository: string, digest: Digest): void {
    const loose = this.#loose.get(repository) ?? new Set()
    this.#loose.set(repository, loose.add(digest))
  }

  /** The manifests that name `subject` as their subject, ordered by digest, as the referrers API describes them. */
  async referrers(repository: string, subject: Digest): Promise<Descriptor[]> {
    const { manifests, facts } = await this.#contents(repository)
    const referrers: Descriptor[] = []
    for (const [digest, { subject: named, artifactType, annotations }] of facts) {
      const descriptor = manifests.get(digest)
      if (named !== subject || descriptor === undefined) continue
      referrers.push({
        ...descriptor,
        ...(artifactType === undefined ? {} : { artifactType }),
        ...(annotations === undefined ? {} : { annotations }),
      })
    }
    return referrers.toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
  }

  /** Keeps a manifest and gives it the tags. @throws Refusal `MANIFEST_BLOB_UNKNOWN` where a part of it is not in the repository. */
  async putManifest(repository: string, document: ImageDocument, tags: readonly string[]): Promise<void> {
    const facts = factsOf(document)
    const { descriptor, bytes } = document
    const { digest } = descriptor
    const parts = [...facts.blobs, ...facts.manifests.map((part) => part.digest)]
    await this.#requireParts(repository, parts)
    await this.#intake.put(descriptor, [bytes])
    await this.#alone(async () => {
      // Something may have been removed while the bytes were written.
      await this.#requireParts(repository, parts)
      this.#reader.learn(digest, facts)
      for (const tag of new Set(tags)) {
        await this.#keepFormer(repository, tag, digest)
        await this.#name(nameOfTag(repository, tag, this.#bareRepository), descriptor)
      }
      const { untagged, manifests } = await this.#everything(repository)
      const named = untagged.get(digest)
      if (tags.length > 0 && named !== undefined) await this.#store.untag(named.name)
      else if (tags.length === 0 && !manifests.has(digest)) await this.#name(nameOfDigest(repository, digest), descriptor)
      const loose = this.#loose.get(repository)
      for (const blob of facts.allBlobs) loose?.delete(blob)
      if (loose?.size === 0) this.#loose.delete(repository)
    })
  }

  /** Removes a tag; the manifest stays. Says whether the tag was there. */
  async removeTag(repository: string, tag: string): Promise<boolean> {
    return await this.#alone(async () => {
      const entry = (await this.#names()).get(repository)?.tags.get(tag)
      if (entry === undefined) return false
      await this.#keepFormer(repository, tag, undefined)
      for (const name of entry.names) await this.#store.untag(name)
      return true
    })
  }

  /**
   * Removes a manifest and its tags. What an index led to keeps a name of its own. Says whether it was there.
   * @throws Refusal `DENIED` where an index of the repository needs it
   */
  async removeManifest(repository: string, digest: Digest): Promise<boolean> {
    return await this.#alone(async () => {
      const { tags, untagged, manifests, facts } = await this.#everything(repository)
      if (!manifests.has(digest)) return false
      const parent = [...facts].find(([, fact]) => fact.manifests.some((part) => part.digest === digest))?.[0]
      if (parent !== undefined) throw new Refusal(409, 'DENIED', `the index ${parent} of this repository needs it`)
      for (const { digest: part } of facts.get(digest)?.manifests ?? []) {
        const child = manifests.get(part)
        if (child !== undefined && !isNamed(part, tags, untagged)) await this.#store.tag(nameOfDigest(repository, part), child)
      }
      for (const { descriptor, names } of tags.values())
        if (descriptor.digest === digest) for (const name of names) await this.#store.untag(name)
      const own = untagged.get(digest)
      if (own !== undefined) await this.#store.untag(own.name)
      for (const blob of facts.get(digest)?.allBlobs ?? []) this.addBlob(repository, blob)
      await this.#removeUnheld(digest)
      return true
    })
  }

  /** Removes a blob. Says whether it was there. @throws Refusal `DENIED` where a manifest of the repository needs it. */
  async removeBlob(repository: string, digest: Digest): Promise<boolean> {
    return await this.#alone(async () => {
      const { facts } = await this.#contents(repository)
      const parent = [...facts].find(([, { allBlobs }]) => allBlobs.includes(digest))?.[0]
      if (parent !== undefined && (await this.#store.stat(digest)) !== undefined)
        throw new Refusal(409, 'DENIED', `the manifest ${parent} of this repository needs it`)
      const loose = this.#loose.get(repository)
      if (loose?.delete(digest) !== true) return false
      if (loose.size === 0) this.#loose.delete(repository)
      await this.#removeUnheld(digest)
      return true
    })
  }

  /** The manifest that a tag is about to leave keeps a name, unless another tag, an index or its digest leads to it. */
  async #keepFormer(repository: string, tag: string, next: Digest | undefined): Promise<void> {
    const { tags, untagged, facts } = await this.#everything(repository)
    const former = tags.get(tag)
    if (former === undefined || former.descriptor.digest === next) return
    const { digest } = former.descriptor
    const others = new Map([...tags].filter(([other]) => other !== tag))
    const inIndex = [...facts.values()].some((fact) => fact.manifests.some((part) => part.digest === digest))
    if (!inIndex && !isNamed(digest, others, untagged)) await this.#store.tag(nameOfDigest(repository, digest), former.descriptor)
    for (const name of former.names) if (name !== nameOfTag(repository, tag, this.#bareRepository)) await this.#store.untag(name)
  }

  async #name(name: string, descriptor: Descriptor): Promise<void> {
    try {
      await this.#store.tag(name, descriptor)
    } catch (error) {
      if (error instanceof BoxError && error.code === 'ERR_BOX_LIMIT') throw new Refusal(413, 'MANIFEST_INVALID', error.message)
      if (error instanceof BoxError && error.code === 'ERR_BOX_BLOB_ABSENT') throw new Refusal(404, 'MANIFEST_BLOB_UNKNOWN', error.message)
      throw error
    }
  }

  async #requireParts(repository: string, digests: readonly Digest[]): Promise<void> {
    const missing: Digest[] = []
    for (const digest of new Set(digests)) {
      const there = (await this.#owns(repository, digest)) && (await this.#store.stat(digest)) !== undefined
      if (!there) missing.push(digest)
    }
    if (missing.length === 0) return
    throw new Refusal(404, 'MANIFEST_BLOB_UNKNOWN', `the repository lacks ${missing.length} parts of the manifest`, {
      detail: missing.map((digest) => ({ digest })),
    })
  }

  async #owns(repository: string, digest: Digest): Promise<boolean> {
    if (this.#loose.get(repository)?.has(digest) === true) return true
    const { blobs, manifests } = await this.#contents(repository)
    return blobs.has(digest) || manifests.has(digest)
  }

  /** Removes the bytes from the store where no repository, and no image outside of the repositories, has them any more. */
  async #removeUnheld(digest: Digest): Promise<void> {
    if ((await this.holders(digest)).length > 0) return
    const unplaced = await this.#reader.contents('', await readUnplaced(this.#store, this.#bareRepository))
    if (unplaced.blobs.has(digest) || unplaced.manifests.has(digest)) return
    try {
      await this.#store.remove(digest)
    } catch (error) {
      if (!(error instanceof BoxError && error.code === 'ERR_BOX_STATE')) throw error
    }
    this.#reader.forget(digest)
  }

  async #names(): Promise<Map<string, RepositoryNames>> {
    return await readNames(this.#store, this.#bareRepository)
  }

  async #contents(repository: string): Promise<RepositoryContents> {
    return await this.#reader.contents(repository, (await this.#names()).get(repository))
  }

  async #everything(repository: string): Promise<RepositoryNames & RepositoryContents> {
    const names = (await this.#names()).get(repository) ?? { tags: new Map(), untagged: new Map() }
    return { ...names, ...(await this.#reader.contents(repository, names)) }
  }

  async #alone<Value>(work: () => Promise<Value>): Promise<Value> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {})
    return await done
  }
}

function isNamed(digest: Digest, tags: RepositoryNames['tags'], untagged: RepositoryNames['untagged']): boolean {
  return untagged.has(digest) || [...tags.values()].some(({ descriptor }) => descriptor.digest === digest)
}
