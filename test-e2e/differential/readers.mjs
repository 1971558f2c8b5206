/**
 * Who unpacks an image from a layout: Box, and the programs that it is compared with. Each gives the folder in which the image's files are, and what
 * to do when they have been looked at. `known` are the differences that are theirs, of an image: a function of path, property, our entry and theirs each.
 */
import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { LayerStore } from '@box/layers'
import { attributeBlocks } from './listing.mjs'

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

/**
 * The layers one after the other into one folder, by a tar that knows nothing of layers. What it lacks is done around it: whiteouts are carried out before,
 * a folder that is described anew loses the attributes that it had, and one that is not described keeps its time, whatever is put into it.
 */
function unpackByTar(place, layout, tag) {
  const root = folderOf(place, 'tar')
  const read = (digest) => JSON.parse(readFileSync(blob(layout, digest), 'utf8'))
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'))
  const entry = manifests.find(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === tag)
  for (const { digest, mediaType } of read(entry.digest).layers) {
    const decompress = mediaType.endsWith('zstd') ? 'zstd -dcq' : mediaType.endsWith('gzip') ? 'gzip -dc' : 'cat'
    applyByTar(root, `${decompress} < '${blob(layout, digest)}'`)
  }
  return { root, close: () => rmSync(root, { recursive: true }) }
}

const tarExtract = "tar -x -p --numeric-owner --xattrs '--xattrs-include=*' --delay-directory-restore --exclude '.wh.*'"

function applyByTar(root, plain) {
  const shell = (script, input = '') =>
    execFileSync('sh', ['-ec', script], { cwd: root, input, encoding: 'utf8', maxBuffer: 1 << 28, stdio: 'pipe' })
  const entries = shell(`${plain} | tar -t --quoting-style=literal`).split('\n').slice(0, -1)
  const described = new Set(entries.filter((name) => name.endsWith('/')).map(normalize))
  const before = foldersIn(root)
  for (const entry of entries) applyWhiteout(root, normalize(entry), entry.endsWith('/'))
  const anew = [...before.keys()].filter((name) => described.has(name) && isFolder(root, name))
  const attributes = shell('xargs -0 -r getfattr -hd -m - -e hex', anew.map((name) => `./${name}\0`).join(''))
  for (const { name, lines } of attributeBlocks(attributes))
    for (const line of lines) run('setfattr', '-h', '-x', line.slice(0, line.indexOf('=')), join(root, name))
  shell(`${plain} | ${tarExtract}`)
  for (const [name, time] of foldersIn(root))
    if (before.has(name) && before.get(name) !== time && !described.has(name)) run('touch', '-d', `@${before.get(name)}`, join(root, name))
}

/** Below what is no folder there is nothing to hide, and links are not followed: they may lead out of the root. */
function applyWhiteout(root, name, isDescribed) {
  const [folder, base] = [dirname(name), basename(name)]
  if (!isFolder(root, folder)) return
  if (base === '.wh..wh..opq') for (const inside of readdirSync(join(root, folder))) rmSync(join(root, folder, inside), { recursive: true })
  else if (base.startsWith('.wh.')) rmSync(join(root, folder, base.slice('.wh.'.length)), { recursive: true, force: true })
  // tar replaces no full folder by something else.
  else if (!isDescribed && isFolder(root, name)) rmSync(join(root, name), { recursive: true })
}

/** The time of each folder, by its name. */
function foldersIn(root) {
  const fields = run('find', root, '-type', 'd', '-printf', String.raw`%P\0%T@\0`).split('\0')
  return new Map(Array.from({ length: (fields.length - 1) / 2 }, (_, index) => [fields[2 * index], fields[2 * index + 1]]))
}

const normalize = (entry) =>
  entry
    .replace(/^\.?\/+/, '')
    .replace(/\/+$/, '')
    .replace(/^\.$/, '')
const isFolder = (root, name) =>
  ['', '.'].includes(name) ||
  (isFolder(root, dirname(name)) && (lstatSync(join(root, name), { throwIfNoEntry: false })?.isDirectory() ?? false))

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

/** A folder that a layer puts something into without describing it is a new one in that layer to containers-storage, and hides what the layers below say of it. */
const impliedFolder =
  ({ implied }) =>
  (name, property) =>
    implied.has(name) && ['mode', 'owner', 'time', 'xattrs'].includes(property)

export const readers = {
  tar: { unpack: unpackByTar, peers: [], compressions: ['gzip', 'zstd', 'none'], known: () => [] },
  umoci: { unpack: unpackByUmoci, peers: ['umoci'], compressions: ['gzip', 'none'], known: () => [] },
  skopeo: {
    unpack: unpackByStorage,
    peers: ['skopeo', 'podman'],
    compressions: ['gzip', 'zstd', 'none'],
    known: (image) => [ownRoot, impliedFolder(image)],
  },
}
