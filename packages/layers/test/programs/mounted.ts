/** `mounted.ts STORE`: mounts a root, writes to it, and waits to be killed. */
import { LayerStore } from '../../src/index.ts'

const store = await LayerStore.open(process.argv[2] ?? '')
await store.create({ tag: 'empty' })
const root = await store.mount('empty')
await root.writeFile('/file', 'x')
process.stdout.write('"written"\n')
process.stdin.resume()
