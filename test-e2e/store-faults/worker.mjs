/**
 * `node worker.mjs STORE SOURCE KEEP`: opens the store, to keep `all` of its layers or them `unpacked`, and does what the lines of its standard input say, each a list in JSON. What is done is
 * acknowledged by a line, written before anything else happens: `{ done }`, or `{ failed, errno, message }`.
 */
import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { LayerStore } from '@box/layers'
import { layout } from '@box/oci'
import { copy } from '@box/registry'

const [, , path, source, keep] = process.argv
const say = (value) => writeSync(1, `${JSON.stringify(value)}\n`)
const images = layout(source)
const failure = Symbol('failure')

/** What a line can ask for. */
const works = {
  /** Pulls an image from the layout and gives it a name. */
  pull: async (store, image, name) => {
    const { digest } = await copy({ source: images, name: image }, { sink: store, name })
    return digest
  },
  remove: (store, name) => store.remove(name),
  prune: async (store) => (await store.prune()).bytes,
  /** Reads every blob and every file that the name leads to, and says which layers' bytes were not kept. */
  read: (store, name) => readImage(store, name),
  verify: async (store) => (await store.verify()).problems,
  list: async (store) => Object.fromEntries((await store.list()).map((one) => [one.name, one.descriptor.digest])),
}

const store = await attempt(() => LayerStore.open(path, { keep }))
say({ done: 'open' })
for await (const line of createInterface(process.stdin)) {
  const [work, ...given] = JSON.parse(line)
  const value = await attempt(() => works[work](store, ...given), work)
  if (value !== failure) say({ done: work, value })
}
await attempt(() => store.close(), 'close')

async function attempt(work, name) {
  try {
    return await work()
  } catch (error) {
    say({ failed: name ?? 'open', code: error.code, errno: error.errno, isBoxError: error.name === 'BoxError', message: error.message })
    if (name === undefined) process.exit(3)
    return failure
  }
}

async function readImage(store, name) {
  const image = await store.get(name)
  if (image === undefined) return undefined
  for (const { digest } of [image, image.manifest.config]) await readBlob(store, digest)
  const unpackedOnly = []
  for (const { digest } of image.manifest.layers)
    await readBlob(store, digest).catch((error) => {
      // The hint is given for what is there unpacked.
      if (error.code !== 'ERR_BOX_BLOB_ABSENT' || error.hint === undefined) throw error
      unpackedOnly.push(digest)
    })
  const root = await store.mount(image, { readOnly: true })
  try {
    const files = {}
    for (const folder of ['usr/share/base', 'usr/share/own'])
      for (const file of await root.readdir(`/${folder}`))
        files[`${folder}/${file}`] = createHash('sha256')
          .update(await root.readFile(`/${folder}/${file}`))
          .digest('hex')
    return { digest: image.digest, files, unpackedOnly }
  } finally {
    await root.close()
  }
}

async function readBlob(store, digest) {
  const hash = createHash('sha256')
  for await (const chunk of store.read(digest)) hash.update(chunk)
  if (`sha256:${hash.digest('hex')}` !== digest) throw new Error(`the bytes of ${digest} are others`)
}
