// Puts an image named node:22, with this machine's node, into the default store.
//   node prepare-node-image.mjs FOLDER
import path from 'node:path'
import { createRuntime } from '@box/runtime'
import { copyPrograms, makeSkeleton } from '../../examples/mini-runtime/programs.mjs'

const rootfs = path.join(process.argv[2], 'rootfs')
await makeSkeleton(rootfs)
await copyPrograms(rootfs, ['sh', process.execPath])
const runtime = createRuntime()
const store = await runtime.store()
await store.create({ add: { '/': rootfs }, tag: 'node:22' })
await runtime.close()
