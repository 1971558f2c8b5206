/** Images whose content follows from a seed, in one layout folder: what the stores of these tests pull, and what must be found in them. */
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LayerStore } from '@box/layers'

const compressions = ['gzip', 'zstd', 'none']

/**
 * Makes `count` images named `image-0` and so on: each has one of three base layers and one or two of its own, some of which depend on the base.
 * @returns { layout, names, files } with the files' digests by path for each name
 */
export async function makeImages(folder, count) {
  const layout = join(folder, 'source')
  const work = mkdtempSync(join(folder, 'work-'))
  const store = await LayerStore.open(join(work, 'store'), { durability: 'none' })
  const files = {}
  try {
    const bases = []
    for (const [index, compression] of compressions.entries()) {
      const content = writeTree(join(work, `base-${index}`), `base ${index}`, 12, 60_000)
      bases.push({ content, image: await store.create({ add: { '/usr/share/base': join(work, `base-${index}`) }, compression }) })
    }
    for (let number = 0; number < count; number += 1) {
      const { content, image } = bases[number % bases.length]
      const own = writeTree(join(work, `own-${number}`), `own ${number}`, 8, 40_000)
      const name = `image-${number}`
      await store.create({
        from: image,
        add: { '/usr/share/own': join(work, `own-${number}`) },
        compression: compressions[number % 2],
        tag: name,
      })
      await store.export(name, layout)
      files[name] = { ...under('usr/share/base', content), ...under('usr/share/own', own) }
    }
  } finally {
    await store.close()
    rmSync(work, { recursive: true })
  }
  return { layout, names: Object.keys(files), files }
}

function under(prefix, content) {
  return Object.fromEntries(Object.entries(content).map(([name, digest]) => [`${prefix}/${name}`, digest]))
}

/** Half of each file is noise, half of it repeats: compressors have work, and do not get far. */
function writeTree(folder, seed, count, size) {
  mkdirSync(folder)
  const content = {}
  for (let number = 0; number < count; number += 1) {
    const blocks = []
    for (let at = 0; at < size; at += 128) {
      const noise = createHash('sha512').update(`${seed} ${number} ${at}`).digest()
      blocks.push(noise, Buffer.alloc(64, number))
    }
    const bytes = Buffer.concat(blocks)
    writeFileSync(join(folder, `file-${number}`), bytes)
    content[`file-${number}`] = createHash('sha256').update(bytes).digest('hex')
  }
  return content
}
