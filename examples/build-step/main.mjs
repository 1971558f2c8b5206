// A build step: runs a command on top of an image, without a network, and keeps what it changed as a layer. Needs root.
//
//   node examples/build-step/main.mjs BASE OUTPUT COMMAND…
//
// BASE and OUTPUT are archives (BASE may be a layout folder, or the tar of a root). The same step on the same base gives the same layer.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { LayerStore } from '@box/layers'
import { spawn } from '@box/namespaces'

const [from, output, ...command] = process.argv.slice(2)
if (command.length === 0) {
  process.stderr.write('usage: main.mjs BASE OUTPUT COMMAND…\n')
  process.exit(64)
}

const workplace = await mkdtemp(path.join(tmpdir(), 'box-example-'))
try {
  const store = await LayerStore.open(path.join(workplace, 'store'))
  try {
    process.exitCode = await buildStep(store)
  } finally {
    await store.close()
  }
} finally {
  await rm(workplace, { recursive: true })
}

async function buildStep(store) {
  const base = await store.import(from, { tag: 'base' })
  const root = await store.mount(base)
  try {
    // A network namespace of its own, with nothing in it: what the step needs is in the base.
    const child = await spawn(command, { root, namespaces: ['mount', 'pid', 'ipc', 'uts', 'network'], stdio: 'inherit' })
    const { exitCode } = await child.exited
    if (exitCode !== 0) return exitCode ?? 1
    for await (const { kind, path } of root.changes()) process.stdout.write(`${kind.padEnd(8)} ${path}\n`)
    // No file is younger than the beginning of 1970: when the step ran is not part of what it made.
    const image = await store.commit(root, { created: new Date(0), createdBy: command.join(' '), tag: 'built:latest' })
    await store.export('built:latest', output, { format: 'oci-archive' })
    process.stdout.write(`layer ${image.layers.at(-1)?.diffID}\n`)
    return 0
  } finally {
    await root.close()
  }
}
