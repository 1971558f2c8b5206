// Works on an image layout as one process of several. Arguments: what to do, the module of @box/oci, the folder, and what the work needs.
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { once } from 'node:events'

const [work, module, folder, ...rest] = process.argv.slice(2)
const { acquireLock, digestOf, layout, mediaTypes, socketLocks } = await import(module)

const works = {
  // Takes a lock many times, and fails where someone else is inside at the same time.
  async exclude(rounds) {
    const locks = socketLocks()
    for (let round = 0; round < Number(rounds); round += 1) {
      const lock = await acquireLock(locks, folder, 'door')
      await (await open(join(folder, 'inside'), 'wx')).close()
      await rm(join(folder, 'inside'))
      await lock.release()
    }
  },
  // Receives the first half of a blob, says so, and waits to be killed.
  async half(size) {
    const bytes = Buffer.alloc(Number(size), 7)
    const store = layout(folder)
    const writer = await store.ingest({ mediaType: mediaTypes.layer, digest: digestOf(bytes), size: bytes.byteLength })
    await writer.write(bytes.subarray(0, bytes.byteLength / 2))
    process.stdout.write('half\n')
    process.stdin.resume()
    await once(process.stdin, 'end')
  },
  // Gives an image many names of its own.
  async tag(name, count, descriptor) {
    const store = layout(folder)
    for (let number = 0; number < Number(count); number += 1) await store.tag(`${name}-${number}`, JSON.parse(descriptor))
  },
}

await works[work](...rest)
