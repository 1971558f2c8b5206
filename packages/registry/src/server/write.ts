import type { BlobWriter, Descriptor } from '@box/core'
import type { ServableStore } from './store.ts'

/** Asks the store to receive a blob, and waits where someone else is sending it the same one. Undefined where the store has it. */
export async function openWriter(store: ServableStore, descriptor: Descriptor, signal?: AbortSignal): Promise<BlobWriter | undefined> {
  const options = signal === undefined ? {} : { signal }
  let answer = await store.ingest(descriptor, options)
  while (answer.state === 'busy') {
    await answer.released
    answer = await store.ingest(descriptor, options)
  }
  return answer.state === 'present' ? undefined : answer
}

/**
 * Puts all the chunks into the store as that blob. What was written before a failure is not kept: the protocol has no way to go on from it.
 * @throws BoxError as `BlobWriter.commit`
 */
export async function writeChunks(writer: BlobWriter, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  try {
    if (writer.offset > 0) await writer.restart()
    for await (const chunk of chunks) await writer.write(chunk)
    await writer.commit()
  } catch (error) {
    // A writer that failed by itself has ended, and says so again.
    await writer.restart().catch(() => undefined)
    await writer.abort()
    throw error
  }
}

/** Puts the bytes into the store. They are known to be those of the descriptor. */
export async function writeBytes(store: ServableStore, descriptor: Descriptor, bytes: Uint8Array): Promise<void> {
  const writer = await openWriter(store, descriptor)
  if (writer !== undefined) await writeChunks(writer, [bytes])
}
