import type { Descriptor } from '@box/core'
import { statBlob } from '../client/blobs.ts'
import type { Repository } from '../client/repository.ts'
import { beginUpload, finishUpload, sendChunk, uploadStatus, type Session, type Slice } from '../client/upload.ts'
import { RegistryError } from '../errors.ts'
import type { RetryPolicy } from '../http/retry.ts'
import { Progress, type Emit } from './events.ts'
import type { KeptUpload, KeptUploads } from './kept-uploads.ts'
import type { Origin } from './origin.ts'
import { progressAtLeast, readBlob } from './read.ts'

export interface SendOptions {
  readonly retry: RetryPolicy
  readonly signal: AbortSignal
  readonly emit: Emit
  /** Bytes for each request of an upload. Infinity: all in one. */
  readonly chunkSize: number
  readonly mountFrom: Repository | undefined
  /** Where the addresses of unfinished uploads are kept for a later process. */
  readonly uploads: KeptUploads | undefined
}

/**
 * Brings a blob into a repository: not at all where it is there, by going on with what an earlier process began, by mounting it where the registry has it
 * elsewhere, else by sending it.
 */
export async function send(origin: Origin, repository: Repository, descriptor: Descriptor, options: SendOptions): Promise<void> {
  const { signal, emit } = options
  const progress = new Progress(descriptor, emit)
  const uploads = isSmall(descriptor, options) ? undefined : options.uploads
  if ((await statBlob(repository, descriptor.digest, 'pull,push', signal)) !== undefined) {
    // Who began its upload may have been killed when it was there, or someone else has brought it.
    await uploads?.forget(repository, descriptor)
    progress.end('present')
    return
  }
  const kept = await uploads?.claim(repository, descriptor)
  try {
    const outcome = await bring(new Upload(origin, repository, descriptor, options, progress, kept), repository, descriptor, options)
    await kept?.forget()
    progress.end(outcome)
  } finally {
    await kept?.release()
  }
}

async function bring(
  upload: Upload,
  repository: Repository,
  descriptor: Descriptor,
  { mountFrom, signal }: SendOptions,
): Promise<'copied' | 'mounted'> {
  if (await upload.resume()) return 'copied'
  const session = await beginUpload(repository, descriptor, mountFrom, signal)
  if (session === 'mounted') return 'mounted'
  await upload.run(session)
  return 'copied'
}

/** A blob of so many bytes is not worth a request of its own before the one that ends the upload. */
const smallest = 256 * 1024

function isSmall({ size }: Descriptor, { chunkSize }: SendOptions): boolean {
  return size <= Math.min(smallest, chunkSize)
}

class Upload {
  readonly #repository: Repository
  readonly #descriptor: Descriptor
  readonly #options: SendOptions
  readonly #progress: Progress
  readonly #slice: Slice
  readonly #kept: KeptUpload | undefined
  /** How many bytes of the blob the last request was given. */
  #handed = 0
  /** Why the source could not be read: that is never the registry's fault, and no reason to try again. */
  #sourceFailure: { readonly reason: unknown } | undefined

  constructor(
    origin: Origin,
    repository: Repository,
    descriptor: Descriptor,
    options: SendOptions,
    progress: Progress,
    kept: KeptUpload | undefined,
  ) {
    this.#repository = repository
    this.#descriptor = descriptor
    this.#options = options
    this.#progress = progress
    this.#slice = (start, end) => this.#read(origin, start, end)
    this.#kept = kept
  }

