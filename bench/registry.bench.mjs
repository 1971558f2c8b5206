/** How long it takes to bring an image from a registry on this machine: unpacked and ready to be mounted, or as it is; and to push one. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, statfsSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findPeer } from '../scripts/peers.mjs'
import { startDriver } from './driver.mjs'
import { besides, cpuOf, cpuOfChildren } from './registry/cpu.mjs'
import { requestsOfPresent } from './registry/box.mjs'
import { makeWorkplace, unmountBelow } from './registry/workplace.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const program = join(here, 'registry/box.mjs')
/** The registry, the image in it twice, and a store at a time: on a tmpfs, so that no disk is measured. */
const tmpfs = '/dev/shm'
const tmpfsType = 0x01_02_19_94

export const bench = {
  name: 'registry',
  unit: 'ms',
  needs: () => {
    if (process.getuid?.() !== 0) return 'root'
    if (statfsSync(tmpfs).type !== tmpfsType) return `a tmpfs at ${tmpfs}`
    return findPeer('docker-registry').missing
  },
  floorOf: (row) => (/ pull (?:gzip|zstd)$/.test(row) ? `floor pull ${row.slice(-4)}` : undefined),
  // A turn takes seconds, so that what the row before it left behind weighs nothing.
  phases: [{ burst: 1 }],
  async open() {
    const place = await makeWorkplace(tmpfs)
    try {
      const { rows: peers, notes, versions } = await peerRows(place)
      const requests = await requestsOfPresent(place.smallReference, join(place.folder, 'present'))
      const { size, uncompressedSize } = place.image.gzip
      notes.push(
        `the image: six layers, ${size} bytes in gzip, ${place.image.zstd.size} in zstd, ${uncompressedSize} of tar`,
        `requests for an image of 50 layers that is there: ${requests}`,
        'CPU: processor time of who receives or sends; registry CPU: that of the registry meanwhile',
      )
      const rows = [...boxRows(place), ...peers].map((row) => besides(row, 'registry CPU', place.registryPid))
      return { rows, notes, versions, close: () => closeAll(place, rows) }
    } catch (error) {
      await place.close()
      throw error
    }
  },
}

function boxRows(place) {
  const { references, folder } = place
  const drive = (what, reference, ...more) => startDriver(process.execPath, [program, what, reference, folder, ...more])
  const unpacked = 'into an empty layer store, unpacked and ready to be mounted; store opened and closed, a new client'
  return [
    { name: 'box pull gzip', includes: unpacked, ...drive('unpack', references.gzip) },
    { name: 'box pull zstd', includes: 'the same', ...drive('unpack', references.zstd) },
    ...Object.entries(references).map(([name, reference]) => ({
      name: `floor pull ${name}`,
      includes: 'layers received, both digests and files, in Rust without hardening',
      ...startDriver(place.floor, layerUrls(reference, place.image[name]), { cwd: place.floorFolder }),
    })),
    { name: 'box receive', includes: 'the blobs of the gzip image received and let go by', ...drive('receive', references.gzip) },
    { name: 'box layout', includes: 'the gzip image into an empty image layout', ...drive('layout', references.gzip) },
    { name: 'box present', includes: 'a pull of the gzip image into a layer store that has it', ...drive('present', references.gzip) },
    { name: 'box push 50 layers', includes: 'to a new repository', ...drive('push', `${place.host}/pushed/box`, place.small) },
  ]
}

/** The layers as the floor takes them. */
function layerUrls(reference, { layers }) {
  const [, host, repository] = /^([^/]+)\/(.+):1$/.exec(reference)
  return layers.map((path) => `http://${host}/v2/${repository}/blobs/sha256:${basename(path)}#${statSync(path).size}`)
}

async function peerRows(place) {
  const [rows, notes, versions] = [[], [], {}]
  for (const [name, make] of [
    ['docker-registry', async () => []],
    ['containerd', containerdRows],
    ['podman', podmanRows],
    ['umoci', umociRows],
    ['crane', craneRows],
    ['skopeo', skopeoRows],
  ]) {
    const peer = findPeer(name)
    if (peer.missing !== undefined) notes.push(peer.missing)
    else {
      versions[name] = peer.version
      rows.push(...(await make(place, peer.path)))
    }
  }
  return { rows, notes, versions }
}

