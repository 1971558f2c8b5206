/**
 * The image that the layers bench unpacks: Debian bookworm with Python, Node, a C++ compiler and git, in six layers, once in gzip and once in zstd. It is made
 * once, by mmdebstrap, and kept outside the clone ($XDG_CACHE_HOME/box/bench). `node bench/layers/input.mjs` makes it and says where it is.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const version = 1
const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), `box/bench/layers-${version}`)
/** What is installed one after the other on the smallest Debian; each becomes a layer. The sixth is what no package owns. */
const groups = [['python3'], ['nodejs', 'npm'], ['g++', 'make', 'cmake', 'gdb'], ['git', 'ca-certificates']]
/** What a build tool writes: pax headers only where ustar has no room. */
const format = ['--format=posix', '--pax-option=delete=atime,delete=ctime', '--numeric-owner', '--xattrs', '--no-recursion']
const compressions = {
  gzip: { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', command: ['gzip', '-6', '--no-name', '--stdout'] },
  zstd: { mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd', command: ['zstd', '-3', '--quiet', '--stdout'] },
}

/** @returns { gzip, zstd }: for each the layout's folder, its layers' files (the lowest first) and their sizes in bytes, compressed and not */
export function benchImage() {
  if (!existsSync(folder)) makeImage()
  return Object.fromEntries(Object.keys(compressions).map((name) => [name, describe(join(folder, name))]))
}

function describe(layout) {
  const read = (digest) => JSON.parse(readFileSync(blobPath(layout, digest), 'utf8'))
  const manifest = read(JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')).manifests[0].digest)
  const { uncompressedSize } = JSON.parse(readFileSync(join(layout, 'sizes.json'), 'utf8'))
  return {
    layout,
    layers: manifest.layers.map(({ digest }) => blobPath(layout, digest)),
    size: manifest.layers.reduce((sum, { size }) => sum + size, 0),
    uncompressedSize,
  }
}

function makeImage() {
  const unfinished = `${folder}.${process.pid}`
  mkdirSync(unfinished, { recursive: true })
  try {
    const root = join(unfinished, 'root')
    const tars = layersOf(root, installAll(root, unfinished)).map((names, number) => {
      const tar = join(unfinished, `${number}.tar`)
      const options = ['--create', '--file', tar, '--directory', root, ...format]
      execFileSync('tar', [...options, '--null', '--files-from=-'], { input: names.map((name) => `./${name}\0`).join('') })
      return tar
    })
    for (const [name, compression] of Object.entries(compressions)) makeLayout(join(unfinished, name), tars, compression)
    for (const path of [root, ...tars]) rmSync(path, { recursive: true, force: true })
    renameSync(unfinished, folder)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

/** @returns which packages were new after each step */
function installAll(root, notes) {
  const noteOf = (step) => join(notes, `packages-${step}`)
  const note = (step) => `--customize-hook=dpkg-query --admindir="$1/var/lib/dpkg" -W -f '\${binary:Package}\\n' > ${noteOf(step)}`
  const install = (names) => `--customize-hook=chroot "$1" apt-get install --yes --quiet --no-install-recommends ${names.join(' ')}`
  const hooks = [note(0), ...groups.flatMap((names, index) => [install(names), note(index + 1)])]
  const { status, stderr } = spawnSync(
    'mmdebstrap',
    ['--variant=minbase', '--mode=root', '--format=directory', ...hooks, 'bookworm', root],
    {
      encoding: 'utf8',
      maxBuffer: 64 << 20,
    },
  )
  if (status !== 0) throw new Error(`mmdebstrap failed:\n${stderr}`)
  const steps = [[], ...groups].map((_, step) => readFileSync(noteOf(step), 'utf8').trim().split('\n'))
  return steps.map((names, step) => names.filter((name) => step === 0 || !steps[step - 1].includes(name)))
}

/** Each path of the root goes to the layer of the package that owns it, with the folders above it; what nobody owns goes to the last. */
function layersOf(root, packages) {
  const layers = packages.map((names) => new Set(names.flatMap((name) => ownedBy(root, name))))
  const owned = new Set(layers.flatMap((names) => [...names]))
  layers.push(new Set(walk(root, '').filter((name) => !owned.has(name))))
  return layers.map((names) => {
    const all = new Set(names)
    for (const name of names) for (let above = dirname(name); above !== '.'; above = dirname(above)) all.add(above)
    return ['', ...[...all].toSorted((one, other) => (one < other ? -1 : 1))]
  })
}

/** The lists name paths that lead through links (`/bin/sh`): here each has the one path that it really has. */
function ownedBy(root, name) {
  const lists = join(root, 'var/lib/dpkg/info')
  const list = [`${name}.list`, `${name.replace(/:.*/, '')}.list`].map((file) => join(lists, file)).find((file) => existsSync(file))
  if (list === undefined) throw new Error(`there is no list of the files of ${name}`)
  return readFileSync(list, 'utf8')
    .trim()
    .split('\n')
    .filter((path) => path !== '/.')
    .flatMap((path) => {
      const parent = join(root, dirname(path))
      if (!existsSync(parent)) return []
      const real = join(realpathSync(parent), basename(path))
      return real.startsWith(`${root}/`) && lstatSync(real, { throwIfNoEntry: false }) !== undefined ? [real.slice(root.length + 1)] : []
    })
}

function walk(root, inside) {
  return readdirSync(join(root, inside), { withFileTypes: true }).flatMap((entry) => {
    const name = inside === '' ? entry.name : `${inside}/${entry.name}`
    return entry.isDirectory() ? [name, ...walk(root, name)] : [name]
  })
}

function makeLayout(layout, tars, { mediaType, command }) {
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true })
  const put = (bytes) => {
    const digest = digestOf(bytes)
    writeFileSync(blobPath(layout, digest), bytes)
    return { digest, size: bytes.byteLength }
  }
  const json = (value) => Buffer.from(JSON.stringify(value))
  const [program, ...args] = command
  const layers = tars.map((tar) => ({ mediaType, ...put(execFileSync(program, [...args, tar], { maxBuffer: 2 ** 31 - 1 })) }))
  const diffIDs = tars.map((tar) => digestOf(readFileSync(tar)))
  const config = json({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: diffIDs },
  })
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...put(config) },
    layers,
  }
  const name = { 'org.opencontainers.image.ref.name': 'bench' }
  const index = { schemaVersion: 2, manifests: [{ mediaType: manifest.mediaType, ...put(json(manifest)), annotations: name }] }
  writeFileSync(join(layout, 'index.json'), JSON.stringify(index))
  writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  writeFileSync(join(layout, 'sizes.json'), JSON.stringify({ uncompressedSize: tars.reduce((sum, tar) => sum + statSync(tar).size, 0) }))
}

function blobPath(layout, digest) {
  return join(layout, 'blobs', digest.replace(':', '/'))
}

function digestOf(bytes) {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const [name, { layout, layers, size, uncompressedSize }] of Object.entries(benchImage()))
    process.stdout.write(`${name}: ${layout}, ${layers.length} layers, ${size} bytes, ${uncompressedSize} of tar\n`)
}
