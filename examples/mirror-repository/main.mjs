/** Brings every tag of a repository to another registry, with what refers to the images. `node main.mjs FROM TO [PATTERN]` */
import { dockerConfig, podmanConfig, proxyFromEnvironment, Registry } from '@box/registry'

const [from, to, pattern = ''] = process.argv.slice(2)
if (from === undefined || to === undefined) {
  console.error('node main.mjs FROM TO [PATTERN]\n  node main.mjs docker.io/library/alpine localhost:5000/alpine "^3\\."')
  process.exit(64)
}

const registry = new Registry({ auth: [podmanConfig(), dockerConfig()], proxy: proxyFromEnvironment() })
try {
  for await (const tag of registry.tags(from)) if (new RegExp(pattern).test(tag)) await mirror(tag)
} catch (error) {
  fail(from, error)
} finally {
  await registry.close()
}

/** One tag that fails does not keep the others from being copied. */
async function mirror(tag) {
  try {
    const task = registry.copy(`${from}:${tag}`, `${to}:${tag}`)
    let moved = 0
    for await (const { type, total } of task) if (type === 'copied') moved += total
    const { digest } = await task
    const referrers = await registry.referrers(`${from}@${digest}`)
    for (const referrer of referrers) await registry.copy(`${from}@${referrer.digest}`, `${to}@${referrer.digest}`)
    console.log(`${tag} ${digest} ${moved} bytes, ${referrers.length} referrers`)
  } catch (error) {
    fail(tag, error)
  }
}

function fail(what, error) {
  console.error(`${what}: ${error.code ?? ''} ${error.message}`)
  process.exitCode = 1
}
