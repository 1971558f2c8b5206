/** A store on a disk that gets full, and one that cannot be written. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { LayerStore, layoutFiles } from '@box/layers'
import { layout } from '@box/oci'
import { checkImage } from './kills.mjs'
import { withReadOnly } from './disks.mjs'
import { remains, wrongBlobs } from './store-folder.mjs'
import { Worker } from './worker-process.mjs'

/** Pulls until the disk is full; then all that was acknowledged is right, and what is removed makes room for what failed. */
export async function fillDisk(store, source) {
  const worker = new Worker(store, source.layout)
  try {
    assert.deepEqual(await worker.answer(), { done: 'open' })
    const pulled = []
    let refused
    for (const image of source.names) {
      const answer = await worker.ask('pull', image, image)
      // To mount it, some of its layers are unpacked once more, above the others.
      const read = answer.failed === undefined ? await worker.ask('read', image) : answer
      if (read.failed !== undefined) {
        assert.deepEqual([read.isBoxError, read.errno], [true, 'ENOSPC'], JSON.stringify(read))
        refused = image
        break
      }
      pulled.push(image)
    }
    assert.ok(pulled.length >= 2 && refused !== undefined, `${pulled.length} images were pulled and ${refused} was refused`)
    const readAll = async (images) => {
      for (const image of images) checkImage(source, image, source.digests[image], await worker.ask('read', image))
    }
    await readAll(pulled)
    assert.deepEqual(await worker.ask('verify'), { done: 'verify', value: [] })
    assert.equal((await worker.ask('prune')).done, 'prune')
    for (const image of pulled.splice(0, 2)) assert.deepEqual(await worker.ask('remove', image), { done: 'remove', value: true })
    assert.equal((await worker.ask('prune')).done, 'prune')
    assert.deepEqual(await worker.ask('pull', refused, refused), { done: 'pull', value: source.digests[refused] })
    await readAll([...pulled, refused])
    assert.deepEqual(wrongBlobs(store), [])
    for (const image of [...pulled, refused]) await worker.ask('remove', image)
    assert.equal((await worker.ask('prune')).done, 'prune')
    assert.equal(await worker.end(), undefined)
    assert.deepEqual(remains(store), [])
  } finally {
    worker.kill()
    await worker.ended
  }
}

/** A store that cannot be written cannot be opened, which is said as what it is; its images can be read by who needs no lock. */
export async function readOnlyDisk(store, source) {
  const [image] = source.names
  const worker = new Worker(store, source.layout)
  assert.deepEqual(await worker.answer(), { done: 'open' })
  assert.equal((await worker.ask('pull', image, image)).done, 'pull')
  assert.equal(await worker.end(), undefined)
  const before = new Set(readdirSync(store, { recursive: true }))
  await withReadOnly(store, async (place) => {
    await assert.rejects(LayerStore.open(place), { name: 'BoxError', errno: 'EROFS' })
    const images = layout(place)
    assert.equal((await images.resolve(image)).digest, source.digests[image])
    for await (const { digest } of images.blobs()) assert.equal(await images.verify(digest), true)
    await assert.rejects(images.untag(image), { name: 'BoxError', errno: 'EROFS' })
    const files = await layoutFiles(place, { tag: image })
    assert.ok((await files.readFile('/usr/share/base/file-0')).byteLength > 0)
  })
  assert.deepEqual(new Set(readdirSync(store, { recursive: true })), before)
}
