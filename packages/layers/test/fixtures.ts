import type { Descriptor, ImageSink } from '@box/core'
import { digestOf, mediaTypes } from '@box/oci'
import { randomBytes } from 'node:crypto'

/** One entry of a tar that a test makes. */
export interface TarEntry {
  readonly name: string
  /** `file` by default. */
  readonly type?: 'file' | 'folder' | 'symlink' | 'hardlink' | 'fifo'
  readonly content?: Uint8Array | string
  readonly target?: string
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
}

const typeFlags = { file: '0', hardlink: '1', symlink: '2', folder: '5', fifo: '6' } as const

/** A tar in the ustar format, written without the code under test. */
export function tar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(blocksOf), Buffer.alloc(1024)])
}

/** A valid layer of exactly that size (a multiple of 512, at least 2048): one file of random bytes. Other sizes get zeros after the end. */
export function layerOfSize(size: number): Buffer {
  const content = Math.max(0, Math.floor((size - 1536) / 512) * 512)
  const bytes = tar([{ name: 'file', content: randomBytes(content) }])
  return bytes.byteLength > size ? bytes : Buffer.concat([bytes, Buffer.alloc(size - bytes.byteLength)])
}

export const layerType: string = mediaTypes.layer

function blocksOf(entry: TarEntry): Buffer[] {
  const content = Buffer.from(entry.content ?? '')
  const type = entry.type ?? 'file'
  const header = Buffer.alloc(512)
  const octal = (value: number, offset: number, length: number): void => {
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1')
  }
  header.write(entry.name, 0)
  octal(entry.mode ?? (type === 'folder' ? 0o755 : 0o644), 100, 8)
  octal(entry.uid ?? 0, 108, 8)
  octal(entry.gid ?? 0, 116, 8)
  octal(type === 'file' ? content.byteLength : 0, 124, 12)
  octal(1_700_000_000, 136, 12)
  header.write('        ', 148)
  header.write(typeFlags[type], 156)
  header.write(entry.target ?? '', 157)
  header.write('ustar\0', 257, 'latin1')
  header.write('00', 263)
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  )
  return [header, content, Buffer.alloc((512 - (content.byteLength % 512)) % 512)]
}

/** Puts bytes into a sink, as a client that pulls does. */
export async function put(sink: ImageSink, bytes: Uint8Array, mediaType = 'application/octet-stream'): Promise<Descriptor> {
  const descriptor: Descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength }
  const ingest = await sink.ingest(descriptor)
  if (ingest.state === 'busy') throw new Error('the blob is being written')
  if (ingest.state === 'writing') {
    await ingest.write(bytes.subarray(ingest.offset))
    await ingest.commit()
  }
  return descriptor
}

/** Puts an image of these tars into a sink, the lowest first, and names it. */
export async function putImage(sink: ImageSink, layers: readonly Buffer[], name: string): Promise<Descriptor> {
  const descriptors: Descriptor[] = []
  for (const layer of layers) descriptors.push(await put(sink, layer, mediaTypes.layer))
  const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: descriptors.map(({ digest }) => digest) } }
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: await put(sink, Buffer.from(JSON.stringify(config)), mediaTypes.config),
    layers: descriptors,
  }
  const descriptor = await put(sink, Buffer.from(JSON.stringify(manifest)), mediaTypes.manifest)
  await sink.tag(name, descriptor)
  return descriptor
}
