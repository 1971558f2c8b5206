import { type BlobSource, BoxError, type Descriptor, type Digest } from '@box/core'
import { createDigester, digestOf, mediaTypes, namesOf, parseImageConfig, parseIndex, parseLayout, readJson, splitDigest } from '@box/oci'
import { type ArchiveFile, compressionOf, invalid, type Part } from './archive-file.ts'
import { type Candidate, choose } from './candidates.ts'

/** An image in an archive. */
export interface ArchivedImage {
  readonly source: BlobSource
  readonly descriptor: Descriptor
  /** The names that it has there. */
  readonly names: readonly string[]
}

/** What a tar can be. */
export type ArchiveFormat = 'oci-archive' | 'docker-archive' | 'tar'

/** The largest document that is read, as for those of registries. */
const largestDocument = 4 * 1024 * 1024

/**
 * What an archive is, by what it holds: `oci-layout` and `index.json` make an OCI archive (also one by a Docker that writes both kinds in one),
 * `manifest.json` alone one of Docker's; anything else is the tar of a root file system.
 */
export function formatOf(archive: ArchiveFile): ArchiveFormat {
  if (archive.has('oci-layout') && archive.has('index.json')) return 'oci-archive'
  return archive.has('manifest.json') ? 'docker-archive' : 'tar'
}

/** The image of an OCI archive (image-spec, image-layout.md, in a tar) that has that name, or the only one. */
export async function ociArchive(archive: ArchiveFile, tag: string | undefined): Promise<ArchivedImage> {
  parseLayout(await archive.bytes('oci-layout', largestDocument))
  const { manifests } = parseIndex(await archive.bytes('index.json', largestDocument)).value
  const { names, value } = choose(
    'the archive',
    manifests.map((entry) => ({ names: namesOf(entry), value: entry })),
    tag,
  )
  const { annotations: _, ...descriptor } = value
  return { source: archiveSource(archive, (digest) => archive.find(blobName(digest))), descriptor, names }
}

function blobName(digest: Digest): string {
  const { algorithm, encoded } = splitDigest(digest)
  return `blobs/${algorithm}/${encoded}`
}

/** One image of Docker's `manifest.json`. */
interface DockerImage {
  readonly config: string
  readonly layers: readonly string[]
}

/**
 * The image of an archive as `docker save` writes it that has that name, or the only one. Its configuration stays as it is, and so its image id; its
 * layers do, too. Only the manifest is made here: such an archive has none.
 */
export async function dockerArchive(archive: ArchiveFile, tag: string | undefined): Promise<ArchivedImage> {
  const listed = readJson('manifest.json of the archive', await archive.bytes('manifest.json', largestDocument), {
    maxBytes: largestDocument,
  })
  if (!Array.isArray(listed)) throw notDockers('it is not a list of images')
  const { names, value } = choose('the archive', listed.map(readDockerImage), tag)
  const config = await archive.bytes(value.config, largestDocument)
  const diffIDs = parseImageConfig(config).value.rootfs.diff_ids
  if (diffIDs.length !== value.layers.length)
    throw notDockers(`an image has ${value.layers.length} layers, and its configuration ${diffIDs.length} diffIDs`)
  const parts = value.layers.map((name) => {
    const part = archive.find(name)
    if (part === undefined) throw new BoxError('ERR_BOX_BLOB_ABSENT', `the archive has no ${JSON.stringify(name)}, which is a layer`)
    return part
  })
  const blobs = new Map<Digest, Part>()
  const layers: Descriptor[] = []
  for (const [index, part] of parts.entries()) {
    const layer = await describeLayer(archive, part, diffIDs[index])
    blobs.set(layer.digest, part)
    layers.push(layer)
  }
  const configDescriptor = { mediaType: mediaTypes.config, digest: digestOf(config), size: config.byteLength }
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.manifest, config: configDescriptor, layers }))
  const descriptor = { mediaType: mediaTypes.manifest, digest: digestOf(manifest), size: manifest.byteLength }
  const documents = new Map<Digest, Uint8Array>([
    [descriptor.digest, manifest],
    [configDescriptor.digest, config],
  ])
  return { source: archiveSource(archive, (digest) => blobs.get(digest), documents), descriptor, names }
}

/** A plain layer has its diffID as digest, which whoever receives it checks. */
async function describeLayer(archive: ArchiveFile, part: Part, diffID: Digest | undefined): Promise<Descriptor> {
  let head: Uint8Array = Buffer.alloc(0)
  for await (const chunk of archive.read(part, 0, Math.min(part.size, 4))) head = chunk
  const compression = compressionOf(head)
  if (compression === 'none' && diffID !== undefined) return { mediaType: mediaTypes.layer, digest: diffID, size: part.size }
  const digester = createDigester('sha256')
  for await (const chunk of archive.read(part)) digester.update(chunk)
  const mediaType = compression === 'zstd' ? mediaTypes.layerZstd : mediaTypes.layerGzip
  return { mediaType, digest: digester.digest(), size: part.size }
}

function readDockerImage(value: unknown): Candidate<DockerImage> {
  if (typeof value !== 'object' || value === null) throw notDockers('an image is no object')
  const image: { readonly Config?: unknown; readonly RepoTags?: unknown; readonly Layers?: unknown } = value
  const { Config: config, RepoTags: tags, Layers: layers } = image
  if (typeof config !== 'string' || !isStrings(layers) || !(tags === undefined || tags === null || isStrings(tags)))
    throw notDockers('an image must have the texts Config, Layers and RepoTags')
  return { names: tags ?? [], value: { config, layers } }
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function notDockers(rule: string): BoxError {
  return new BoxError('ERR_BOX_DOCUMENT_INVALID', `manifest.json is not one of docker save: ${rule}`, {
    hint: "where the archive is a root file system with such a file, say format: 'tar'",
  })
}

function archiveSource(
  archive: ArchiveFile,
  find: (digest: Digest) => Part | undefined,
  documents: ReadonlyMap<Digest, Uint8Array> = new Map(),
): BlobSource {
  return {
    stat: async (digest) => {
      const size = documents.get(digest)?.byteLength ?? find(digest)?.size
      return size === undefined ? undefined : { size }
    },
    async *read(digest, { range, signal } = {}) {
      const document = documents.get(digest)
      if (document !== undefined) {
        yield document.subarray(range?.start ?? 0, range?.end)
        return
      }
      const part = find(digest)
      if (part === undefined) throw new BoxError('ERR_BOX_BLOB_ABSENT', `${digest} is not in the archive`)
      const { start = 0, end = part.size } = range ?? {}
      if (start > end || end > part.size) throw invalid(`${digest} has ${part.size} bytes in the archive, fewer than were promised`)
      for await (const chunk of archive.read(part, start, end)) {
        signal?.throwIfAborted()
        yield chunk
      }
    },
  }
}
