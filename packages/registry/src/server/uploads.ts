import { type FileHandle, mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDigester, type DigestAlgorithm, type Digester } from '@box/oci'
import type { Limits } from './limits.ts'
import { Refusal } from './refusal.ts'

const suffix = '.upload'

/**
 * The unfinished uploads: one open file each. A file has no name any more once it is open, so that its bytes go with the process, however that
 * ends; systems that don't remove open files keep the name until the upload ends.
 */
export class Uploads {
  readonly #named: string | undefined
  readonly #limits: Limits
  readonly #sessions = new Map<string, Upload>()

  /** @param folder Where they go, made when the first one begins. By default the system's folder for temporary files. */
  constructor(folder: string | undefined, limits: Limits) {
    this.#named = folder
    this.#limits = limits
  }

  /** Removes what an earlier process left too long ago. */
  async sweep(): Promise<void> {
    if (this.#named === undefined) return
    for (const name of await namesIn(this.#named)) {
      if (!name.endsWith(suffix)) continue
      const path = join(this.#named, name)
      const { mtimeMs } = await stat(path)
      if (Date.now() - mtimeMs > this.#limits.uploadExpiry) await rm(path, { force: true })
    }
  }

  /** Begins an upload. @throws Refusal `TOOMANYREQUESTS` */
  async begin(repository: string, algorithm: DigestAlgorithm): Promise<Upload> {
    await this.#expire()
    if (this.#sessions.size >= this.#limits.uploads)
      throw new Refusal(429, 'TOOMANYREQUESTS', 'too many uploads are open', { headers: { 'Retry-After': 10 } })
    const id = randomUUID()
    const upload = new Upload(id, repository, async () => await this.#place(id), algorithm)
    this.#sessions.set(id, upload)
    return upload
  }

  /** The upload of that repository with that id. @throws Refusal `BLOB_UPLOAD_UNKNOWN` */
  find(repository: string, id: string): Upload {
    const upload = this.#sessions.get(id)
    if (upload !== undefined && upload.repository === repository) return upload
    throw new Refusal(404, 'BLOB_UPLOAD_UNKNOWN', 'there is no such upload')
  }

  /** Ends an upload, finished or not, and removes its bytes. */
  async end(upload: Upload): Promise<void> {
    this.#sessions.delete(upload.id)
    await upload.close()
  }

  /** Ends all uploads. */
  async close(): Promise<void> {
    for (const upload of this.#sessions.values()) await this.end(upload)
  }

  async #place(id: string): Promise<string> {
    if (this.#named !== undefined) await mkdir(this.#named, { recursive: true, mode: 0o700 })
    return join(this.#named ?? tmpdir(), `box-registry-${id}${suffix}`)
  }

  async #expire(): Promise<void> {
    const now = Date.now()
    for (const upload of this.#sessions.values())
      if (!upload.busy && now - upload.touched > this.#limits.uploadExpiry) await this.end(upload)
  }
}

/** The bytes of one upload so far, and their digest in the making. */
export class Upload {
  readonly id: string
  readonly repository: string
  readonly #place: () => Promise<string>
  /** Where the file has its name still. */
  #path: string | undefined
  #digester: Digester
  #file: FileHandle | undefined
  #size = 0
  #waiting = 0
  #closed = false
  #last: Promise<unknown> = Promise.resolve()
  touched: number = Date.now()

  constructor(id: string, repository: string, place: () => Promise<string>, algorithm: DigestAlgorithm) {
    this.id = id
    this.repository = repository
    this.#place = place
    this.#digester = createDigester(algorithm)
  }

  get size(): number {
    return this.#size
  }

  /** Whether a request is using it. */
  get busy(): boolean {
    return this.#waiting > 0
  }

  /**
   * Lets one request after the other use it. A request whose client is gone may still be here when the client's next one comes.
   * @throws Refusal `BLOB_UPLOAD_UNKNOWN` where the one before ended the upload
   */
  async alone<Value>(work: () => Promise<Value>): Promise<Value> {
    this.#waiting += 1
    const done = this.#last.then(async () => {
      if (this.#closed) throw new Refusal(404, 'BLOB_UPLOAD_UNKNOWN', 'there is no such upload')
      return await work()
    })
    this.#last = done.catch(() => {})
    try {
      return await done
    } finally {
      this.#waiting -= 1
      this.touched = Date.now()
    }
  }

  /** Appends. What was written before an error stays, and counts. */
  async append(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const file = (this.#file ??= await this.#open())
    for await (const chunk of chunks) {
      await writeAll(file, chunk, this.#size)
      this.#digester.update(chunk)
      this.#size += chunk.byteLength
    }
  }

  /** The digest of all bytes, by that algorithm. The upload is to be ended afterwards. */
  async digest(algorithm: DigestAlgorithm): Promise<string> {
    const own = this.#digester.digest()
    if (own.startsWith(`${algorithm}:`)) return own
    const digester = createDigester(algorithm)
    for await (const chunk of this.read()) digester.update(chunk)
    return digester.digest()
  }

  /** All bytes. */
  async *read(): AsyncGenerator<Uint8Array, void, void> {
    if (this.#file === undefined) return
    for await (const chunk of this.#file.createReadStream({ start: 0, autoClose: false, highWaterMark: 256 * 1024 }))
      if (Buffer.isBuffer(chunk)) yield chunk
  }

  /** Removes the bytes. */
  async close(): Promise<void> {
    this.#closed = true
    const file = this.#file
    this.#file = undefined
    await file?.close()
    if (this.#path !== undefined) await rm(this.#path, { force: true })
  }

  async #open(): Promise<FileHandle> {
    const path = await this.#place()
    const file = await open(path, 'wx+', 0o600)
    await rm(path).catch(() => {
      this.#path = path
    })
    return file
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  let written = 0
  while (written < chunk.byteLength) {
    const { bytesWritten } = await file.write(chunk, written, chunk.byteLength - written, position + written)
    written += bytesWritten
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
