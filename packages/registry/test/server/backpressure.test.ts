import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { digestOf } from '@box/oci'
import { serve, type ServedRegistry } from '../../src/server/index.ts'
import { ask, pushBlob } from './client.ts'
import { MapStore } from './store.ts'

/** Far more than the buffers of two sockets on loopback and of two streams can hold. */
const total = 64 * 1024 * 1024
const block = Buffer.alloc(64 * 1024)
let registry: ServedRegistry
let store: MapStore
let socket: Socket

beforeEach(async () => {
  store = new MapStore()
  registry = await serve(store, { limits: { closing: 0 } })
  socket = connect(registry.port, registry.host)
  socket.on('error', () => socket.destroy())
  await once(socket, 'connect')
})

afterEach(async () => {
  socket.destroy()
  await registry.close()
})

test('a blob is read no faster than the client takes it', async () => {
  const digest = await pushBlob(registry, 'a', 'a blob')
  let read = 0
  jest.spyOn(store, 'stat').mockResolvedValue({ size: total })
  jest.spyOn(store, 'read').mockImplementation(async function* large() {
    for (; read < total; read += block.byteLength) yield block
  })
  socket.pause()
  socket.write(`GET /v2/a/blobs/${digest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  await standsStill(() => read)
  expect(read).toBeLessThan(total / 2)
  let received = 0
  socket.on('data', (chunk: Buffer) => (received += chunk.byteLength))
  socket.resume()
  await once(socket, 'end')
  expect(received).toBeGreaterThan(total)
  expect(read).toBe(total)
})

test('a client is held back where the store takes its time', async () => {
  let proceed: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    proceed = resolve
  })
  const content = Buffer.alloc(total)
  const digest = digestOf(content)
  const ingest = store.ingest.bind(store)
  jest.spyOn(store, 'ingest').mockImplementation(async (descriptor) => {
    const answer = await ingest(descriptor)
    if (answer.state !== 'writing') return answer
    const write = answer.write.bind(answer)
    return Object.assign(answer, {
      write: async (chunk: Uint8Array) => {
        await gate
        await write(chunk)
      },
    })
  })
  socket.write(`POST /v2/a/blobs/uploads/?digest=${digest} HTTP/1.1\r\nHost: x\r\nContent-Length: ${total}\r\n\r\n`)
  socket.write(content)
  await standsStill(() => socket.bytesWritten - socket.writableLength)
  expect(socket.writableLength).toBeGreaterThan(total / 2)
  proceed()
  const [answer] = await once(socket, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1\.1 201 /)
  expect((await ask(registry, 'HEAD', `/v2/a/blobs/${digest}`)).headers['content-length']).toBe(String(total))
})

/** Resolves when the number is more than 0 and stays the same over many turns of the event loop. */
async function standsStill(number: () => number): Promise<void> {
  let last = -1
  for (let turns = 0; turns < 200; turns = last > 0 && number() === last ? turns + 1 : 0) {
    last = number()
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}
