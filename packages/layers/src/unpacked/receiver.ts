import { type BlobWriter, BoxError, channels, type Descriptor } from '@box/core'
import { layerCompression, type Receiver, type StagedBlob } from '@box/oci'
import { native } from '@box/native'
import { open } from 'node:fs/promises'
import { nativeCall, nativeSync } from '../native.ts'
import type { UnpackedLayers } from './layers.ts'
import type { StagedTree } from './staging.ts'
import { systemCalls } from '../system-calls.ts'

type Unpacker = InstanceType<ReturnType<typeof native>['LayerUnpacker']>

/** What is wrong with the bytes themselves: they are of no use to a later try. */
const wrongBytes = new Set<string>(['ERR_BOX_DIGEST_MISMATCH', 'ERR_BOX_LAYER_INVALID', 'ERR_BOX_LIMIT'])

/** What of a layer stays: `all`, its bytes as they came and its files, or its files only, where these mean something without others. */
export type Keep = 'all' | 'unpacked'

/** Receives layers: their bytes are hashed, kept and unpacked in one pass. Other blobs are none of its business. */
export function layerReceiver(layers: () => UnpackedLayers, keep: Keep): Receiver {
  return (descriptor, staged, signal) =>
    layerCompression(descriptor.mediaType) === undefined
      ? undefined
      : LayerWriter.begin({ descriptor, staged, layers: layers(), signal, keep })
}

interface LayerReceipt {
  readonly descriptor: Descriptor
  readonly staged: StagedBlob
  readonly layers: UnpackedLayers
  readonly signal: AbortSignal | undefined
  readonly keep: Keep
}

/** One layer that arrives. */
class LayerWriter implements BlobWriter {
  readonly state = 'writing'
  readonly #descriptor: Descriptor
  readonly #staged: StagedBlob
  readonly #layers: UnpackedLayers
  readonly #signal: AbortSignal | undefined
  readonly #keepBytes: boolean
  #stage: StagedTree | undefined
  #unpacker: Unpacker | undefined
  #offset = 0
  #keep = true
  /** What runs now. The end of the writer waits for it. */
  #running: Promise<void> | undefined
  #ended: Promise<void> | undefined
  readonly #onAbort = (): void => {
    // Who calls next learns the reason; a failure to close is theirs to see as well, through the same promise.
    this.abort().catch(() => undefined)
  }

  private constructor({ descriptor, staged, layers, signal, keep }: LayerReceipt) {
    this.#descriptor = descriptor
    this.#staged = staged
    this.#layers = layers
    this.#signal = signal
    this.#keepBytes = keep === 'all'
  }

  static async begin(receipt: LayerReceipt): Promise<LayerWriter> {
    const writer = new LayerWriter(receipt)
    const { signal } = receipt
    try {
      await systemCalls(() => writer.#start())
      signal?.throwIfAborted()
    } catch (error) {
      await writer.#end()
      throw error
    }
    signal?.addEventListener('abort', writer.#onAbort, { once: true })
    return writer
  }

  get offset(): number {
    return this.#offset
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#run(async () => {
      const { digest, size } = this.#descriptor
      if (this.#offset + chunk.byteLength > size) {
        this.#keep = false
        throw new BoxError('ERR_BOX_SIZE_MISMATCH', `${digest} has more than the ${size} bytes that were promised`)
      }
      await this.#useUnpacker((unpacker) => unpacker.write(chunk))
      this.#offset += chunk.byteLength
    })
  }

  async restart(): Promise<void> {
    await this.#run(async () => {
      await this.#stop()
      await this.#staged.clear()
      await this.#start()
    })
  }

  async commit(): Promise<void> {
    await this.#run(() => channels.unpack.tracePromise(() => this.#commit(), { descriptor: this.#descriptor }))
    await this.#end()
  }

  async abort(): Promise<void> {
    await this.#end()
  }

  async #commit(): Promise<void> {
    const { digest, size } = this.#descriptor
    if (this.#offset !== size)
      throw new BoxError('ERR_BOX_SIZE_MISMATCH', `${digest} has ${this.#offset} bytes, not the ${size} that were promised`)
    const tar = await this.#useUnpacker((unpacker) => unpacker.finish())
    this.#unpacker = undefined
    if (this.#stage !== undefined) await this.#layers.publish(this.#stage, tar, digest)
    // What means something only above other layers is unpacked above them from its bytes.
    if (this.#keepBytes || tar.dependsOnParent) await this.#staged.publish()
    this.#keep = false
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
          LayerUnpacker.start({ ...stage.options, directoryFd: directory.fd, blobFd: this.#staged.fd, resumeSize: kept, digest, size })
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
    try {
      return await nativeCall(() => use(unpacker))
    } catch (error) {
      if (error instanceof BoxError && wrongBytes.has(error.code)) this.#keep = false
      throw error
    }
  }

  /** One call at a time. A call that fails ends the writer. */
  async #run(work: () => Promise<void>): Promise<void> {
    if (this.#signal?.aborted) await this.#end()
    this.#signal?.throwIfAborted()
    if (this.#ended !== undefined) throw new BoxError('ERR_BOX_STATE', 'the blob writer has ended')
    if (this.#running !== undefined) throw new BoxError('ERR_BOX_STATE', 'another call of the blob writer is not done yet')
    const running = systemCalls(work)
    this.#running = running
    try {
      await running
    } catch (error) {
      await this.#end()
      throw error
    } finally {
      this.#running = undefined
    }
  }

  #end(): Promise<void> {
    this.#ended ??= this.#close(this.#running)
    return this.#ended
  }

  async #close(running: Promise<void> | undefined): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    // Its failure goes to who called it.
    await running?.catch(() => undefined)
    try {
      await this.#stop()
    } finally {
      await this.#staged.close(this.#keep)
    }
  }
}
