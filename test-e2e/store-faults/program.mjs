/**
 * What becomes of a store whose processes are killed, and whose disk is full, read-only or fails. `node program.mjs PULLS`; BOX_SEED repeats the choices
 * of a run, though not when the kernel carries them out.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layout } from '@box/oci'
import { Tally } from '../../scripts/testing/tally.mjs'
import { randomSource } from '../rounds/random.mjs'
import { makeImages } from './images.mjs'
import { withExt4, withTmpfs } from './disks.mjs'
import { fillDisk, readOnlyDisk } from './full.mjs'
import { checkImage, pullAndKill } from './kills.mjs'
import { remains, wrongBlobs } from './store-folder.mjs'
import { countCalls, runWithFault } from './system-calls.mjs'
import { Worker } from './worker-process.mjs'

const pulls = Number(process.argv[2] ?? 200)
const random = randomSource(process.env.BOX_SEED)
const tally = new Tally()

if (process.getuid?.() === 0) {
  const folder = mkdtempSync(join(tmpdir(), 'box-faults-'))
  try {
    process.stdout.write(`seed ${random.seed}\n`)
    const source = await makeImages(folder, 24)
    source.digests = Object.fromEntries((await layout(source.layout).list()).map(({ name, descriptor }) => [name, descriptor.digest]))
    await tally.test(`of ${pulls} pulls by two processes that are killed, all that was acknowledged is there (seed ${random.seed})`, () =>
      killRounds(join(folder, 'killed'), source, pulls, ['all']),
    )
    const half = Math.ceil(pulls / 2)
    await tally.test(`the same of ${half} pulls, of which some keep layers unpacked only (seed ${random.seed})`, () =>
      killRounds(join(folder, 'unpacked'), source, half, ['all', 'unpacked']),
    )
    await tally.test(`a system call that fails, or is the last, loses nothing (seed ${random.seed})`, () =>
      faultRounds(join(folder, 'failing'), source),
    )
    await tally.test('a full tmpfs loses nothing, and what is removed makes room', () =>
      withTmpfs(join(folder, 'tmpfs'), 'size=12m', (store) => fillDisk(store, source)),
    )
    await tally.test('a tmpfs without room for another file loses nothing, and what is removed makes room', () =>
      withTmpfs(join(folder, 'inodes'), 'size=100m,nr_inodes=160', (store) => fillDisk(store, source)),
    )
    await tally.test('a full ext4 loses nothing, and what is removed makes room', () =>
      withExt4(join(folder, 'ext4'), 16 * 1024 * 1024, (store) => fillDisk(store, source)),
    )
    await tally.test('a store that cannot be written is read, and not opened', () => readOnlyDisk(join(folder, 'read-only'), source))
  } finally {
    rmSync(folder, { recursive: true })
  }
} else tally.skip('faults of a store needs root', 'needs root')
tally.end()

async function killRounds(store, source, count, keeps) {
  const { names, lacking, pulls: done, kills } = await pullAndKill({ store, source, random, pulls: count, keeps })
  process.stdout.write(`${done} pulls done, ${kills} kills\n`)
  assert.ok(kills > count / 8, `only ${kills} kills`)
  assert.deepEqual(wrongBlobs(store), [])
  const worker = new Worker(store, source.layout)
  assert.deepEqual(await worker.answer(), { done: 'open' })
  assert.deepEqual(await worker.ask('verify'), { done: 'verify', value: [] })
  for (const [name, expected] of names) checkImage(source, name, expected, await worker.ask('read', name), lacking)
  for (const name of Object.keys((await worker.ask('list')).value))
    assert.deepEqual(await worker.ask('remove', name), { done: 'remove', value: true })
  assert.equal((await worker.ask('prune')).done, 'prune')
  assert.equal(await worker.end(), undefined)
  assert.deepEqual(remains(store), [])
}

async function faultRounds(store, source) {
  const [image] = source.names
  const counts = {}
  for (const keep of ['all', 'unpacked']) counts[keep] = await countCalls(store, source, { image, keep })
  const met = {}
  for (let round = 0; round < pulls / 16; round += 1) {
    const fault = random.pick(['EIO', 'EIO', 'ENOSPC', 'SIGKILL', 'SIGKILL'])
    const keep = random.pick(['all', 'all', 'unpacked'])
    const chosen = { image, keep, at: 1 + random.below(counts[keep]), fault, lasting: random.chance(0.5) }
    try {
      const { name, met: call } = await runWithFault(store, source, chosen)
      met[call] = (met[call] ?? 0) + 1
      await checkHealed(store, source, chosen, name)
    } catch (error) {
      throw new Error(`round ${round}, ${JSON.stringify(chosen)} of ${counts[keep]} calls`, { cause: error })
    }
  }
  process.stdout.write(`${Object.values(counts).join(' and ')} calls in a day; met: ${JSON.stringify(met)}\n`)
}

/** A process without faults finds what was acknowledged, can do everything, and leaves the store empty. */
async function checkHealed(store, source, { image, keep }, name) {
  const worker = new Worker(store, source.layout)
  try {
    assert.deepEqual(await worker.answer(), { done: 'open' })
    assert.deepEqual(await worker.ask('verify'), { done: 'verify', value: [] })
    const expected = name === 'unknown' ? new Set([undefined, source.digests[image]]) : name
    checkImage(source, 'name', expected, await worker.ask('read', 'name'), new Set(keep === 'unpacked' ? ['name'] : []))
    assert.deepEqual(await worker.ask('pull', image, 'name'), { done: 'pull', value: source.digests[image] })
    checkImage(source, 'name', source.digests[image], await worker.ask('read', 'name'))
    assert.deepEqual(await worker.ask('remove', 'name'), { done: 'remove', value: true })
    assert.equal((await worker.ask('prune')).done, 'prune')
    assert.equal(await worker.end(), undefined)
    assert.deepEqual(remains(store), [])
  } finally {
    worker.kill()
    await worker.ended
  }
}
