import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import type { Descriptor } from '@box/core'
import { digestOf, type ImageLayout, mediaTypes } from '@box/oci'

const run = promisify(execFile)

/** An image of layers with so many bytes, by default of two, the first one larger than a socket's buffers. */
export async function makeImage(store: ImageLayout, sizes: readonly number[] = [3_000_000, 1000]): Promise<string> {
  const layers = []
  const diffIds = []
  for (const size of sizes) {
    const archive = await archiveOf(store.path, randomBytes(size))
    diffIds.push(digestOf(archive))
    layers.push(await put(store, mediaTypes.layerGzip, gzipSync(archive)))
  }
  const rootfs = { type: 'layers', diff_ids: diffIds }
  const config = await put(store, mediaTypes.config, JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs }))
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers })
  const descriptor = await put(store, mediaTypes.manifest, manifest)
  await store.tag('one', descriptor)
  return descriptor.digest
}

async function archiveOf(path: string, content: Buffer): Promise<Buffer> {
  const folder = await mkdtemp(`${path}-`)
  try {
    await writeFile(join(folder, 'content'), content)
    const { stdout } = await run('tar', ['-C', folder, '-cf', '-', 'content'], { encoding: 'buffer', maxBuffer: 2 ** 26 })
    return stdout
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function put(store: ImageLayout, mediaType: string, content: string | Buffer): Promise<Descriptor> {
  const bytes = Buffer.from(content)
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength }
  const writer = await store.ingest(descriptor)
  if (writer.state !== 'writing') throw new Error(`the layout answered ${writer.state}`)
  await writer.write(bytes)
  await writer.commit()
  return descriptor
}
