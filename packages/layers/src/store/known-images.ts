import { BoxError, type Descriptor, type Digest, type Platform } from '@box/core'
import { isDigest, parseImageDocument, readBlob } from '@box/oci'
import type { Image } from '../image.ts'
import { loadImage } from '../images/load.ts'
import type { StoreParts } from './parts.ts'

/** How many images a store keeps in memory. */
const rememberedImages = 32

/** The images of a store by name or digest. They do not change: those of late are not read again. */
export class KnownImages {
  readonly #store: () => Pick<StoreParts, 'images' | 'names'>
  readonly #recent = new Map<Digest, Image>()

  /** @param store the store, where it is open */
  constructor(store: () => Pick<StoreParts, 'images' | 'names'>) {
    this.#store = store
  }

  /** @throws BoxError `ERR_BOX_INVALID_ARGUMENT` for what can be no name */
  async find(name: string, platform?: Platform): Promise<Image | undefined> {
    if (typeof name !== 'string' || name === '')
      throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `what is given is no image, nor the name of one: ${JSON.stringify(name)}`)
    const { images, names } = this.#store()
    const remembered = isDigest(name) ? this.#recent.get(name) : undefined
    if (remembered !== undefined && (await images.stat(remembered.digest)) !== undefined) return remembered
    const descriptor = isDigest(name) ? await this.#describe(name) : await names.resolve(name)
    if (descriptor === undefined) return undefined
    const known = this.#recent.get(descriptor.digest)
    if (known !== undefined) return known
    const image = await loadImage(images, descriptor, platform)
    this.#remember(image)
    return image
  }

  /** @throws BoxError `ERR_BOX_NOT_FOUND` */
  async need(given: Image | string, platform?: Platform): Promise<Image> {
    const name = typeof given === 'string' ? given : given?.digest
    const image = await this.find(name, platform)
    if (image === undefined) throw new BoxError('ERR_BOX_NOT_FOUND', `the store has no image ${JSON.stringify(name)}`)
    return image
  }

  #remember(image: Image): void {
    this.#recent.delete(image.digest)
    this.#recent.set(image.digest, image)
    for (const oldest of this.#recent.keys()) {
      if (this.#recent.size <= rememberedImages) break
      this.#recent.delete(oldest)
    }
  }

  async #describe(digest: Digest): Promise<Descriptor | undefined> {
    const { images } = this.#store()
    const found = await images.stat(digest)
    if (found === undefined) return undefined
    const bytes = await readBlob(images, { mediaType: '', digest, size: found.size })
    return { ...parseImageDocument(bytes).descriptor, digest }
  }
}
