// A container runtime in a few lines: makes an image of this machine's programs, pushes it to a registry, pulls it into an empty store,
// and runs it isolated and limited. With arguments: runs any image of any registry.
//
//   node examples/mini-runtime/main.mjs [IMAGE [COMMAND…]]
import path from 'node:path'
import { BoxError } from '@box/core'
import { LayerStore } from '@box/layers'
import { createRuntime } from '@box/runtime'
import { makeImages } from './images.mjs'
import { inventory, leftovers } from './leftovers.mjs'
import { heading, line, time } from './progress.mjs'
import { whatIsMissing } from './readiness.mjs'
import { runAndTell } from './run-and-tell.mjs'
import { throughRegistry } from './through-registry.mjs'
import { pullFrom } from './transfer.mjs'
import { makeWorkplace } from './workplace.mjs'

const started = performance.now()
const before = inventory()
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(name, () => stop.abort(new Error(`stopped by ${name}`)))

const [name, ...command] = process.argv.slice(2)
const workplace = await makeWorkplace()
for (const folder of workplace.removed) line(`removed ${folder}, which a tour that was killed had left`)
try {
  process.exitCode = await tour()
} catch (error) {
  if (!stop.signal.aborted && !(error instanceof BoxError)) throw error
  process.stderr.write(stop.signal.aborted ? `${stop.signal.reason.message}\n` : `${error.code}: ${error.message}\n`)
  process.exitCode = stop.signal.aborted ? 130 : 1
} finally {
  await workplace.remove()
}
const left = leftovers(before, inventory())
heading('Afterwards')
for (const entry of left) line(`  left behind: ${entry}`)
if (left.length === 0) line('  nothing is left: no mount, no cgroup, no process, no namespace, no file')
else process.exitCode = 1
line(`  the whole tour took ${time(performance.now() - started)}`)

/** Gives the exit code. */
async function tour() {
  const { signal } = stop
  const store = await LayerStore.open(path.join(workplace.folder, 'store'))
  try {
    const image =
      name === undefined
        ? await throughRegistry(workplace.folder, store, await makeImages(workplace.folder, signal), signal)
        : await pullFrom(name, store, signal)
    const missing = await whatIsMissing(image, store)
    if (missing !== undefined) {
      heading('This is as far as it goes here')
      for (const text of missing) line(`  ${text}`)
      return 69
    }
    const runtime = createRuntime({ store })
    try {
      return await runAndTell(runtime, image, command.length > 0 ? command : undefined, signal)
    } finally {
      await runtime.close()
    }
  } finally {
    await store.close()
  }
}
