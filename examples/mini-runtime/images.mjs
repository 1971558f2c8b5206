// Two images from the files of this machine, on one base layer.
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import fs from 'fs-extra'
import { LayerStore } from '@box/layers'
import { copyPrograms, everydayTools, makeSkeleton } from './programs.mjs'
import { bytes, heading, line } from './progress.mjs'

const app = fileURLToPath(new URL('app', import.meta.url))

/** Makes them in a store of their own, which the caller closes. */
export async function makeImages(folder, signal) {
  heading('Make two images of real files')
  const base = path.join(folder, 'base')
  const top = path.join(folder, 'top')
  const libraries = new Set()
  await makeSkeleton(base)
  const tools = await copyPrograms(base, everydayTools, libraries)
  await copyPrograms(top, [process.execPath], libraries)
  await fs.copy(app, path.join(top, 'app'))

  const store = await LayerStore.open(path.join(folder, 'maker'))
  try {
    const tourBase = await store.create({
      add: { '/': base },
      config: { cmd: ['sh'], env: { PATH: '/usr/bin:/bin' }, labels: { 'org.opencontainers.image.title': 'everyday tools' } },
      tag: 'tour/base:1',
      signal,
    })
    line(`  tour/base:1   ${tools} programs, the C library: one layer of ${bytes(tourBase.layers[0].descriptor.size)}`)
    const tourApp = await store.create({
      from: tourBase,
      add: { '/': top },
      config: {
        cmd: ['node', '/app/main.mjs'],
        env: { GREETING: 'good day' },
        workingDir: '/app',
        labels: { 'org.opencontainers.image.title': 'a small app' },
      },
      tag: 'tour/app:1',
      signal,
    })
    line(`  tour/app:1    node and an app on top: a second layer of ${bytes(tourApp.layers[1].descriptor.size)}`)
    return store
  } catch (error) {
    await store.close()
    throw error
  } finally {
    await Promise.all([fs.remove(base), fs.remove(top)])
  }
}
