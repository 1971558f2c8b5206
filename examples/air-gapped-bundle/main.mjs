/**
 * Carries an image as one file to where no registry can be reached from here. `node main.mjs save REFERENCE FILE` on this side,
 * `node main.mjs load FILE REFERENCE` on the other.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LayerStore } from '@box/layers'
import { dockerConfig, podmanConfig, proxyFromEnvironment, Registry } from '@box/registry'

const works = {
  /** One file out. */
  async save({ registry, store }, reference, file) {
    const { digest } = await registry.pull(reference, store, { name: 'bundle' })
    await store.export('bundle', file, { format: 'oci-archive' })
    return `${file} holds ${digest}`
  },
  /** One file in. */
  async load({ registry, store }, file, reference) {
    await store.import(file, { tag: 'bundle' })
    const { digest } = await registry.push(store, reference, { name: 'bundle' })
    return `${reference} is ${digest}`
  },
}

const [what, from, to] = process.argv.slice(2)
if (!Object.hasOwn(works, what ?? '') || to === undefined) {
  console.error('node main.mjs save alpine:3 alpine.tar\nnode main.mjs load alpine.tar registry.inside:5000/alpine:3')
  process.exit(64)
}

const folder = await mkdtemp(join(tmpdir(), 'bundle-'))
const registry = new Registry({ auth: [podmanConfig(), dockerConfig()], proxy: proxyFromEnvironment() })
const store = await LayerStore.open(folder)
try {
  console.log(await works[what]({ registry, store }, from, to))
} catch (error) {
  console.error(`${error.code ?? ''} ${error.message}`)
  process.exitCode = 1
} finally {
  await registry.close()
  await store.close()
  await rm(folder, { recursive: true })
}
