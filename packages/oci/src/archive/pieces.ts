import type { Descriptor } from '@box/core'
import { splitDigest } from '../digest.ts'
import type { Index } from '../generated/types.ts'
import { type Pieces, type Section, tarEnd, tarFile, tarFolder } from './tar-writer.ts'

/**
 * An image layout as one tar: what skopeo and podman call `oci-archive`. Documents come first, for who reads it as a stream. Equal index and blobs give
 * equal bytes.
 */
export async function* archivePieces(
  index: Index,
  blobs: readonly Descriptor[],
  content: (blob: Descriptor) => Uint8Array | Section,
): Pieces {
  yield* document('oci-layout', { imageLayoutVersion: '1.0.0' })
  yield* document('index.json', index)
  yield tarFolder('blobs')
  for (const algorithm of new Set(blobs.map(({ digest }) => splitDigest(digest).algorithm))) yield tarFolder(`blobs/${algorithm}`)
  for (const blob of blobs) {
    const { algorithm, encoded } = splitDigest(blob.digest)
    yield* tarFile(`blobs/${algorithm}/${encoded}`, blob.size, content(blob))
  }
  yield tarEnd
}

function document(name: string, value: unknown): Iterable<Uint8Array | Section> {
  const bytes = Buffer.from(JSON.stringify(value))
  return tarFile(name, bytes.byteLength, bytes)
}
