/** Says what an image is, without pulling it. `node main.mjs REFERENCE [OS/ARCHITECTURE[/VARIANT]]` */
import { parseImageConfig } from '@box/oci'
import { dockerConfig, podmanConfig, proxyFromEnvironment, Registry } from '@box/registry'

const [reference, wanted] = process.argv.slice(2)
if (reference === undefined) {
  console.error('node main.mjs REFERENCE [OS/ARCHITECTURE]\n  node main.mjs alpine:3 linux/arm64')
  process.exit(64)
}
const [os = 'linux', architecture = process.arch === 'x64' ? 'amd64' : process.arch, variant] = wanted?.split('/') ?? []
const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) }

const registry = new Registry({ auth: [podmanConfig(), dockerConfig()], proxy: proxyFromEnvironment() })
try {
  const top = await registry.manifest(reference)
  if (top.kind === 'index') {
    const platforms = top.value.manifests.map(({ platform: one }) => (one === undefined ? '?' : `${one.os}/${one.architecture}`))
    console.log(`index      ${top.descriptor.digest}: ${platforms.join(', ')}`)
  }
  const { descriptor, value } = await registry.manifest(reference, { platform })
  console.log(`manifest   ${descriptor.digest}`)
  const config = parseImageConfig(await bytesOf(value.config)).value
  console.log(`platform   ${config.os}/${config.architecture}`)
  console.log(`created    ${config.created ?? 'unknown'}`)
  console.log(`command    ${JSON.stringify([...(config.config?.Entrypoint ?? []), ...(config.config?.Cmd ?? [])])}`)
  for (const { digest, size } of value.layers) console.log(`layer      ${digest} ${size} bytes`)
  console.log(`to receive ${value.layers.reduce((sum, { size }) => sum + size, value.config.size)} bytes`)
  for (const { digest, artifactType } of await registry.referrers(`${reference.replace(/@.*/, '')}@${top.descriptor.digest}`))
    console.log(`referrer   ${digest} ${artifactType ?? ''}`)
} catch (error) {
  console.error(`${error.code ?? ''} ${error.message}`)
  process.exitCode = 1
} finally {
  await registry.close()
}

async function bytesOf({ digest }) {
  const chunks = []
  for await (const chunk of registry.blob(reference, digest)) chunks.push(chunk)
  return Buffer.concat(chunks)
}
