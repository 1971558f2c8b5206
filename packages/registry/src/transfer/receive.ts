import { abortable, BoxError, type BlobSink, type BlobWriter, type Descriptor } from '@box/core'
import type { RetryPolicy } from '../http/retry.ts'
import { Progress, type Emit } from './events.ts'
import type { Origin } from './origin.ts'
import { readBlob } from './read.ts'

export interface ReceiveOptions {
  readonly retry: RetryPolicy
  readonly signal: AbortSignal
  readonly emit: Emit
}

/**
 * Brings a blob into a sink, from the byte on that the sink does not have. Nothing is asked for where the sink has it, or where another
 * writer brings it. What an earlier try left and turns out to be wrong is fetched anew, once.
 */
export async function receive(origin: Origin, sink: BlobSink, descriptor: Descriptor, options: ReceiveOptions): Promise<void> {
  const progress = new Progress(descriptor, options.emit)
  const outcome = await attempt(origin, sink, descriptor, progress, options, false)
  if (outcome === 'stale') await attempt(origin, sink, descriptor, progress, options, true)
}

/** Gives `stale` where what the sink held from an earlier try does not fit what came after it. */
async function attempt(
  origin: Origin,
  sink: BlobSink,
  descriptor: Descriptor,
  progress: Progress,
  options: ReceiveOptions,
  anew: boolean,
): Promise<'done' | 'stale'> {
  const writer = await writerOf(sink, descriptor, options.signal)
  if (writer === undefined) {
    progress.end('present')
    return 'done'
  }
  const held = writer.offset
  let resumed = false
  try {
    if (anew || held > descriptor.size) await writer.restart()
    else resumed = held > 0
    const restarted = await pump(origin, writer, descriptor, resumed ? held : 0, progress, options)
    resumed &&= !restarted
    await writer.commit()
  } catch (thrown) {
    await writer.abort()
    if (resumed && isMismatch(thrown)) return 'stale'
    throw thrown
  }
  progress.end('copied')
  return 'done'
}

/** Gives whether the source began again at the first byte. */
async function pump(
  origin: Origin,
  writer: BlobWriter,
  descriptor: Descriptor,
  start: number,
  progress: Progress,
  { retry, signal }: ReceiveOptions,
): Promise<boolean> {
  let done = start
  let restarted = false
  const onRestart = async (): Promise<void> => {
    await writer.restart()
    done = 0
    restarted = true
  }
  progress.tell('started', done)
  for await (const chunk of readBlob(origin, descriptor, { start, retry, signal, lent: true, onRestart })) {
    await writer.write(chunk)
    done += chunk.length
    progress.moved(done)
  }
  return restarted
}

/** Waits for whoever is bringing the blob already; undefined where it is there. */
async function writerOf(sink: BlobSink, descriptor: Descriptor, signal: AbortSignal): Promise<BlobWriter | undefined> {
  while (true) {
    const ingest = await sink.ingest(descriptor, { signal })
    if (ingest.state === 'present') return undefined
    if (ingest.state === 'writing') return ingest
    await abortable(ingest.released, signal)
  }
}

function isMismatch(thrown: unknown): boolean {
  return thrown instanceof BoxError && (thrown.code === 'ERR_BOX_DIGEST_MISMATCH' || thrown.code === 'ERR_BOX_SIZE_MISMATCH')
}
