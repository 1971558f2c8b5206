/** What Box does in the layers bench. What a round leaves is removed after its time was taken. */
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LayerStore } from '@box/layers'

/** The blobs are there already, as `skopeo copy` or an earlier process left them. */
export function boxUnpack(place, layout) {
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'))
  const { mediaType, digest, size } = manifests[0]
  const prepare = (folder) => cpSync(join(layout, 'blobs'), join(folder, 'blobs'), { recursive: true })
  return timed(place, prepare, (store) => store.tag('bench', { mediaType, digest, size }))
}

export function boxImport(place, layout) {
  return timed(
    place,
    () => {},
    (store) => store.import(layout),
  )
}

/** Blobs of one byte or two each: the number is what counts. */
export function boxOpen(place, count) {
  const folder = place.fresh()
  const blobs = join(folder, 'blobs/sha256')
  mkdirSync(blobs, { recursive: true })
  for (let number = 0; number < count; number += 1)
    writeFileSync(join(blobs, createHash('sha256').update(String(number)).digest('hex')), String(number))
  return {
    run: async () => {
      const began = performance.now()
      const store = await LayerStore.open(folder)
      const took = performance.now() - began
      await store.close()
      return took
    },
    close: () => {},
  }
}

function timed(place, prepare, work) {
  return {
    run: async () => {
      const folder = place.fresh()
      prepare(folder)
      const began = performance.now()
      const store = await LayerStore.open(folder)
      await work(store)
      const took = performance.now() - began
      await store.close()
      rmSync(folder, { recursive: true, force: true })
      return took
    },
    close: () => {},
  }
}
