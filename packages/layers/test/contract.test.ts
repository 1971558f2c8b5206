import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeImageSink } from '../../oci/test/blob-sink.contract.ts'
import { LayerStore } from '../src/index.ts'
import { layerOfSize } from './fixtures.ts'

describeImageSink(
  'LayerStore',
  async () => {
    const path = await mkdtemp(join(tmpdir(), 'box-layers-'))
    const sink = await LayerStore.open(path)
    const other = await LayerStore.open(path)
    return {
      sink,
      other,
      close: async () => {
        await sink.close()
        await other.close()
        expect(await readdir(join(path, 'layers/staging'))).toEqual([])
        expect(await readdir(join(path, 'sessions'))).toEqual([])
        await rm(path, { recursive: true })
      },
    }
  },
  { content: layerOfSize },
)
