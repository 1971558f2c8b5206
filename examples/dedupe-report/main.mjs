// Says what images of a store have together, and what each would free.
//
//   node examples/dedupe-report/main.mjs STORE [NAME…]
import { LayerStore } from '@box/layers'

const [path, ...wanted] = process.argv.slice(2)
if (path === undefined) {
  process.stderr.write('usage: main.mjs STORE [NAME…]\n')
  process.exit(64)
}

const store = await LayerStore.open(path, { create: false })
try {
  const names = wanted.length > 0 ? wanted : (await store.list()).map(({ name }) => name)
  const usage = (await store.usage()).images
  const users = new Map()
  for (const name of names) {
    const image = await store.get(name)
    const taken = usage.find((one) => one.names.includes(name))
    if (image === undefined || taken === undefined) throw new Error(`the store has no image ${name}`)
    console.log(`${name}: ${taken.own.bytes} bytes of its own, ${taken.shared.bytes} shared`)
    for (const { diffID } of image.layers) users.set(diffID, [...(users.get(diffID) ?? []), name])
  }
  for (const [diffID, images] of users) console.log(`${diffID} ${images.length > 1 ? 'shared by' : 'only in'} ${images.join(', ')}`)
} finally {
  await store.close()
}
