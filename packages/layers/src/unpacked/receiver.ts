import { type BlobWriter, BoxError, channels, type Descriptor } from '@box/core'
import { blobWriter, layerCompression, type Receiver, type Receiving, type StagedBlob } from '@box/oci'
import { native } from '@box/native'
import { open } from 'node:fs/promises'
import { nativeCall, nativeSync } from '../native.ts'
import type { UnpackedLayers } from './layers.ts'
import type { StagedTree } from './staging.ts'
import { systemCalls } from '../system-calls.ts'

type Unpacker = InstanceType<ReturnType<typeof native>['LayerUnpacker']>

/** What of a layer stays: `all`, its bytes as they came and its files, or its files only, where these mean something without others. */
export type Keep = 'all' | 'unpacked'

/** Receives layers: their bytes are hashed, kept and unpacked in one pass. Other blobs are none of its business. */
export function layerReceiver(layers: () => UnpackedLayers, keep: Keep): Receiver {
  return (descriptor, staged, signal) =>
    layerCompression(descriptor.mediaType) === undefined
      ? undefined
      : ArrivingLayer.begin({ descriptor, staged, layers: layers(), signal, keep })
}

interface LayerReceipt {
  readonly descriptor: Descriptor
  readonly staged: StagedBlob
  readonly layers: UnpackedLayers
  readonly signal: AbortSignal | undefined
  readonly keep: Keep
}

/** One layer that arrives. */
class ArrivingLayer implements Receiving {
  readonly #descriptor: Descriptor
  readonly #staged: StagedBlob
  readonly #layers: UnpackedLayers
  readonly #keepBytes: boolean
  #stage: StagedTree | undefined
  #unpacker: Unpacker | undefined
  #offset = 0

  private constructor({ descriptor, staged, layers, keep }: LayerReceipt) {
    this.#descriptor = descriptor
    this.#staged = staged
    this.#layers = layers
    this.#keepBytes = keep === 'all'
  }

  static async begin(receipt: LayerReceipt): Promise<BlobWriter> {
    const { descriptor, signal } = receipt
    const layer = new ArrivingLayer(receipt)
    try {
      await systemCalls(() => layer.#start())
      signal?.throwIfAborted()
    } catch (error) {
      await layer.close(true)
      throw error
    }
    return blobWriter(descriptor, layer, signal)
  }

  get offset(): number {
    return this.#offset
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#useUnpacker((unpacker) => unpacker.write(chunk))
    this.#offset += chunk.byteLength
  }

  async restart(): Promise<void> {
    await this.#stop()
    await this.#staged.clear()
    await this.#start()
  }

  async commit(): Promise<void> {
    await channels.unpack.tracePromise(() => this.#commit(), { descriptor: this.#descriptor })
  }

  async close(keep: boolean): Promise<void> {
    try {
      await this.#stop()
    } finally {
      await this.#staged.close(keep)
    }
  }

  async #commit(): Promise<void> {
    const tar = await this.#useUnpacker((unpacker) => unpacker.finish())
    this.#unpacker = undefined
    if (this.#stage !== undefined) await this.#layers.publish(this.#stage, tar, this.#descriptor.digest)
    // What means something only above other layers is unpacked above them from its bytes.
    if (this.#keepBytes || tar.dependsOnParent) await this.#staged.publish()
  }

  /** Begins with the bytes that an earlier try left. */
  async #start(): Promise<void> {
    const { digest, size } = this.#descriptor
    let kept = await this.#staged.size()
    if (kept > size) {
      await this.#staged.clear()
      kept = 0
    }
    const stage = await this.#layers.stage()
    this.#stage = stage
    const directory = await open(stage.tree, 'r')
    try {
      this.#unpacker = nativeSync(({ LayerUnpacker, within }) => {
        const start = (): Unpacker =>
          LayerUnpacker.start({
            ...stage.options,
            directoryFd: directory.fd,
            blobFd: this.#staged.fd,
            resumeSize: kept,
            digest,
            size,
            missingLinks: 'note',
          })
        return stage.ids === undefined ? start() : within(stage.ids.fd, start)
      })
    } finally {
      await directory.close()
    }
    this.#offset = kept
  }

  async #stop(): Promise<void> {
    const unpacker = this.#unpacker
    this.#unpacker = undefined
    if (unpacker !== undefined) await nativeCall(() => unpacker.abort())
    const stage = this.#stage
    this.#stage = undefined
    if (stage !== undefined) await this.#layers.discard(stage)
  }

  async #useUnpacker<Value>(use: (unpacker: Unpacker) => Promise<Value>): Promise<Value> {
    const unpacker = this.#unpacker
    if (unpacker === undefined) throw new BoxError('ERR_BOX_STATE', 'the blob writer has ended')
    return await nativeCall(() => use(unpacker))
  }
}
