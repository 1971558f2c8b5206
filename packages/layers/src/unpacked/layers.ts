import { type Descriptor, type Digest, BoxError, type UserNamespaceTarget } from '@box/core'
import { acquireLock, isDigest, type Locks, splitDigest } from '@box/oci'
import { open, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { nativeCallIn } from '../native.ts'
import type { StoreRights } from '../privileges.ts'
import { makeFolder, namesIn, type Session } from '../sessions.ts'
import { type Durable, syncedFile } from './durable.ts'
import { isAbsent, isOccupied } from '../absent.ts'
import { type LayerRecord, readRecord } from './record.ts'
import { type StagedTree, type UnpackedTar, unpackOptions } from './staging.ts'
import { removeTree } from './trees.ts'

/** A layer as an overlay takes it. */
export interface LowerLayer {
  /** The folder with its tree. */
  readonly path: string
  readonly record: LayerRecord
}

/** What unpacked layers need of the store. */
export interface LayersContext {
  readonly locks: Locks
  readonly session: Session
  readonly privileges: StoreRights
  readonly durable: Durable
  /** Keeps content from being pruned until an image that has it is complete. */
  readonly hold: (digests: readonly Digest[]) => Promise<void>
  /** The file of a blob that is in the store. */
  readonly blobPath: (digest: Digest) => string
}

/**
 * The unpacked layers, in the folder `layers` of a store: `<algorithm>/<hex of the diffID>/tree` each, whatever it stands on, and
 * `chains/<algorithm>/<hex of the chainID>/tree` what cannot be had without what is below. Only this folder's code knows how a layer is kept.
 */
export class UnpackedLayers {
  readonly path: string
  readonly #context: LayersContext
  readonly #stages = new Set<string>()

  constructor(path: string, context: LayersContext) {
    this.path = path
    this.#context = context
  }

  get #ids(): UserNamespaceTarget | undefined {
    return this.#context.privileges.ids
  }

  get staging(): string {
    return join(this.path, 'staging')
  }

  async make(): Promise<void> {
    for (const folder of [this.path, this.staging]) await makeFolder(folder)
  }

  /** The diffID of a blob that was unpacked, if it was. */
  async diffIDOf(blob: Digest): Promise<Digest | undefined> {
    try {
      const text = (await readFile(this.#blobNote(blob), 'utf8')).trim()
      return isDigest(text) ? text : undefined
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
  }

  /** The layer that was unpacked from that blob, if it is there and can be believed. */
  async unpackedFrom(blob: Digest): Promise<LowerLayer | undefined> {
    const diffID = await this.diffIDOf(blob)
    return diffID === undefined ? undefined : await this.find(diffID)
  }

  /** The layer of that diffID, if it is there and can be believed. */
  async find(diffID: Digest): Promise<LowerLayer | undefined> {
    return await this.#at(this.#layerFolder(diffID), diffID)
  }

  /** A folder to unpack into, in the name of the session. */
  async stage(): Promise<StagedTree> {
    const path = join(this.staging, this.#context.session.newName())
    this.#stages.add(path)
    await makeFolder(path)
    const tree = join(path, 'tree')
    await makeFolder(tree, 0o755)
    return { path, tree, options: unpackOptions(this.#context.privileges), ids: this.#ids }
  }

  /** Ends what `stage` began, also after `publish`. */
  async discard(stage: StagedTree): Promise<void> {
    await removeTree(stage.path, this.#ids)
    this.#stages.delete(stage.path)
  }

  /** How many layers are being unpacked. */
  get unpacking(): number {
    return this.#stages.size
  }

  /** Makes a layer of what was unpacked from the blob, all at once. Where it is there already, that one stays. `leased`: the caller has a lease of it. */
  async publish(stage: StagedTree, tar: UnpackedTar, blob: Digest, leased = false): Promise<void> {
    if (!leased) await this.#context.hold([asDigest(tar.diffId)])
    const diffID = await this.#publish(stage, tar, (found) => this.#layerFolder(found))
    const note = this.#blobNote(blob)
    await makeFolder(dirname(note))
    const temporary = join(this.staging, this.#context.session.newName())
    await writeFile(temporary, `${diffID}\n`, { mode: 0o644 })
    await rename(temporary, note)
  }

  /**
   * Unpacks a blob that is in the store, unless that was done; of several who want it one does it. Gives the layer's diffID. The layer is held for an
   * image that is to get a name, unless it is `leased` by the caller.
   */
  async unpackStored(
    blob: Descriptor,
    { signal, leased = false }: { readonly signal?: AbortSignal | undefined; readonly leased?: boolean } = {},
  ): Promise<Digest> {
    const known = async (): Promise<Digest | undefined> => {
      return (await this.unpackedFrom(blob.digest))?.record.diffID
    }
    const before = await known()
    if (before !== undefined) return before
    const lock = await acquireLock(this.#context.locks, this.staging, blob.digest.replace(':', '-'), signal)
    try {
      const meanwhile = await known()
      if (meanwhile !== undefined) return meanwhile
      const stage = await this.stage()
      try {
        const tar = await this.#unpackBlob(blob, stage, [])
        await this.publish(stage, tar, blob.digest, leased)
        return asDigest(tar.diffId)
      } finally {
        await this.discard(stage)
      }
    } finally {
      await lock.release()
    }
  }

  /** The same above other layers, the uppermost first, for a layer that depends on them. The caller has leases of the layer and of the chain. */
  async unpackAbove(chainID: Digest, blob: Descriptor, lowers: readonly LowerLayer[]): Promise<LowerLayer> {
    const folder = this.chainFolder(chainID)
    const diffID = await this.unpackStored(blob, { leased: true })
    const before = await this.#at(folder, diffID)
    if (before !== undefined) return before
    const lock = await acquireLock(this.#context.locks, this.staging, `chain-${chainID.replace(':', '-')}`)
    try {
      const meanwhile = await this.#at(folder, diffID)
      if (meanwhile !== undefined) return meanwhile
      const stage = await this.stage()
      try {
        const tar = await this.#unpackBlob(blob, stage, lowers)
        await this.#publish(stage, tar, () => folder)
      } finally {
        await this.discard(stage)
      }
    } finally {
      await lock.release()
    }
    const made = await this.#at(folder, diffID)
    if (made === undefined) throw new BoxError('ERR_BOX_STORE_INVALID', `${folder} disappeared while it was made`, { path: folder })
    return made
  }

  /** All layers that are there, by their folders below `path`. */
  async *all(): AsyncGenerator<{
    readonly folder: string
    readonly id: Digest
    readonly isChain: boolean
    readonly record: LayerRecord | undefined
  }> {
    for (const isChain of [false, true]) {
      for (const algorithm of ['sha256', 'sha512']) {
        const parent = join(this.path, ...(isChain ? ['chains'] : []), algorithm)
        for (const name of await namesIn(parent)) {
          const id = `${algorithm}:${name}`
          const folder = join(parent, name)
          if (isDigest(id)) yield { folder, id, isChain, record: await readRecord(join(folder, 'layer.json')) }
        }
      }
    }
  }

  /** The blobs that are known to be unpacked. */
  async *notes(): AsyncGenerator<{ readonly blob: Digest; readonly path: string }> {
    for (const algorithm of ['sha256', 'sha512']) {
      const parent = join(this.path, 'by-blob', algorithm)
      for (const name of await namesIn(parent)) {
        const blob = `${algorithm}:${name}`
        if (isDigest(blob)) yield { blob, path: join(parent, name) }
      }
    }
  }

  chainFolder(chainID: Digest): string {
    const { algorithm, encoded } = splitDigest(chainID)
    return join(this.path, 'chains', algorithm, encoded)
  }

  #layerFolder(diffID: Digest): string {
    const { algorithm, encoded } = splitDigest(diffID)
    return join(this.path, algorithm, encoded)
  }

  #blobNote(blob: Digest): string {
    const { algorithm, encoded } = splitDigest(blob)
    return join(this.path, 'by-blob', algorithm, encoded)
  }

  async #at(folder: string, diffID: Digest): Promise<LowerLayer | undefined> {
    const record = await readRecord(join(folder, 'layer.json'))
    if (record === undefined || record.diffID !== diffID || !this.#context.durable.isBelievable(record)) return undefined
    return { path: join(folder, 'tree'), record }
  }

  async #unpackBlob(blob: Descriptor, stage: StagedTree, lowers: readonly LowerLayer[]): Promise<UnpackedTar> {
    const opened = await Promise.all(
      [this.#context.blobPath(blob.digest), stage.tree, ...lowers.map(({ path }) => path)].map((path) => open(path, 'r')),
    )
    try {
      const [file, directory, ...below] = opened.map(({ fd }) => fd)
      if (file === undefined || directory === undefined) throw new BoxError('ERR_BOX_STATE', 'nothing was opened')
      const { digest, size } = blob
      return await nativeCallIn(stage.ids, (core) =>
        core.unpackFile(file, {
          ...stage.options,
          directoryFd: directory,
          digest,
          size,
          lowerFds: below,
          missingLinks: below.length > 0 ? 'error' : 'note',
        }),
      )
    } finally {
      await Promise.all(opened.map((handle) => handle.close()))
    }
  }

  async #publish(stage: StagedTree, tar: UnpackedTar, place: (diffID: Digest) => string): Promise<Digest> {
    const diffID = asDigest(tar.diffId)
    const folder = place(diffID)
    const record: LayerRecord = {
      version: 1,
      kind: 'directory',
      diffID,
      entries: tar.entries,
      size: tar.uncompressedSize,
      bytes: tar.bytes,
      inodes: tar.inodes,
      rootEntry: tar.rootEntry,
      rootOpaque: tar.rootOpaque,
      dependsOnParent: tar.dependsOnParent,
      lowerLinks: tar.lowerLinks.length > 0,
      opaqueMarks: tar.opaques === 0 ? ['trusted', 'user'] : tar.opaqueMarks,
      bootId: this.#context.durable.bootId,
      durable: false,
    }
    await syncedFile(join(stage.path, 'layer.json'), `${JSON.stringify(record)}\n`)
    await makeFolder(dirname(folder))
    if ((await this.#at(folder, diffID)) === undefined) await this.#place(stage, folder)
    await this.#context.durable.add(folder, record)
    return diffID
  }

  async #place(stage: StagedTree, folder: string): Promise<void> {
    // What is there and is not to be believed makes room by one rename, too.
    const aside = join(this.staging, this.#context.session.newName())
    try {
      await rename(folder, aside)
    } catch (error) {
      if (!isAbsent(error)) throw error
    }
    try {
      await rename(stage.path, folder)
    } catch (error) {
      // Another process put the same layer there in this moment.
      if (!isOccupied(error)) throw error
    } finally {
      await removeTree(aside, this.#ids)
    }
  }
}

function asDigest(text: string): Digest {
  if (isDigest(text)) return text
  throw new BoxError('ERR_BOX_DIGEST_INVALID', `the native core gave ${JSON.stringify(text)} for a digest`)
}
