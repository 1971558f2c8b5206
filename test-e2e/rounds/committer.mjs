// Mounts, changes and commits roots until it is killed; a line for each commit, with its name, when it is done.
//   node committer.mjs STORE PREFIX DURABILITY
import { LayerStore } from '@box/layers'

const [path, prefix, durability] = process.argv.slice(2)
const store = await LayerStore.open(path, { create: false, durability })
for (let number = 1; ; number += 1) {
  const name = `${prefix}-${number}`
  const root = await store.mount('base', { kind: number % 3 === 0 ? 'copy' : 'overlay' })
  await root.writeFile('/who', name)
  await root.remove('/gone')
  await store.commit(root, { tag: name, compression: number % 2 === 0 ? 'zstd' : 'gzip' })
  process.stdout.write(`${name}\n`)
  await root.close()
}
