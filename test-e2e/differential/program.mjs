/**
 * What Box unpacks is what others unpack, entry for entry: kind, mode, owner, size, times, links, devices, content, attributes. `node program.mjs IMAGES` compares a
 * Debian with Python, Node, a C++ compiler and git in six layers, and that many random images, which are compared with the tree that they were made of, too.
 * BOX_SEED repeats a run.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { benchImage } from '../../bench/layers/input.mjs'
import { findPeer } from '../../scripts/peers.mjs'
import { Tally } from '../../scripts/testing/tally.mjs'
import { randomSource } from '../rounds/random.mjs'
import { differences, listTree } from './listing.mjs'
import { makeRandomImage } from './random-image.mjs'
import { opaqueMark, readers, unpackByBox } from './readers.mjs'

const images = Number(process.argv[2] ?? 10)
const random = randomSource(process.env.BOX_SEED)
const tally = new Tally()
const compressions = ['gzip', 'zstd', 'none']

if (process.getuid?.() === 0) await compareAll()
else tally.skip('unpacking beside others needs root', 'needs root')
tally.end()

async function compareAll() {
  const others = Object.entries(readers).filter(([name, { peers }]) => {
    const missing = peers.map((peer) => findPeer(peer).missing).find((reason) => reason !== undefined)
    if (missing !== undefined) tally.skip(`${name} beside Box`, missing)
    return missing === undefined
  })
  // podman takes no path of more than 50 characters for its state, and TMPDIR may be long.
  const folder = mkdtempSync('/tmp/box-differ-')
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'box-differential', folder])
  try {
    process.stdout.write(`seed ${random.seed}\n`)
    for (let number = 0; number < images; number += 1) {
      const compression = compressions[number % 3]
      const place = join(folder, String(number))
      mkdirSync(place)
      const image = makeRandomImage(place, random, { layers: 1 + random.below(5), compression, tag: 'random' })
      const { layout, tree } = image
      const ours = await listed(() => unpackByBox(place, layout, 'random'))
      const name = `random image ${number} of seed ${random.seed}, ${compression}`
      await tally.test(`${name}: Box unpacks the tree that it was made of`, () => equal(ours, listTree(tree), []))
      for (const [other, reader] of others)
        if (reader.compressions.includes(compression))
          await tally.test(`${name}: Box and ${other} unpack the same`, async () =>
            equal(ours, await listed(() => reader.unpack(place, layout, 'random')), reader.known(image)),
          )
      rmSync(place, { recursive: true })
    }
    const place = join(folder, 'debian')
    mkdirSync(place)
    const { gzip, zstd } = benchImage()
    const ours = await listed(() => unpackByBox(place, gzip.layout, 'bench'))
    await tally.test('Debian has what a Debian has', () => assert.ok(ours.size > 20_000, `${ours.size} files`))
    for (const [other, reader] of others)
      await tally.test(`Debian in gzip: Box and ${other} unpack the same ${ours.size} files`, async () =>
        equal(ours, await listed(() => reader.unpack(place, gzip.layout, 'bench')), reader.known({ implied: new Set() })),
      )
    await tally.test('Debian in zstd is what it is in gzip', async () =>
      equal(ours, await listed(() => unpackByBox(place, zstd.layout, 'bench')), []),
    )
  } finally {
    execFileSync('umount', ['--recursive', folder])
    rmSync(folder, { recursive: true })
  }
}

async function listed(unpack) {
  const { root, close } = await unpack()
  try {
    return listTree(root)
  } finally {
    await close()
  }
}

function equal(ours, theirs, known) {
  const found = differences(ours, theirs, [opaqueMark, ...known])
  assert.equal(found.length, 0, `${found.length} differences (ours, theirs):\n${found.slice(0, 20).join('\n')}`)
}
