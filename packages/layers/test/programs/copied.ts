/** Changes a copy and an overlay of one image as whoever runs it, and commits them: `copied.ts FOLDER`, where FOLDER is its own. */
import { join } from 'node:path'
import { LayerStore } from '../../src/index.ts'
import { putImage, tar } from '../fixtures.ts'

const store = await LayerStore.open(join(process.argv[2] ?? '', 'store'))
const layers = [
  tar([
    { name: 'etc/', type: 'folder', mode: 0o750 },
    { name: 'etc/old', content: 'old' },
    { name: 'etc/kept', content: 'kept', mode: 0o4711 },
  ]),
  tar([{ name: 'etc/', type: 'folder', mode: 0o750 }, { name: 'etc/.wh.old' }, { name: 'etc/new', content: 'new' }]),
]
await putImage(store, layers, 'base')
const digests = new Set<string>()
let report: Record<string, unknown> = {}
for (const kind of ['overlay', 'copy'] as const) {
  const root = await store.mount('base', { kind })
  await root.writeFile('/etc/new', 'newer')
  await root.writeFile('/etc/added', 'added')
  await root.remove('/etc/kept')
  const changes: string[] = []
  for await (const { kind: what, path } of root.changes()) changes.push(`${what} ${path}`)
  const next = await store.commit(root, { created: new Date(1_700_000_000_000) })
  digests.add(next.digest)
  report = { kind: root.kind, changes, maps: root.userNamespace?.uidMappings }
  await root.close()
  const again = await store.mount(next)
  report['again'] = await again.readdir('/etc')
  await again.close()
}
await store.close()
process.stdout.write(`${JSON.stringify({ ...report, digests: [...digests] })}\n`)
