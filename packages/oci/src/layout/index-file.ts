import type { Descriptor } from '@box/core'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { parseIndex } from '../documents/image.ts'
import type { Index } from '../generated/types.ts'
import { selectPlatform } from '../platform.ts'
import { errnoOf } from './file-system.ts'
import { readFlags } from './folder.ts'

/** The annotation that names an entry of index.json (image-spec, image-layout.md, "index.json file"). */
export const nameAnnotation = 'org.opencontainers.image.ref.name'

const emptyIndex: Index = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [] }

/** Reads index.json. A layout without one has no images. */
export async function readIndexFile(layoutPath: string): Promise<Index> {
  let handle
  try {
    handle = await open(join(layoutPath, 'index.json'), readFlags)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return emptyIndex
    throw error
  }
  try {
    return parseIndex(await handle.readFile(), { maxBytes: 64 * 1024 * 1024 }).value
  } finally {
    await handle.close()
  }
}

/** The entry of that name. Where several platforms share the name, this machine's. */
export function findEntry(index: Index, name: string): Descriptor | undefined {
  const entries = index.manifests.filter((entry) => nameOf(entry) === name)
  return entries.length > 1 ? (selectPlatform(entries) ?? entries[0]) : entries[0]
}

export function nameOf(entry: Descriptor): string | undefined {
  return entry.annotations?.[nameAnnotation]
}

/** The index with the name on this descriptor and on no other. */
export function withEntry(index: Index, name: string, descriptor: Descriptor): Index {
  const named = { ...descriptor, annotations: { ...descriptor.annotations, [nameAnnotation]: name } }
  return { ...index, manifests: [...withoutEntry(index, name).manifests, named] }
}

/** The index without the entries of that name. */
export function withoutEntry(index: Index, name: string): Index {
  return { ...index, manifests: index.manifests.filter((entry) => nameOf(entry) !== name) }
}

/** The descriptor as it was before it was named. */
export function withoutName(entry: Descriptor): Descriptor {
  const { annotations, ...rest } = entry
  const kept = Object.entries(annotations ?? {}).filter(([key]) => key !== nameAnnotation)
  return kept.length === 0 ? rest : { ...rest, annotations: Object.fromEntries(kept) }
}
