// Works on an image layout as one process of several. Arguments: what to do, the module of @box/oci, the folder, and what the work needs.
import { writeSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { once } from 'node:events'

const [work, module, folder, ...rest] = process.argv.slice(2)
const { acquireLock, archive, digestOf, layout, mediaTypes, socketLocks } = await import(module)

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
  // Makes one image after another and says of each that it is there, until it is killed.
  async images(kind) {
    const store = kind === 'archive' ? archive(join(folder, 'images.tar')) : layout(folder)
    const put = async (mediaType, bytes) => {
      const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength }
      while (true) {
        const ingest = await store.ingest(descriptor)
        if (ingest.state === 'present') return descriptor
        if (ingest.state === 'busy') await ingest.released
        else {
          const rest = bytes.subarray(ingest.offset)
          await ingest.write(rest.subarray(0, rest.byteLength / 2))
          await ingest.write(rest.subarray(rest.byteLength / 2))
          await ingest.commit()
          return descriptor
        }
      }
    }
    const json = (value) => Buffer.from(JSON.stringify(value))
    for (let number = 0; ; number += 1) {
      const layer = await put(mediaTypes.layer, Buffer.alloc(100_000, number))
      const rootfs = { type: 'layers', diff_ids: [layer.digest] }
      const config = await put(mediaTypes.config, json({ architecture: 'amd64', os: 'linux', rootfs }))
      const manifest = await put(mediaTypes.manifest, json({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [layer] }))
      await store.tag(`image-${number}`, manifest)
      writeSync(1, `image-${number}\n`)
    }
  },
  // Adds the image to the archive.
  async pack(descriptor) {
    await archive(join(folder, 'images.tar')).tag('large', JSON.parse(descriptor))
  },
  // Gives an image many names of its own.
  async tag(name, count, descriptor) {
    const store = layout(folder)
    for (let number = 0; number < Number(count); number += 1) await store.tag(`${name}-${number}`, JSON.parse(descriptor))
  },
}

await works[work](...rest)