async function containerdRows({ references, startContainerd }) {
  const { socket, pid } = await startContainerd()
  const ctr = (...args) => ['ctr', ['--address', socket, 'images', ...args]]
  return Object.entries(references).map(([compression, reference]) => ({
    name: `containerd pull ${compression}`,
    includes: 'ctr image pull into the overlay snapshotter of a daemon that runs already',
    run: async () => {
      const before = cpuOf(pid)
      const pulled = await time(...ctr('pull', '--plain-http', reference))
      const daemon = cpuOf(pid) - before
      await time(...ctr('rm', '--sync', reference))
      return { ...pulled, CPU: pulled.CPU + daemon }
    },
    close: () => {},
  }))
}

function podmanRows({ references, folder }) {
  const root = join(folder, 'podman')
  const options = ['--root', root, '--runroot', join(folder, 'podman-run'), '--storage-driver', 'overlay']
  // podman makes it and leaves it.
  const locks = join(tmpfs, 'libpod_lock')
  const leaveLocks = existsSync(locks)
  return Object.entries(references).map(([compression, reference]) => ({
    name: `podman pull ${compression}`,
    includes: 'into an empty storage folder',
    run: () => timeAndEmpty(root, 'podman', [...options, 'pull', '--quiet', '--tls-verify=false', reference]),
    close: () => {
      if (!leaveLocks) rmSync(locks, { force: true })
    },
  }))
}

function umociRows({ references, folder }) {
  const path = join(folder, 'umoci')
  const script = `skopeo copy --quiet --insecure-policy --src-tls-verify=false "docker://$1" "oci:$2/layout:1" && umoci unpack --image "$2/layout:1" "$2/bundle"`
  return [
    {
      name: 'skopeo and umoci pull gzip',
      includes: 'skopeo copy to a layout, umoci unpack from it',
      run: () => timeAndEmpty(path, 'sh', ['-c', script, 'sh', references.gzip, path]),
      close: () => {},
    },
  ]
}

function craneRows({ references, folder, host, small }, crane) {
  const path = join(folder, 'crane')
  let number = 0
  return [
    {
      name: 'crane layout',
      includes: 'crane pull --format=oci',
      run: () => timeAndEmpty(path, crane, ['pull', '--insecure', '--format=oci', references.gzip, path]),
      close: () => {},
    },
    {
      name: 'crane push 50 layers',
      includes: 'to a new repository',
      run: () => {
        number += 1
        return time(crane, ['push', '--insecure', small, `${host}/pushed/crane-${number}:1`])
      },
      close: () => {},
    },
  ]
}

function skopeoRows({ references, folder }) {
  const path = join(folder, 'skopeo')
  const options = ['copy', '--quiet', '--insecure-policy', '--src-tls-verify=false']
  return [
    {
      name: 'skopeo layout',
      includes: 'skopeo copy to a layout',
      run: () => timeAndEmpty(path, 'skopeo', [...options, `docker://${references.gzip}`, `oci:${path}:1`]),
      close: () => {},
    },
  ]
}

/** Into a folder that is new, and is removed afterwards. */
async function timeAndEmpty(path, command, args) {
  mkdirSync(path)
  try {
    return await time(command, args)
  } finally {
    unmountBelow(path)
    if (spawnSync('rm', ['-r', '--one-file-system', path]).status !== 0) rmSync(path, { recursive: true })
  }
}

/** Gives the milliseconds from the spawn to the exit, and those of processor time as `CPU`. */
async function time(command, args) {
  const used = cpuOfChildren()
  const began = performance.now()
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const said = []
  child.stderr.on('data', (chunk) => said.push(chunk))
  const status = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  const took = performance.now() - began
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${status}: ${Buffer.concat(said).toString()}`)
  return { '': took, CPU: cpuOfChildren() - used }
}

async function closeAll(place, rows) {
  for (const row of rows) await row.close()
  await place.close()
}
