import { BoxError, type Descriptor } from '@box/core'
import { acquireLock, type Index, type Locks, parseIndex } from '@box/oci'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isAbsent } from '../absent.ts'
import type { NamedImage } from '../image.ts'
import { replaceFile } from '../unpacked/durable.ts'

/** The annotation that names an entry of an index (image-spec, image-layout.md, "index.json file"). */
const nameAnnotation = 'org.opencontainers.image.ref.name'

/**
 * The names of images of which some layers are kept unpacked only. index.json describes what is complete, so these stand in an index of their own, the file
 * `layers/images.json`, which is replaced at one stroke under the lock `images`.
 */
export class UnpackedNames {
  readonly #path: string
  readonly #folder: string
  readonly #locks: Locks

  /** @param folder where the locks are */
  constructor(layers: string, folder: string, locks: Locks) {
    this.#path = join(layers, 'images.json')
    this.#folder = folder
    this.#locks = locks
  }

  async list(): Promise<readonly NamedImage[]> {
    return (await this.#read()).manifests.flatMap((entry) => {
      const { [nameAnnotation]: name, ...annotations } = entry.annotations ?? {}
      const { annotations: _, ...rest } = entry
      const descriptor: Descriptor = Object.keys(annotations).length === 0 ? rest : { ...rest, annotations }
      return name === undefined ? [] : [{ name, descriptor }]
    })
  }

  async find(name: string): Promise<Descriptor | undefined> {
    return (await this.list()).find((one) => one.name === name)?.descriptor
  }

  async set(name: string, descriptor: Descriptor): Promise<void> {
    const named = { ...descriptor, annotations: { ...descriptor.annotations, [nameAnnotation]: name } }
    await this.#change((manifests) => [...manifests.filter((entry) => !isNamed(entry, name)), named])
  }

  /** Gives whether the name was there. */
  async remove(name: string): Promise<boolean> {
    if ((await this.find(name)) === undefined) return false
    return await this.#change((manifests) => manifests.filter((entry) => !isNamed(entry, name)))
  }

  /** Gives whether there are more or fewer now. */
  async #change(change: (manifests: readonly Descriptor[]) => readonly Descriptor[]): Promise<boolean> {
    const lock = await acquireLock(this.#locks, this.#folder, 'images')
    try {
      const before = await this.#read()
      const manifests = change(before.manifests)
      await replaceFile(this.#path, `${JSON.stringify({ ...before, manifests }, undefined, 2)}\n`)
      return manifests.length !== before.manifests.length
    } finally {
      await lock.release()
    }
  }

  async #read(): Promise<Index> {
    let bytes: Buffer
    try {
      bytes = await readFile(this.#path)
    } catch (error) {
      if (isAbsent(error)) return { schemaVersion: 2, manifests: [] }
      throw error
    }
    try {
      return parseIndex(bytes, { maxBytes: 64 * 1024 * 1024 }).value
    } catch (cause) {
      throw new BoxError('ERR_BOX_STORE_INVALID', `${this.#path} is not valid`, { path: this.#path, cause })
    }
  }
}

function isNamed(entry: Descriptor, name: string): boolean {
  return entry.annotations?.[nameAnnotation] === name
}
