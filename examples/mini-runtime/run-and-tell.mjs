// Runs a container and tells what it did.
import { bytes, heading, line, time } from './progress.mjs'

const limits = { memory: '512MiB', cpus: 1, pids: 64 }

/** Runs the command, its output streaming, and saves what it changed as a new layer. Gives its exit code. */
export async function runAndTell(runtime, image, command, signal) {
  heading('Run it: mount, pid, network, ipc, uts and user namespaces of its own; 512 MiB of memory, one CPU, 64 processes')
  const start = performance.now()
  let first
  const container = await runtime.start(image, command, { limits, signal })
  try {
    const show = async (stream) => {
      for await (const chunk of stream) {
        first ??= performance.now() - start
        for (const text of chunk.toString().trimEnd().split('\n')) line(`  │ ${text}`)
      }
    }
    const [exit] = await Promise.all([container.exited, show(container.stdout), show(container.stderr)])
    line(`  ${exit.signal === null ? `exit code ${exit.exitCode}` : `ended by ${exit.signal}`}${exit.oomKilled ? ', out of memory' : ''}`)
    line(
      `  first output after ${first === undefined ? 'none' : time(first)}, end after ${time(exit.durationMs)}, peak memory ${bytes(exit.peakMemory)}`,
    )
    await tellChanges(runtime, container, image)
    return exit.exitCode ?? 128
  } finally {
    await container.close()
  }
}

async function tellChanges(runtime, container, image) {
  heading('What it changed')
  const store = await runtime.store()
  let count = 0
  for await (const { kind, path } of container.root.changes()) {
    count += 1
    if (count <= 10) line(`  ${kind.padEnd(8)} ${path}`)
  }
  if (count > 10) line(`  and ${count - 10} more`)
  if (count === 0) return line('  nothing')
  const changed = await store.commit(container.root, { comment: 'what the tour changed' })
  const layer = changed.layers.at(-1)
  line(
    `  saved as a new layer of ${bytes(layer.descriptor.size)}, ${layer.diffID.slice(0, 19)}…, on the ${image.layers.length} that are there`,
  )
  const again = await store.get(image.digest)
  line(`  the image itself is untouched: still ${again.digest.slice(0, 19)}… with ${again.layers.length} layers`)
}
