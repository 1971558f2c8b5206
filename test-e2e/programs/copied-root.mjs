// Mounts a root of an image, changes and commits it. Prints what it saw as JSON.
//   node copied-root.mjs FOLDER [KIND]     FOLDER holds `files`, which becomes the image
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { LayerStore } from '@box/layers'

const [folder, kind] = process.argv.slice(2)
const store = await LayerStore.open(path.join(folder, 'store'))
await store.import(path.join(folder, 'files'), { tag: 'base' })
const report = await use().catch(({ code }) => ({ code }))
report.left = await readdir(path.join(folder, 'store/containers'))
await store.close()
process.stdout.write(JSON.stringify(report))

async function use() {
  const root = await store.mount('base', kind === undefined ? {} : { kind })
  await root.writeFile('/etc/motd', 'changed\n')
  await root.writeFile('/etc/added', 'added\n')
  const changes = []
  for await (const change of root.changes()) changes.push(`${change.kind} ${change.path}`)
  const { layers } = await store.commit(root)
  await root.close()
  return { kind: root.kind, changes, layers: layers.length }
}
