/**
 * Who unpacks an image from a layout: Box, and the programs that it is compared with. Each gives the folder in which the image's files are, and what
 * to do when they have been looked at. `known` are the differences that are theirs, a function of path, property, our entry and theirs each.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { LayerStore } from '@box/layers'

const run = (program, ...args) => execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 })
const folderOf = (place, name) => {
  mkdirSync(join(place, name))
  return join(place, name)
}

/**
 * How ours is another than all others': an opaque folder has overlayfs's mark for root and that for ordinary users, and a mount for the one shows that for the
 * other.
 */
export const opaqueMark = (_name, property, { kind, xattrs = [] }, { xattrs: others = [] }) =>
  property === 'xattrs' && kind === 'd' && String(xattrs.filter((line) => line !== 'user.overlay.opaque=0x79')) === String(others)

/** A store of ours, and the root that it mounts. */
export async function unpackByBox(place, layout, tag) {
  const store = await LayerStore.open(join(place, 'box'))
  await store.import(layout, { tag })
  const root = await store.mount(tag)
  return {
    root: `/proc/${process.pid}/fd/${root.fd}`,
    close: async () => {
      await root.close()
      await store.close()
      rmSync(join(place, 'box'), { recursive: true })
    },
  }
}

/** The layers one after the other into one folder, by a tar that knows nothing of whiteouts: those are carried out before. */
function unpackByTar(place, layout, tag) {
  const root = folderOf(place, 'tar')
  const read = (digest) => JSON.parse(readFileSync(blob(layout, digest), 'utf8'))
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'))
  const entry = manifests.find(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === tag)
  for (const { digest, mediaType } of read(entry.digest).layers) {
    const decompress = mediaType.endsWith('zstd') ? 'zstd -dcq' : mediaType.endsWith('gzip') ? 'gzip -dc' : 'cat'
    execFileSync('sh', ['-ec', applyLayer, 'sh', blob(layout, digest), decompress], { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  return { root, close: () => rmSync(root, { recursive: true }) }
}

const applyLayer = String.raw`
$2 < "$1" | tar -t --quoting-style=literal | while IFS= read -r name; do
  folder=$(dirname "$name") base=$(basename "$name")
  case $base in
    # The folder itself too: tar takes no attribute away from one that is there.
    .wh..wh..opq) if [ "$folder" != . ] && [ -d "./$folder" ]; then rm -r "./$folder"; mkdir "./$folder"; fi;;
    .wh.*) rm -rf "./$folder/$(printf %s "$base" | cut -c5-)";;
    # tar replaces no full folder by something else.
    *) case $name in */) ;; *) if [ -d "./$name" ] && [ ! -L "./$name" ]; then rm -r "./$name"; fi;; esac;;
  esac
done
$2 < "$1" | tar -x -p --numeric-owner --xattrs '--xattrs-include=*' --delay-directory-restore --exclude '.wh.*'`

const blob = (layout, digest) => join(layout, 'blobs', digest.replace(':', '/'))

function unpackByUmoci(place, layout, tag) {
  const root = join(place, 'umoci')
  run('umoci', 'raw', 'unpack', '--image', `${layout}:${tag}`, root)
  return { root, close: () => rmSync(root, { recursive: true }) }
}

/** skopeo copies into containers-storage, which unpacks; podman, which has the same storage, mounts it. */
function unpackByStorage(place, layout, tag) {
  const folder = folderOf(place, 'storage')
  const [graph, state] = [join(folder, 'graph'), join(folder, 'state')]
  const name = `localhost/${tag}`
  run('skopeo', 'copy', '--quiet', '--insecure-policy', `oci:${layout}:${tag}`, `containers-storage:[overlay@${graph}+${state}]${name}`)
  const podman = (...args) => run('podman', '--root', graph, '--runroot', state, '--storage-driver', 'overlay', ...args)
  const root = podman('image', 'mount', name).trim()
  return {
    root,
    close: () => {
      podman('image', 'unmount', '--all')
      podman('rmi', '--all', '--force')
      execFileSync('sh', ['-c', 'umount "$1/overlay" 2>/dev/null; true', 'sh', graph])
      rmSync(folder, { recursive: true })
    },
  }
}

/** The root of an overlay that containers-storage makes is its own, whatever the layers say of `./`. */
const ownRoot = (name, property) => name === '' && ['mode', 'owner', 'time', 'xattrs'].includes(property)

export const readers = {
  tar: { unpack: unpackByTar, peers: [], compressions: ['gzip', 'zstd', 'none'], known: [] },
  umoci: { unpack: unpackByUmoci, peers: ['umoci'], compressions: ['gzip', 'none'], known: [] },
  skopeo: { unpack: unpackByStorage, peers: ['skopeo', 'podman'], compressions: ['gzip', 'zstd', 'none'], known: [ownRoot] },
}
