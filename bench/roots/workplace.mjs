/** The tmpfs that the roots bench works in: a store with images of 1, 10 and 100 layers and one of 1 GB, and the floor's program. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LayerStore } from '@box/layers'

const here = dirname(fileURLToPath(import.meta.url))

export const layerCounts = [1, 10, 100]

export async function makeWorkplace() {
  const folder = mkdtempSync(join(tmpdir(), 'box-bench-'))
  const unmount = () => {
    execFileSync('umount', [folder])
    rmSync(folder, { recursive: true, force: true })
  }
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'box-bench', folder])
  try {
    const floor = join(folder, 'floor')
    execFileSync('rustc', ['-O', '--edition', '2024', '-o', floor, join(here, '../floor/mount.rs')])
    const store = await LayerStore.open(join(folder, 'store'))
    const images = await makeImages(store, folder)
    return {
      folder,
      floor,
      store,
      images,
      close: async () => {
        await store.close()
        unmount()
      },
    }
  } catch (error) {
    unmount()
    throw error
  }
}

/** Bytes that gzip makes about a third of: numbers and words. */
function text(size) {
  const parts = Array.from(
    { length: 4096 },
    (_, number) => `${(number * 2_654_435_761) % 1_000_003} ${randomBytes(4).toString('hex')} the same words again\n`,
  )
  const bytes = Buffer.alloc(size)
  for (let offset = 0; offset < size;) offset += bytes.write(parts[randomBytes(2).readUInt16LE() % parts.length], offset)
  return bytes
}

async function makeImages(store, folder) {
  const images = {}
  const files = join(folder, 'files')
  mkdirSync(files)
  let image
  for (let count = 1; count <= Math.max(...layerCounts); count += 1) {
    writeFileSync(join(files, 'file'), String(count))
    image = await store.create({ from: image, add: { [`/layer-${count}`]: files } })
    if (layerCounts.includes(count)) images[count] = await store.create({ from: image, tag: `layers:${count}` })
  }
  const big = join(folder, 'big')
  mkdirSync(big)
  for (let number = 0; number < 125; number += 1) writeFileSync(join(big, String(number)), randomBytes(8_000_000))
  images.big = await store.create({ add: { '/big': big }, compression: 'none', tag: 'big:1' })
  rmSync(big, { recursive: true })
  writeFileSync(join(folder, 'text'), text(200_000_000))
  images.text = await store.create({ add: { '/text': join(folder, 'text') }, compression: 'none' })
  return images
}
