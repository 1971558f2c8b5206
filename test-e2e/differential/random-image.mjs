/**
 * An image of several layers that GNU tar packs, made of random changes to a tree, and the tree that comes of them: what an unpacked image must be
 * equal to. Whiteouts and opaque folders are all that is written here.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { byName, differences, listTree } from './listing.mjs'

const compressions = {
  gzip: { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', command: 'gzip -nc' },
  zstd: { mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd', command: 'zstd -cq' },
  none: { mediaType: 'application/vnd.oci.image.layer.v1.tar', command: 'cat' },
}

/** @returns { layout, tree, implied }: `implied` are the folders that the last layer to put something into them does not describe */
export function makeRandomImage(folder, random, { layers, compression, tag }) {
  const [tree, layout] = [join(folder, 'tree'), join(folder, 'layout')]
  mkdirSync(tree)
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true })
  let before = new Map()
  const made = []
  const implied = new Set()
  for (let number = 0; number < layers; number += 1) {
    const again = changeTree(tree, random, number === 0 ? 60 : 25)
    const after = listTree(tree)
    const { tar, described, touched } = packChanges(folder, tree, before, after, again, random)
    for (const name of touched) implied.add(name)
    for (const name of described) implied.delete(name)
    made.push(tar)
    before = after
  }
  writeLayout(layout, made, compressions[compression], tag)
  return { layout, tree, implied }
}

/** @returns the folders that were removed and made anew */
function changeTree(tree, random, count) {
  const again = new Set()
  const all = () => readdirSync(tree, { recursive: true, encoding: 'utf8' }).toSorted(byName)
  const folders = () => ['', ...all().filter((name) => lstatSync(join(tree, name)).isDirectory())]
  const others = () => all().filter((name) => !lstatSync(join(tree, name)).isDirectory())
  const files = () => all().filter((name) => lstatSync(join(tree, name)).isFile())
  const fresh = () => join(random.pick(folders()), `${random.pick(['n', 'é ', "q'", '.h', 'long-'.repeat(25)])}${random.below(1e6)}`)
  const one = (names) => (names.length === 0 ? undefined : random.pick(names))
  const content = () =>
    createHash('sha512')
      .update(`${random.below(1e9)}`)
      .digest()
      .subarray(0, random.below(64))
      .toString('hex')
      .repeat(random.below(40))
  const acts = {
    file: () => writeFileSync(join(tree, fresh()), content(), { mode: random.pick([0o644, 0o600, 0o755, 0o4755, 0o2711]) }),
    folder: () => mkdirSync(join(tree, fresh()), { mode: random.pick([0o755, 0o700, 0o1777, 0o2775]) }),
    symlink: () => symlinkSync(random.pick(['nowhere', '/etc/passwd', '../../x', `${'t/'.repeat(80)}t`]), join(tree, fresh())),
    hardLink: () => one(files()) !== undefined && linkSync(join(tree, one(files())), join(tree, fresh())),
    fifo: () => execFileSync('mkfifo', [join(tree, fresh())]),
    device: () =>
      execFileSync('mknod', [join(tree, fresh()), random.pick(['b', 'c']), `${1 + random.below(300)}`, `${1 + random.below(3000)}`]),
    write: (name = one(files())) => name !== undefined && writeFileSync(join(tree, name), content()),
    mode: (name = one([...folders(), ...files()])) =>
      name !== undefined && chmodSync(join(tree, name), random.pick([0o755, 0o711, 0o640, 0o4750])),
    owner: (name = one([...folders(), ...others()])) =>
      name !== undefined && lchownSync(join(tree, name), random.below(70_000), random.below(3_000_000)),
    attribute: (name = one([...folders(), ...files()])) =>
      name !== undefined &&
      execFileSync('setfattr', [
        '-n',
        `${random.pick(['user.a', 'user.b', 'trusted.t'])}`,
        '-v',
        `0x${'6100ff0a3d'.slice(0, 2 * random.below(6)) || '61'}`,
        join(tree, name),
      ]),
    capability: (name = one(files())) =>
      name !== undefined &&
      execFileSync('setfattr', ['-n', 'security.capability', '-v', '0x0100000200200000000000000000000000000000', join(tree, name)]),
    remove: (name = one(all())) => name !== undefined && rmSync(join(tree, name), { recursive: true }),
    again: (name = one(folders().slice(1))) => {
      if (name === undefined) return
      rmSync(join(tree, name), { recursive: true })
      mkdirSync(join(tree, name))
      writeFileSync(join(tree, name, 'again'), content())
      again.add(name)
    },
    otherKind: (name = one(others())) => {
      if (name === undefined) return
      rmSync(join(tree, name))
      mkdirSync(join(tree, name))
      writeFileSync(join(tree, name, 'inside'), content())
    },
    fileForFolder: (name = one(folders().slice(1))) => {
      if (name === undefined) return
      rmSync(join(tree, name), { recursive: true })
      writeFileSync(join(tree, name), content())
    },
    rename: (name = one(others())) => name !== undefined && renameSync(join(tree, name), join(tree, fresh())),
  }
  const often = ['file', 'file', 'folder', 'write', 'mode', 'owner']
  for (let number = 0; number < count; number += 1) acts[random.pick([...Object.keys(acts), ...often])]()
  // Times that differ in their nanoseconds, of links, too.
  for (const name of all())
    if (random.chance(0.3))
      execFileSync('touch', ['-h', '-d', `@${random.below(2e9)}.${`${random.below(1e9)}`.padStart(9, '0')}`, join(tree, name)])
  return new Set([...again].filter((name) => folders().includes(name)))
}

