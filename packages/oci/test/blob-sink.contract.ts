import type { BlobSource, BlobWriter, Descriptor, ImageSink, Ingest } from '@box/core'
import { randomBytes } from 'node:crypto'
import { digestOf } from '../src/digest.ts'
import { mediaTypes } from '../src/media-types.ts'

/** One sink for one test. */
export interface SinkUnderTest {
  readonly sink: ImageSink
  /** A second handle on the same content, as another part of the program would open it. The sink itself where there is no such thing. */
  readonly other: ImageSink
  close(): Promise<void>
}

/** What a sink does differently by design. */
export interface ContractOptions {
  /** Bytes that a sink takes as a layer. Some check what is inside. Random bytes by default. */
  readonly content?: (size: number) => Uint8Array
  readonly mediaType?: string
}

export function blob(bytes: Uint8Array, mediaType: string = mediaTypes.layer): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength }
}

export async function readAll(source: BlobSource, descriptor: Descriptor, range?: { start: number; end?: number }): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source.read(descriptor.digest, range === undefined ? {} : { range })) chunks.push(Uint8Array.from(chunk))
  return Buffer.concat(chunks)
}

export function writing(ingest: Ingest): BlobWriter {
  if (ingest.state !== 'writing') throw new Error(`expected a writer, got ${ingest.state}`)
  return ingest
}

/** Puts a whole blob into the sink. */
export async function put(sink: ImageSink, bytes: Uint8Array, mediaType?: string): Promise<Descriptor> {
  const descriptor = blob(bytes, mediaType)
  const ingest = await sink.ingest(descriptor)
  if (ingest.state === 'present') return descriptor
  const writer = writing(ingest)
  await writer.write(bytes.subarray(writer.offset))
  await writer.commit()
  return descriptor
}

/** A manifest over layers that are in the sink already. */
export async function putManifest(sink: ImageSink, layers: readonly Descriptor[]): Promise<Descriptor> {
  const diffIds = layers.map(({ digest }) => digest)
  const config = await put(
    sink,
    json({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } }),
    mediaTypes.config,
  )
  return await put(sink, json({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers }), mediaTypes.manifest)
}

export function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

