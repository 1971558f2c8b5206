/** What the registry bench works with, all of it on a tmpfs: a registry that holds the image in both compressions, small layers to push, containerd. */
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { digestOf, mediaTypes } from '@box/oci'
import { layout, Registry } from '@box/registry'
import { buildFloor } from '../layers/floor.mjs'
import { benchImage } from '../layers/input.mjs'

const smallLayers = 50
const smallLayerSize = 10_000

/** @param parent a folder on a tmpfs */
export async function makeWorkplace(parent) {
  const folder = mkdtempSync(join(parent, 'box-bench-'))
  const started = []
  const close = async () => {
    for (const program of started.toReversed()) await program.close()
    unmountBelow(folder)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const image = benchImage()
    const data = filledData(image)
    const kept = existsSync(data)
    const registry = await startRegistry(join(folder, 'registry'), kept ? data : undefined)
    started.push(registry)
    const references = Object.fromEntries(['gzip', 'zstd'].map((name) => [name, `${registry.host}/bench/${name}:1`]))
    if (!kept) {
      for (const [name, reference] of Object.entries(references)) await push(image[name].layout, reference)
      keepData(join(folder, 'registry/data'), data)
    }
    const small = join(folder, 'small')
    await makeSmallLayers(small)
    const smallReference = `${registry.host}/bench/small:1`
    await push(small, smallReference)
    const floorFolder = join(folder, 'floor')
    mkdirSync(floorFolder)
    return {
      folder,
      floor: buildFloor(),
      floorFolder,
      host: registry.host,
      registryPid: registry.pid,
      image,
      references,
      small,
      smallReference,
      startContainerd: () => startContainerd(folder, started),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Where the data of a registry are kept that holds the image in both compressions: beside the image, outside the clone. */
function filledData({ gzip }) {
  const images = dirname(gzip.layout)
  return join(dirname(images), `registry-of-${basename(images)}`)
}

function keepData(from, to) {
  const unfinished = `${to}.${process.pid}`
  try {
    cpSync(from, unfinished, { recursive: true })
    renameSync(unfinished, to)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

async function push(path, reference) {
  const client = new Registry()
  try {
    await client.push(layout(path), reference, { name: 'bench' })
  } finally {
    await client.close()
  }
}

async function makeSmallLayers(path) {
  const target = layout(path, { durability: 'none' })
  const put = async (mediaType, bytes) => {
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length }
    const writer = await target.ingest(descriptor)
    await writer.write(bytes)
    await writer.commit()
    return descriptor
  }
  const contents = Array.from({ length: smallLayers }, () => randomBytes(smallLayerSize))
  const layers = []
  for (const bytes of contents) layers.push(await put(mediaTypes.layer, bytes))
  const rootfs = { type: 'layers', diff_ids: contents.map((bytes) => digestOf(bytes)) }
  const config = await put(mediaTypes.config, Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs })))
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers }
  await target.tag('bench', await put(mediaTypes.manifest, Buffer.from(JSON.stringify(manifest))))
}

/** @param data what it holds already, to be copied */
async function startRegistry(folder, data) {
  mkdirSync(folder)
  if (data !== undefined) cpSync(data, join(folder, 'data'), { recursive: true })
  const config = join(folder, 'config.json')
  const storage = { filesystem: { rootdirectory: join(folder, 'data') } }
  // The configuration is YAML, of which JSON is a part.
  writeFileSync(config, JSON.stringify({ version: 0.1, log: { accesslog: { disabled: true } }, storage, http: { addr: '127.0.0.1:0' } }))
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] })
  const port = await lineOf(child, /listening on 127\.0\.0\.1:(\d+)/)
  return { host: `127.0.0.1:${port}`, pid: child.pid, close: () => end(child) }
}

async function startContainerd(parent, started) {
  const folder = join(parent, 'containerd')
  mkdirSync(folder)
  const socket = join(folder, 'socket')
  const config = join(folder, 'config.toml')
  const text = [
    'version = 2',
    `root = ${JSON.stringify(join(folder, 'root'))}`,
    `state = ${JSON.stringify(join(folder, 'state'))}`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]',
    '[grpc]',
    `address = ${JSON.stringify(socket)}`,
  ]
  writeFileSync(config, text.join('\n'))
  const child = spawn('containerd', ['--config', config], { stdio: ['ignore', 'ignore', 'pipe'] })
  started.push({ close: () => end(child) })
  await lineOf(child, /containerd successfully (booted)/)
  return { socket, pid: child.pid }
}

/** The first group of the first line on standard error that the pattern matches. Further lines are read and left. */
function lineOf(child, pattern) {
  const said = []
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`${child.spawnfile} ended: ${said.join('\n')}`)))
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (said.length < 20) said.push(line)
      const found = pattern.exec(line)?.[1]
      if (found !== undefined) resolve(found)
    })
  })
}

async function end(child) {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  if (child.exitCode === null && child.signalCode === null && child.kill()) await ended
}

/** Storage programs leave folders bound to themselves. */
export function unmountBelow(folder) {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((point) => point.startsWith(`${folder}/`))
  for (const point of points.toReversed()) execFileSync('umount', [point])
}
