/**
 * Two processes mount, change and commit roots of one store, and are killed anywhere in it, again and again. After each time the next open removes what they
 * left, every name stands for a complete image with its own content, and what was reported as committed is there.
 * `node stores.mjs COMMITS`; BOX_SEED repeats the choices, not the moments.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { LayerStore } from '@box/layers'
import { Tally } from '../../scripts/testing/tally.mjs'
import { randomSource } from './random.mjs'

const commits = Number(process.argv[2] ?? 200)
/** The most commits that a process makes before it is killed. */
const most = 24
const committer = fileURLToPath(new URL('committer.mjs', import.meta.url))
const random = randomSource(process.env.BOX_SEED)
const tally = new Tally()

if (process.getuid?.() === 0) {
  process.stdout.write(`seed ${random.seed}\n`)
  const folder = await mkdtemp(join(tmpdir(), 'box-stores-'))
  try {
    const path = join(folder, 'store')
    await makeBase(folder, path)
    let made = 0
    let kills = 0
    await tally.test(
      `${commits} commits and mounts of two processes that are killed leave nothing half-made (seed ${random.seed})`,
      async () => {
        while (made < commits) {
          kills += 1
          const reported = (
            await Promise.all([1, 2].map((number) => killOne(path, `round-${kills}-${number}`, number === 1 ? 'pull' : 'none')))
          ).flat()
          await check(path, reported).catch((error) => {
            throw new Error(`after kill ${kills}, ${made} commits`, { cause: error })
          })
          made += reported.length
        }
      },
    )
    process.stdout.write(`${made} commits, ${kills * 2} processes killed\n`)
    await tally.test('after them every blob and every layer is what its digest says, and a prune leaves the base alone', () =>
      checkAll(path),
    )
  } finally {
    await rm(folder, { recursive: true })
  }
} else tally.skip('rounds of a store needs root', 'needs root')
tally.end()

async function makeBase(folder, path) {
  await mkdir(join(folder, 'files/folder'), { recursive: true })
  for (const name of ['who', 'gone', 'folder/kept']) await writeFile(join(folder, 'files', name), name)
  const store = await LayerStore.open(path)
  await store.create({ add: { '/': join(folder, 'files') }, tag: 'base' })
  await store.close()
}

/** Starts a process that commits until it is killed: some time after some commits. Gives the names of those that it reported. */
async function killOne(path, prefix, durability) {
  const child = spawn(process.execPath, [committer, path, prefix, durability], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.once('close', (_code, signal) => resolve(signal)))
  const reported = []
  const last = 1 + random.below(most)
  const moment = random.below(30)
  for await (const line of createInterface({ input: child.stdout })) {
    reported.push(line)
    if (reported.length === last) setTimeout(() => child.kill('SIGKILL'), moment)
  }
  assert.equal(await ended, 'SIGKILL')
  return reported
}

async function check(path, reported) {
  const store = await LayerStore.open(path, { create: false, durability: 'none' })
  try {
    assert.deepEqual(await readdir(join(path, 'containers')), [])
    assert.deepEqual(await readdir(join(path, 'layers/staging')), [])
    // What is there is this process's own.
    assert.equal((await readdir(join(path, 'sessions'))).filter((name) => name.endsWith('.leases')).length, 1)
    const names = (await store.list()).map(({ name }) => name)
    for (const name of reported) assert.ok(names.includes(name), `${name} was reported, and is not there`)
    for (const name of names.filter((other) => other !== 'base')) {
      const root = await store.mount(name, { readOnly: true })
      assert.equal(await root.readFile('/who', 'utf8'), name)
      assert.deepEqual(await root.readdir('/'), ['folder', 'who'])
      await root.close()
      await store.remove(name)
    }
    await store.prune()
  } finally {
    await store.close()
  }
}

async function checkAll(path) {
  const store = await LayerStore.open(path, { create: false, durability: 'none' })
  try {
    assert.deepEqual((await store.verify()).problems, [])
    await store.prune()
    assert.deepEqual(await readdir(join(path, 'layers/sha256')), [(await store.get('base')).layers[0].diffID.slice('sha256:'.length)])
    assert.equal((await readdir(join(path, 'blobs/sha256'))).length, 3)
  } finally {
    await store.close()
  }
  assert.deepEqual(await readdir(join(path, 'sessions')), [])
}
