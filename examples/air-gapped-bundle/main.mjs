/**
 * Carries an image as one file to where no registry can be reached from here. `node main.mjs save REFERENCE FILE` on this side,
 * `node main.mjs load FILE REFERENCE` on the other.
 */
import { archive, dockerConfig, podmanConfig, proxyFromEnvironment, Registry } from '@box/registry'

const works = {
  /** One file out. */
  async save(registry, reference, file) {
    const bundle = archive(file)
    const { digest } = await registry.pull(reference, bundle, { name: 'bundle' })
    // Where the pull fails, what it received is left for the next try.
    await bundle.close()
    return `${file} holds ${digest}`
  },
  /** One file in. */
  async load(registry, file, reference) {
    const { digest } = await registry.push(archive(file), reference, { name: 'bundle' })
    return `${reference} is ${digest}`
  },
}

const [what, from, to] = process.argv.slice(2)
if (!Object.hasOwn(works, what ?? '') || to === undefined) {
  console.error('node main.mjs save alpine:3 alpine.tar\nnode main.mjs load alpine.tar registry.inside:5000/alpine:3')
  process.exit(64)
}

const registry = new Registry({ auth: [podmanConfig(), dockerConfig()], proxy: proxyFromEnvironment() })
try {
  console.log(await works[what](registry, from, to))
} catch (error) {
  console.error(`${error.code ?? ''} ${error.message}`)
  process.exitCode = 1
} finally {
  await registry.close()
}
