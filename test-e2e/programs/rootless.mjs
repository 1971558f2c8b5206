// Makes a store and an image, runs a container and commits what it changed, as whoever runs this. Prints what it saw as JSON.
//   node rootless.mjs FOLDER ROOTFS
import path from 'node:path'
import { LayerStore } from '@box/layers'
import { createRuntime } from '@box/runtime'

const [folder, rootfs] = process.argv.slice(2)
const store = await LayerStore.open(path.join(folder, 'store'))
const runtime = createRuntime({ store })
const image = await store.create({ add: { '/': rootfs }, config: { cmd: ['sh'] }, tag: 'tools:1' })
const container = await runtime.start(
  'tools:1',
  ['sh', '-c', 'id -u; echo $$; hostname; ls /proc | grep -c "^[0-9]"; echo x > /etc/new; rm /etc/group'],
  { hostname: 'inside' },
)
let stdout = ''
for await (const chunk of container.stdout) stdout += chunk
let stderr = ''
for await (const chunk of container.stderr) stderr += chunk
const { exitCode } = await container.exited
const changes = []
for await (const change of container.root.changes()) changes.push(`${change.kind} ${change.path}`)
const changed = await store.commit(container.root, { tag: 'changed:1' })
await container.close()
const after = await runtime.run('changed:1', ['sh', '-c', 'cat /etc/new; ls /etc/group'], { check: false })
await store.close()
console.log(
  JSON.stringify({
    exitCode,
    stdout,
    stderr,
    changes,
    layers: [image.layers.length, changed.layers.length],
    after: { stdout: after.stdout, exitCode: after.exitCode },
  }),
)
