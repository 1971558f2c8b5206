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
import { checkImage, pullAndKill } from './kills.mjs'
import { remains, wrongBlobs } from './store-folder.mjs'
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
      killRounds(join(folder, 'killed'), source),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
} else tally.skip('faults of a store needs root', 'needs root')
tally.end()

async function killRounds(store, source) {
  const { names, pulls: done, kills } = await pullAndKill({ store, source, random, pulls })
  process.stdout.write(`${done} pulls done, ${kills} kills\n`)
  assert.ok(kills > pulls / 8, `only ${kills} kills`)
  assert.deepEqual(wrongBlobs(store), [])
  const worker = new Worker(store, source.layout)
  assert.deepEqual(await worker.answer(), { done: 'open' })
  assert.deepEqual(await worker.ask('verify'), { done: 'verify', value: [] })
  for (const [name, expected] of names) checkImage(source, name, expected, await worker.ask('read', name))
  for (const name of Object.keys((await worker.ask('list')).value))
    assert.deepEqual(await worker.ask('remove', name), { done: 'remove', value: true })
  assert.equal((await worker.ask('prune')).done, 'prune')
  assert.equal(await worker.end(), undefined)
  assert.deepEqual(remains(store), [])
}
