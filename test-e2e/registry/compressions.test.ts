import path from 'node:path'

import { type Compression, LayerStore } from '@box/layers'
import { layout, Registry, serve } from '@box/registry'
import fs from 'fs-extra'

import { useWorkplace } from '../support/workplace.ts'

describe('an image of two layers, from a store by a registry into another store', () => {
  const workplace = useWorkplace()

  test.each<Compression>(['gzip', 'zstd', 'none'])(
    'whose layers are compressed by %s is unpacked there as it was here',
    async (compression) => {
      const below = (name: string): string => path.join(workplace.folder, name)
      const large = 'a line of the large file\n'.repeat(200_000)
      await fs.outputFile(below('base/large'), large)
      await fs.outputFile(below('next/small'), 'small\n')
      const registry = new Registry()
      const served = await serve(layout(below('served')))
      const [here, there] = await Promise.all([LayerStore.open(below('here')), LayerStore.open(below('there'))])
      try {
        const base = await here.create({ add: { '/': below('base') } })
        const image = await here.recompress(await here.create({ from: base, add: { '/': below('next') } }), { compression, tag: 'made' })
        const reference = `localhost:${served.port}/made:${compression}`
        await registry.push(here, reference, { name: 'made' })
        const pulled = await registry.pull(reference, there, { name: 'pulled' })
        expect(pulled.digest).toBe(image.digest)
        const root = await there.mount('pulled', { readOnly: true })
        try {
          expect(await root.readFile('/large', 'utf8')).toBe(large)
          expect(await root.readFile('/small', 'utf8')).toBe('small\n')
        } finally {
          await root.close()
        }
        expect(await there.verify()).toMatchObject({ blobs: 4, layers: 2, problems: [] })
      } finally {
        await Promise.all([here.close(), there.close(), registry.close(), served.close()])
      }
    },
  )
})
