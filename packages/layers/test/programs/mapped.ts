/** Uses a store as an ordinary user with ranges of ids: `mapped.ts FOLDER ARCHIVE`, where FOLDER is its own. */
import { type BoxError, fromNative } from '@box/core'
import { native } from '@box/native'
import { join } from 'node:path'
import { LayerStore, type MountedRoot } from '../../src/index.ts'

const [folder = '', archive = ''] = process.argv.slice(2)
const path = join(folder, 'store')
const store = await LayerStore.open(path)
await store.import(archive, { tag: 'base' })
const root = await store.mount('base')
// As it is for a process outside of the namespace: what belongs to another id it cannot read.
const outside = await native()
  .rootReadFile(root.fd, '/var/lib/database/data', 100)
  .then(String, (error: unknown) => (fromNative(error) as BoxError).errno)
const read = async (from: MountedRoot, name: string): Promise<string> => await from.readFile(name, 'utf8')
const before = await read(root, '/var/lib/database/data')
await root.writeFile('/var/lib/database/more', 'more')
await root.remove('/srv/closed')
const changes: string[] = []
for await (const { kind, path: changed } of root.changes()) changes.push(`${kind} ${changed}`)
const usage = (await root.usage()).inodes
await store.commit(root, { tag: 'next' })
const maps = [root.userNamespace?.uidMappings, root.userNamespace?.gidMappings]
await root.close()
const copy = await store.mount('next', { kind: 'copy' })
const copied = [copy.kind, await read(copy, '/var/lib/database/data'), await read(copy, '/var/lib/database/more')]
await copy.writeFile('/var/lib/database/copied', '')
const copiedChanges: string[] = []
for await (const { kind, path: changed } of copy.changes()) copiedChanges.push(`${kind} ${changed}`)
await copy.close()
await store.export('next', join(folder, 'next.tar'), { format: 'oci-archive' })
const verified = (await store.verify()).problems
await store.close()
// The same kind of store again, and then nothing of it.
const again = await LayerStore.open(path)
for (const tag of ['base', 'next']) await again.remove(tag)
const pruned = (await again.prune()).layers.length
await again.close()
process.stdout.write(`${JSON.stringify({ outside, before, changes, usage, maps, copied, copiedChanges, verified, pruned })}\n`)
