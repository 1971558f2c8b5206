/** Uses a store as whoever runs it: `rootless.ts FOLDER`, where FOLDER is its own and holds `files`. */
import type { BoxError } from '@box/core'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { LayerStore } from '../../src/index.ts'

const folder = process.argv[2] ?? ''
const store = await LayerStore.open(join(folder, 'store'))
await store.create({ add: { '/': join(folder, 'files') }, tag: 'base' })
const root = await store.mount('base')
await root.writeFile('/etc/new', 'new')
await root.remove('/etc/old')
await root.remove('/folder')
await root.mkdir('/folder')
await root.writeFile('/folder/second', '2')
const changes: string[] = []
for await (const { kind, path } of root.changes()) changes.push(`${kind} ${path}`)
await store.commit(root, { tag: 'next' })
await root.close()
const again = await store.mount('next')
const report = {
  changes,
  etc: await again.readdir('/etc'),
  folder: await again.readdir('/folder'),
  content: await again.readFile('/etc/new', 'utf8'),
  maps: again.userNamespace?.uidMappings,
  owner: (await lstat(join(folder, 'store/layers'))).uid,
  verified: (await store.verify()).problems,
}
await again.close()
const memory = await store.mount('next', { upper: { tmpfs: '256KiB' } })
await memory.remove('/folder')
await memory.mkdir('/folder')
await memory.writeFile('/folder/third', '3')
const full = await memory.writeFile('/large', Buffer.alloc(1024 * 1024)).catch((error: BoxError) => error.errno)
await memory.remove('/large')
await store.commit(memory, { tag: 'third' })
const inMemory = { kind: memory.upperKind, full, usage: (await memory.usage()).inodes }
await memory.close()
const third = await store.mount('third', { readOnly: true })
const thirdFolder = await third.readdir('/folder')
await third.close()
await store.close()
process.stdout.write(`${JSON.stringify({ ...report, inMemory, thirdFolder })}\n`)
