// Turns a folder into an image that Docker, podman and containerd load. No Docker is needed, and no privilege.
//
//   node examples/folder-to-docker/main.mjs FOLDER NAME ARCHIVE [COMMAND…]
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { LayerStore } from '@box/layers'

const [folder, name, archive, ...cmd] = process.argv.slice(2)
if (archive === undefined) {
  process.stderr.write('usage: main.mjs FOLDER NAME ARCHIVE [COMMAND…]\n')
  process.exit(64)
}

const workplace = await mkdtemp(path.join(tmpdir(), 'box-example-'))
try {
  const store = await LayerStore.open(path.join(workplace, 'store'))
  try {
    const image = await store.create({ add: { '/': folder }, config: { cmd }, tag: name })
    await store.export(name, archive, { format: 'docker-archive' })
    process.stdout.write(`${archive} holds ${name}, image id ${image.manifest.config.digest}\ndocker load < ${archive}\n`)
  } finally {
    await store.close()
  }
} finally {
  await rm(workplace, { recursive: true })
}
