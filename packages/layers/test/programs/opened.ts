/** `opened.ts STORE`: makes or opens a store, and says how many ranges of ids a root of it has. */
import { LayerStore } from '../../src/index.ts'

const store = await LayerStore.open(process.argv[2] ?? '')
await store.create({ tag: 'empty' })
const root = await store.mount('empty', { readOnly: true })
process.stdout.write(`${JSON.stringify({ ranges: root.userNamespace?.uidMappings.length })}\n`)
await root.close()
await store.close()
