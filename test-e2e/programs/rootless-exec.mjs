// Starts a container and commands in it, as whoever runs this. Prints what it saw as JSON.
//   node rootless-exec.mjs FOLDER ROOTFS
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { LayerStore } from '@box/layers'
import { createRuntime } from '@box/runtime'

const [folder, rootfs] = process.argv.slice(2)
const store = await LayerStore.open(path.join(folder, 'store'))
const runtime = createRuntime({ store })
await store.create({ add: { '/': rootfs }, config: { cmd: ['sh'] }, tag: 'tools:1' })
const container = await runtime.start('tools:1', ['sleep', '60'], { hostname: 'inside' })
const child = await container.exec(['sleep', '60'])
const both = [container, child]
const namespaces = both.map(({ pid }) => readdirSync(`/proc/${pid}/ns`).map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`)))
const rights = both.map(({ pid }) =>
  readFileSync(`/proc/${pid}/status`, 'utf8').match(/^(?:Cap\w+|NoNewPrivs|Seccomp|[UG]id|Groups|Umask):.*$/gm),
)
const output = await text((await container.exec(['sh', '-c', 'echo $(hostname) $(id -u)'])).stdout)
container.kill('SIGKILL')
const { exitCode, signal } = await child.exited
await container.exited
const after = await container.exec(['sleep', '60']).catch((error) => error.code)
await container.close()
await runtime.close()
await store.close()
console.log(JSON.stringify({ namespaces, rights, output, exits: { exitCode, signal, after } }))