/** A tar of what differs, packed by GNU tar, with a whiteout for what is gone; the folders that it describes, and those that it has something in. */
function packChanges(folder, tree, before, after, again, random) {
  const isBelow = (name) => [...again].some((above) => name.startsWith(`${above}/`))
  const changed = new Set(again)
  for (const [name, entry] of after)
    if (isBelow(name) || differences(new Map([[name, before.get(name) ?? {}]]), new Map([[name, entry]])).length > 0) changed.add(name)
  // Names of one file stay that only where they come together.
  const changedFiles = new Set([...changed].map((name) => after.get(name)?.same).filter((same) => same !== undefined))
  for (const [name, { same }] of after) if (changedFiles.has(same)) changed.add(name)
  const gone = [...before.keys()].filter(
    (name) =>
      !after.has(name) &&
      after.get(above(name))?.kind === 'd' &&
      before.get(above(name))?.kind === 'd' &&
      !isBelow(name) &&
      !again.has(above(name)),
  )
  const marks = [
    ...gone.map((name) => join(dirname(name), `.wh.${basename(name)}`)),
    ...[...again].map((name) => join(name, '.wh..wh..opq')),
  ]
  // Most tools write the folders above what they write.
  if (random.chance(0.7)) for (const name of [...changed, ...gone]) for (let up = above(name); up !== ''; up = above(up)) changed.add(up)
  const aside = join(folder, 'marks')
  rmSync(aside, { recursive: true, force: true })
  mkdirSync(aside)
  for (const mark of marks) {
    mkdirSync(join(aside, dirname(mark)), { recursive: true })
    writeFileSync(join(aside, mark), '')
  }
  const tar = join(folder, 'layer.tar')
  const list = (names) => names.toSorted(byName).map((name) => (name === '' ? '.' : `./${name}`))
  const format = [
    '--format=posix',
    '--pax-option=delete=atime,delete=ctime',
    '--numeric-owner',
    '--xattrs',
    '--xattrs-include=*',
    '--no-recursion',
    '--sparse',
  ]
  const parts = [
    [tree, list([...changed].filter((name) => after.has(name)))],
    [aside, list(marks)],
  ].filter(([, names]) => names.length > 0)
  const ordered = random.chance(0.5) ? parts : parts.toReversed()
  execFileSync('tar', ['-cf', tar, ...format, '--files-from=/dev/null', ...ordered.flatMap(([from, names]) => ['-C', from, ...names])])
  const described = [...changed].filter((name) => after.get(name)?.kind === 'd')
  const touched = [...changed, ...marks].filter((name) => name !== '').flatMap(allAbove)
  return { tar: readFileSync(tar), described, touched }
}

function allAbove(name) {
  const folder = above(name)
  return folder === '' ? [''] : [folder, ...allAbove(folder)]
}

function above(name) {
  const folder = dirname(name)
  return folder === '.' ? '' : folder
}

function writeLayout(layout, tars, { mediaType, command }, tag) {
  const put = (bytes, type) => {
    const digest = digestOf(bytes)
    writeFileSync(join(layout, 'blobs', digest.replace(':', '/')), bytes)
    return { mediaType: type, digest, size: bytes.byteLength }
  }
  const json = (value) => Buffer.from(JSON.stringify(value))
  const layers = tars.map((tar) => put(execFileSync('sh', ['-c', command], { input: tar, maxBuffer: 1 << 28 }), mediaType))
  const rootfs = { type: 'layers', diff_ids: tars.map(digestOf) }
  const config = put(
    json({ architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux', rootfs }),
    'application/vnd.oci.image.config.v1+json',
  )
  const type = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = put(json({ schemaVersion: 2, mediaType: type, config, layers }), type)
  const annotations = { 'org.opencontainers.image.ref.name': tag }
  writeFileSync(join(layout, 'index.json'), json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }))
  writeFileSync(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }))
}

function digestOf(bytes) {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
