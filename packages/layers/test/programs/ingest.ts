/**
 * `ingest.ts STORE SIZE SEED STOP`: receives a layer into a store, as a client that pulls. It says where it begins, then how far it is, and stops
 * at STOP bytes until it is killed; or says what it did.
 */
import { LayerStore } from '../../src/index.ts'
import { seededLayer } from '../seeded-layer.ts'
import { digestOf, mediaTypes } from '@box/oci'

const [, , path = '', size = '0', seed = '', stop = 'never'] = process.argv
const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`)
const bytes = seededLayer(Number(size), seed)
const descriptor = { mediaType: mediaTypes.layer, digest: digestOf(bytes), size: bytes.byteLength }
const store = await LayerStore.open(path)
say('open')
// Everyone begins at the same time.
await new Promise((resolve) => process.stdin.once('data', resolve))
let outcome = 'written'
while (true) {
  const ingest = await store.ingest(descriptor)
  if (ingest.state === 'present') {
    outcome = outcome === 'waited' ? 'waited' : 'present'
    break
  }
  if (ingest.state === 'busy') {
    outcome = 'waited'
    await ingest.released
    continue
  }
  outcome = 'written'
  say({ offset: ingest.offset })
  for (let at = ingest.offset; at < bytes.byteLength; at += 65_536) {
    if (String(at) === stop) {
      say({ stoppedAt: at })
      await new Promise(() => undefined)
    }
    await ingest.write(bytes.subarray(at, Math.min(at + 65_536, bytes.byteLength)))
  }
  await ingest.commit()
  break
}
say({ outcome })
await store.close()
process.stdin.destroy()
