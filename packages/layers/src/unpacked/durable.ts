import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { nativeCall } from '../native.ts'
import { isAbsent } from '../absent.ts'
import type { LayerRecord } from './record.ts'

/** When unpacked layers are made to survive a power cut: before a call returns, soon after an image is complete, or never. */
export type Durability = 'full' | 'pull' | 'none'

/**
 * An unpacked layer can be had again from its blob. So its files are not synced one by one: one syncfs(2) for all of them, and then the records
 * say so. A layer without that word is believed until the machine starts anew.
 */
export class Durable {
  readonly bootId: string
  readonly #path: string
  readonly #mode: Durability
  readonly #pending = new Map<string, LayerRecord>()
  #running: Promise<void> = Promise.resolve()

  constructor(path: string, mode: Durability, bootId: string) {
    this.#path = path
    this.#mode = mode
    this.bootId = bootId
  }

  /** @param path A folder on the file system of the layers. */
  static async of(path: string, mode: Durability): Promise<Durable> {
    return new Durable(path, mode, (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim())
  }

  isBelievable({ durable, bootId }: LayerRecord): boolean {
    return durable || bootId === this.bootId
  }

  async add(folder: string, record: LayerRecord): Promise<void> {
    if (this.#mode === 'none' || record.durable) return
    this.#pending.set(folder, record)
    if (this.#mode === 'full') await this.settle()
  }

  /** An image is complete: what it needs is made durable, without anyone waiting for it. */
  imageComplete(): void {
    // A failure shows where somebody waits: in `settle`, which tries again what is still pending.
    this.settle().catch(() => undefined)
  }

  /** Waits until all is durable that was added. */
  async settle(): Promise<void> {
    this.#running = this.#running.catch(() => undefined).then(() => this.#sync())
    await this.#running
  }

  async #sync(): Promise<void> {
    const pending = new Map(this.#pending)
    if (pending.size === 0) return
    await nativeCall((core) => core.syncFileSystem(this.#path))
    for (const [folder, record] of pending) {
      try {
        await replaceFile(join(folder, 'layer.json'), `${JSON.stringify({ ...record, durable: true })}\n`)
      } catch (error) {
        // It was pruned in the meantime.
        if (!isAbsent(error)) throw error
      }
      this.#pending.delete(folder)
    }
  }
}

/** Writes a new file whose bytes survive a power cut. */
export async function syncedFile(path: string, content: string): Promise<void> {
  const handle = await open(path, 'w', 0o644)
  try {
    await handle.writeFile(content)
    await handle.datasync()
  } finally {
    await handle.close()
  }
}

/** Replaces a file at one stroke; its bytes survive a power cut. Who else does it at the same time writes the same words, or is kept out by a lock. */
export async function replaceFile(path: string, content: string): Promise<void> {
  const temporary = `${path}.${process.pid}.new`
  await syncedFile(temporary, content)
  await rename(temporary, path)
}
