// pull-into-store.mjs REFERENCE FOLDER: pulls an image into a layer store and says what it does to each blob, with the bytes that are there.
import { LayerStore } from '@box/layers'
import { Registry } from '@box/registry'

const [reference, folder] = process.argv.slice(2)
const store = await LayerStore.open(folder)
const registry = new Registry()
try {
  const task = registry.pull(reference, store)
  for await (const { type, digest, done } of task) console.log(type, digest, done)
} finally {
  await registry.close()
  await store.close()
}
