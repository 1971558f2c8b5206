import { memorySink } from '../src/layout/memory.ts'
import { describeImageSink } from './blob-sink.contract.ts'

describeImageSink('memorySink()', async () => {
  const sink = memorySink()
  return { sink, other: sink, close: async () => undefined }
})