/** Registers the tests that every image sink passes. `open` makes an empty sink. */
export function describeImageSink(name: string, open: () => Promise<SinkUnderTest>, options: ContractOptions = {}): void {
  const content = options.content ?? randomBytes
  const mediaType = options.mediaType ?? mediaTypes.layer

  describe(`${name} as an image sink`, () => {
    let under: SinkUnderTest
    let sink: ImageSink

    beforeEach(async () => {
      under = await open()
      sink = under.sink
    })
    afterEach(async () => {
      await under.close()
    })

    test('a blob is not there until it is committed, and then it is, byte for byte', async () => {
      const bytes = content(300_000)
      const descriptor = blob(bytes, mediaType)
      expect(await sink.stat(descriptor.digest)).toBeUndefined()
      const writer = writing(await sink.ingest(descriptor))
      expect(writer.offset).toBe(0)
      await writer.write(bytes.subarray(0, 100_000))
      expect(await sink.stat(descriptor.digest)).toBeUndefined()
      await expect(readAll(sink, descriptor)).rejects.toMatchObject({ code: 'ERR_BOX_BLOB_ABSENT' })
      await writer.write(bytes.subarray(100_000))
      expect(writer.offset).toBe(bytes.byteLength)
      await writer.commit()
      expect(await sink.stat(descriptor.digest)).toEqual({ size: bytes.byteLength })
      expect((await readAll(under.other, descriptor)).equals(bytes)).toBe(true)
    })

    test('a blob that is there is present and is not asked for again', async () => {
      const descriptor = await put(sink, content(1000), mediaType)
      expect((await sink.ingest(descriptor)).state).toBe('present')
      expect((await under.other.ingest(descriptor)).state).toBe('present')
    })

    test('a chunk may be reused once its write has resolved', async () => {
      const bytes = content(64 * 1024)
      const descriptor = blob(bytes, mediaType)
      const writer = writing(await sink.ingest(descriptor))
      const buffer = Buffer.alloc(1000)
      for (let at = 0; at < bytes.byteLength; at += 1000) {
        const part = bytes.subarray(at, at + 1000)
        buffer.set(part)
        await writer.write(buffer.subarray(0, part.byteLength))
        buffer.fill(0)
      }
      await writer.commit()
      expect((await readAll(sink, descriptor)).equals(bytes)).toBe(true)
    })

    test('the empty blob can be kept', async () => {
      const descriptor = await put(sink, new Uint8Array(0), 'application/octet-stream')
      expect(await sink.stat(descriptor.digest)).toEqual({ size: 0 })
      expect((await readAll(sink, descriptor)).byteLength).toBe(0)
    })

    test('a part of a blob is read by its range', async () => {
      const bytes = content(5000)
      const descriptor = await put(sink, bytes, mediaType)
      expect((await readAll(sink, descriptor, { start: 10, end: 20 })).equals(bytes.subarray(10, 20))).toBe(true)
      expect((await readAll(sink, descriptor, { start: bytes.byteLength - 1 })).equals(bytes.subarray(-1))).toBe(true)
      expect((await readAll(sink, descriptor, { start: bytes.byteLength })).byteLength).toBe(0)
    })

    test.each([{ start: -1 }, { start: 2, end: 1 }, { start: 0, end: 1_000_000 }, { start: 0.5 }, { start: Number.NaN }])(
      'the range %j is refused',
      async (range) => {
        const descriptor = await put(sink, content(5000), mediaType)
        await expect(readAll(sink, descriptor, range)).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
      },
    )

    test('reading what is not there says so', async () => {
      await expect(readAll(sink, blob(content(10)))).rejects.toMatchObject({ code: 'ERR_BOX_BLOB_ABSENT' })
    })

    test('other content than was promised is refused and not kept', async () => {
      const bytes = content(2000)
      const wrong = Buffer.from(bytes)
      wrong[wrong.byteLength - 1] = (wrong.at(-1) ?? 0) ^ 1
      const descriptor = blob(bytes, mediaType)
      const writer = writing(await sink.ingest(descriptor))
      await expect(
        (async () => {
          await writer.write(wrong)
          await writer.commit()
        })(),
      ).rejects.toMatchObject({ code: 'ERR_BOX_DIGEST_MISMATCH' })
      expect(await sink.stat(descriptor.digest)).toBeUndefined()
      const again = writing(await sink.ingest(descriptor))
      expect(again.offset).toBe(0)
      await again.write(bytes)
      await again.commit()
      expect((await readAll(sink, descriptor)).equals(bytes)).toBe(true)
    })

    test('more bytes than were promised are refused at once', async () => {
      const bytes = content(2000)
      const descriptor = { ...blob(bytes, mediaType), size: bytes.byteLength - 1 }
      const writer = writing(await sink.ingest(descriptor))
      await expect(writer.write(bytes)).rejects.toMatchObject({ code: 'ERR_BOX_SIZE_MISMATCH' })
      expect(await sink.stat(descriptor.digest)).toBeUndefined()
    })

    test('fewer bytes than were promised are refused at the commit', async () => {
      const bytes = content(2000)
      const descriptor = blob(bytes, mediaType)
      const writer = writing(await sink.ingest(descriptor))
      await writer.write(bytes.subarray(0, 1000))
      await expect(writer.commit()).rejects.toMatchObject({ code: 'ERR_BOX_SIZE_MISMATCH' })
      expect(await sink.stat(descriptor.digest)).toBeUndefined()
      await writing(await sink.ingest(descriptor)).abort()
    })

    test('an aborted write goes on later where it stopped', async () => {
      const bytes = content(200_000)
      const descriptor = blob(bytes, mediaType)
      const first = writing(await sink.ingest(descriptor))
      await first.write(bytes.subarray(0, 150_000))
      await first.abort()
      await first.abort()
      expect(await sink.stat(descriptor.digest)).toBeUndefined()
      const second = writing(await under.other.ingest(descriptor))
      expect(second.offset).toBe(150_000)
      await second.write(bytes.subarray(second.offset))
      await second.commit()
      expect((await readAll(sink, descriptor)).equals(bytes)).toBe(true)
    })

    test('a source that cannot begin in the middle restarts', async () => {
      const bytes = content(100_000)
      const descriptor = blob(bytes, mediaType)
      const first = writing(await sink.ingest(descriptor))
      await first.write(bytes.subarray(0, 60_000))
      await first.abort()
      const second = writing(await sink.ingest(descriptor))
      await second.restart()
      expect(second.offset).toBe(0)
      await second.write(bytes)
      await second.commit()
      expect((await readAll(sink, descriptor)).equals(bytes)).toBe(true)
    })

    test('an aborted signal ends the write, and what was written is kept', async () => {
      const bytes = content(100_000)
      const descriptor = blob(bytes, mediaType)
      const controller = new AbortController()
      const first = writing(await sink.ingest(descriptor, { signal: controller.signal }))
      await first.write(bytes.subarray(0, 50_000))
      const reason = new Error('no longer wanted')
      controller.abort(reason)
      await expect(first.write(bytes.subarray(50_000))).rejects.toBe(reason)
      const second = writing(await sink.ingest(descriptor))
      expect(second.offset).toBe(50_000)
      await second.abort()
    })

    test('a signal that is aborted already begins nothing', async () => {
      const reason = new Error('no longer wanted')
      await expect(sink.ingest(blob(content(10)), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    })

    test('a writer that has ended takes no more calls', async () => {
      const bytes = content(100)
      const writer = writing(await sink.ingest(blob(bytes, mediaType)))
      await writer.write(bytes)
      await writer.commit()
      await writer.abort()
      await expect(writer.write(bytes)).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
      await expect(writer.commit()).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
      await expect(writer.restart()).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
      expect(await sink.stat(blob(bytes).digest)).toEqual({ size: bytes.byteLength })
    })

    test('a second writer of the same blob is busy until the first commits, then it is present', async () => {
      const bytes = content(5000)
      const descriptor = blob(bytes, mediaType)
      const first = writing(await sink.ingest(descriptor))
      const second = await under.other.ingest(descriptor)
      if (second.state !== 'busy') throw new Error(`expected busy, got ${second.state}`)
      const order: string[] = []
      const waiting = (async () => {
        await second.released
        order.push('released')
      })()
      await first.write(bytes)
      order.push('committing')
      await first.commit()
      await waiting
      expect(order).toEqual(['committing', 'released'])
      expect((await under.other.ingest(descriptor)).state).toBe('present')
    })

    test('a second writer takes over where the first gave up', async () => {
      const bytes = content(50_000)
      const descriptor = blob(bytes, mediaType)
      const first = writing(await sink.ingest(descriptor))
      const second = await under.other.ingest(descriptor)
      if (second.state !== 'busy') throw new Error(`expected busy, got ${second.state}`)
      await first.write(bytes.subarray(0, 30_000))
      await first.abort()
      await second.released
      const third = writing(await under.other.ingest(descriptor))
      expect(third.offset).toBe(30_000)
      await third.write(bytes.subarray(third.offset))
      await third.commit()
      expect((await readAll(sink, descriptor)).equals(bytes)).toBe(true)
    })

    test('many who want the same blob receive it once', async () => {
      const bytes = content(100_000)
      const descriptor = blob(bytes, mediaType)
      let written = 0
      const receive = async (from: ImageSink): Promise<void> => {
        while (true) {
          const ingest = await from.ingest(descriptor)
          if (ingest.state === 'present') return
          if (ingest.state === 'busy') {
            await ingest.released
            continue
          }
          written += 1
          await ingest.write(bytes.subarray(ingest.offset))
          await ingest.commit()
          return
        }
      }
      await Promise.all(Array.from({ length: 12 }, (_, index) => receive(index % 2 === 0 ? sink : under.other)))
      expect(written).toBe(1)
    })

    test('a blob may have a digest by sha512', async () => {
      const bytes = content(1000)
      const descriptor: Descriptor = { mediaType: 'application/octet-stream', digest: digestOf(bytes, 'sha512'), size: bytes.byteLength }
      const writer = writing(await sink.ingest(descriptor))
      await writer.write(bytes)
      await writer.commit()
      expect((await readAll(sink, descriptor)).equals(bytes)).toBe(true)
    })

    test.each(['sha256:../../etc/passwd', 'sha256:baddigeststring', 'md5:d41d8cd98f00b204e9800998ecf8427e', ''])(
      'the digest %j is refused everywhere',
      async (text) => {
        const descriptor = JSON.parse(JSON.stringify({ mediaType, digest: text, size: 1 }))
        const refusal = { code: 'ERR_BOX_DIGEST_INVALID' }
        await expect(sink.stat(descriptor.digest)).rejects.toMatchObject(refusal)
        await expect(readAll(sink, descriptor)).rejects.toMatchObject(refusal)
        await expect(sink.ingest(descriptor)).rejects.toMatchObject(refusal)
      },
    )

    test('a name leads to the descriptor that it was given to, and to a new one after that', async () => {
      const first = await putManifest(sink, [await put(sink, content(1000), mediaType)])
      const second = await putManifest(sink, [await put(sink, content(2000), mediaType)])
      expect(await sink.resolve('app:1')).toBeUndefined()
      await sink.tag('app:1', first)
      await sink.tag('localhost:5000/app:1', first)
      expect(await under.other.resolve('app:1')).toEqual(first)
      await sink.tag('app:1', second)
      expect(await sink.resolve('app:1')).toEqual(second)
      expect(await sink.resolve('localhost:5000/app:1')).toEqual(first)
    })

    test('a name is not given to an image with a blob missing', async () => {
      const missing = blob(content(1000), mediaType)
      const manifest = await putManifest(sink, [missing])
      await expect(sink.tag('app:1', manifest)).rejects.toMatchObject({ code: 'ERR_BOX_BLOB_ABSENT' })
      await expect(sink.tag('app:1', missing)).rejects.toMatchObject({ code: 'ERR_BOX_BLOB_ABSENT' })
      expect(await sink.resolve('app:1')).toBeUndefined()
    })

    test.each(['', 'a b', 'a\nb', 'a\0b', 'x'.repeat(2000)])('the name %j is refused', async (wrong) => {
      const manifest = await putManifest(sink, [])
      await expect(sink.tag(wrong, manifest)).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
    })
  })
}