  /** Goes on with what an earlier process began. Gives false where there is nothing of that, or the registry does not take it. */
  async resume(): Promise<boolean> {
    const earlier = this.#kept?.earlier
    if (earlier === undefined) return false
    // Any part of it may have been on the way when that process ended.
    this.#handed = this.#descriptor.size
    const session = await this.#settled(earlier)
    if (session !== undefined) {
      this.#progress.tell('started', session.offset)
      try {
        await this.#inParts(session)
        return true
      } catch (thrown) {
        // The bytes that the registry has may be other ones than those that were sent.
        if (this.#sourceFailure !== undefined || !isRefusal(thrown)) throw thrown
      }
    }
    await this.#kept?.forget()
    return false
  }

  async run(begun: Session): Promise<void> {
    this.#progress.tell('started', 0)
    const small = isSmall(this.#descriptor, this.#options)
    if (small && (await this.#atOnce(begun))) return
    await this.#inParts(small ? await this.#begin() : begun)
  }

  async #inParts(begun: Session): Promise<void> {
    const { signal, retry } = this.#options
    let session = begun
    for (let attempt = 1, counted = begun.offset; ; attempt += 1) {
      try {
        await this.#kept?.keep(session)
        await this.#send(session, async (next) => {
          session = next
          await this.#kept?.keep(next)
        })
        return
      } catch (thrown) {
        if (this.#sourceFailure !== undefined) throw this.#sourceFailure.reason
        if (isNoPatch(thrown, session)) {
          await this.#kept?.forget()
          await this.#whole()
          return
        }
        if (!isRecoverable(thrown)) throw thrown
        if (!(await retry.wait(attempt, thrown.retryAfter, signal))) throw thrown
        session = await this.#recover(session)
        // By what the registry says it has: what a request that broke has brought is progress too.
        if (session.offset - counted >= progressAtLeast) {
          attempt = 0
          counted = session.offset
        }
      }
    }
  }

  /** In the request that ends the upload. Gives false where that failed in a way that a second try may not. */
  async #atOnce(session: Session): Promise<boolean> {
    try {
      await finishUpload(this.#repository, this.#descriptor, session, this.#slice, this.#options.signal)
      return true
    } catch (thrown) {
      if (this.#sourceFailure !== undefined) throw this.#sourceFailure.reason
      if (!isRecoverable(thrown)) throw thrown
      if (thrown.retryAfter !== undefined && !(await this.#options.retry.wait(1, thrown.retryAfter, this.#options.signal))) throw thrown
      return false
    }
  }

  /** Sends what is left, in chunks, and has the registry check it. */
  async #send(from: Session, onSession: (session: Session) => Promise<void>): Promise<void> {
    const { signal, chunkSize } = this.#options
    const { size } = this.#descriptor
    let session = from
    while (session.offset < size) {
      const end = Math.min(size, session.offset + Math.max(chunkSize, session.shortestChunk))
      session = await sendChunk(this.#repository, this.#descriptor, session, this.#slice, end, signal)
      await onSession(session)
    }
    await finishUpload(this.#repository, this.#descriptor, session, undefined, signal)
  }

  /** In one PUT, for a registry that does not take parts. */
  async #whole(): Promise<void> {
    const session = await this.#begin()
    try {
      await finishUpload(this.#repository, this.#descriptor, session, this.#slice, this.#options.signal)
    } catch (thrown) {
      throw this.#sourceFailure === undefined ? thrown : this.#sourceFailure.reason
    }
  }

  /** Goes on where the registry says it is; begins anew where it has forgotten. */
  async #recover(session: Session): Promise<Session> {
    return (await this.#settled(session)) ?? (await this.#begin())
  }

  /**
   * How far the registry is. One that has less than was handed to the connection may be writing what has arrived: it is asked until its answer stays the same,
   * so that nothing is sent again that it has.
   */
  async #settled(session: Session): Promise<Session | undefined> {
    const { signal, retry } = this.#options
    const ask = async (): Promise<Session | undefined> => await uploadStatus(this.#repository, this.#descriptor, session, signal)
    let status = await ask()
    for (let attempt = 1; status !== undefined && status.offset < this.#handed; attempt += 1) {
      if (!(await retry.wait(attempt, undefined, signal))) break
      const next = await ask()
      if (next === undefined || next.offset === status.offset) return next
      status = next
    }
    return status
  }

  async #begin(): Promise<Session> {
    const session = await beginUpload(this.#repository, this.#descriptor, undefined, this.#options.signal)
    if (session !== 'mounted') return session
    throw new RegistryError('ERR_BOX_REGISTRY', `${this.#repository.registry} mounted a blob that it was not asked to`, {
      registry: this.#repository.registry,
    })
  }

  async *#read(origin: Origin, start: number, end: number): AsyncGenerator<Uint8Array, void, void> {
    const { retry, signal } = this.#options
    let position = start
    try {
      for await (const chunk of readBlob(origin, this.#descriptor, { start, retry, signal })) {
        const part = chunk.length > end - position ? chunk.subarray(0, end - position) : chunk
        this.#handed = position + part.length
        yield part
        position += part.length
        this.#progress.moved(position)
        if (position === end) return
      }
    } catch (thrown) {
      this.#sourceFailure = { reason: thrown }
      throw thrown
    }
  }
}

/** A registry without chunked upload says so to the first chunk. */
function isNoPatch(thrown: unknown, session: Session): boolean {
  return session.offset === 0 && thrown instanceof RegistryError && (thrown.status === 405 || thrown.status === 501)
}

/** The registry does not want this upload; that it does not want this client is no reason to try another one. */
function isRefusal(thrown: unknown): boolean {
  if (!(thrown instanceof RegistryError) || thrown.status === undefined) return false
  return thrown.status >= 400 && thrown.status < 500 && ![401, 403, 408, 429].includes(thrown.status)
}

/** What a fresh look at the session may repair: a broken connection, a passing fault, a session that is out of step or gone. */
function isRecoverable(thrown: unknown): thrown is RegistryError {
  if (!(thrown instanceof RegistryError)) return false
  if (thrown.code === 'ERR_BOX_REGISTRY_UNREACHABLE') return true
  return thrown.status !== undefined && [404, 408, 416, 429, 500, 502, 503, 504].includes(thrown.status)
}
