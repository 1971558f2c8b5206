import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { Registry } from '../src/index.ts'
import { ReceiveMemory, type Inlet } from '../src/egress/receive-memory.ts'
import { Memory } from './fixtures/memory.ts'
import { sha256, TestRegistry } from './fixtures/registry.ts'

const kibibyte = 1024
const mebibyte = 1024 * kibibyte

/** Such a connection that has received much. */
function busyConnection(memory: ReceiveMemory): ReturnType<typeof connection> {
  const busy = connection(memory)
  memory.giveBack(busy.receive(0, mebibyte))
  return busy
}

/** A connection that receives: what the kernel would write, and what the reader is given. */
function connection(memory: ReceiveMemory): { readonly inlet: Inlet; readonly receive: (byte: number, most: number) => Uint8Array } {
  const inlet = memory.inlet()
  const given: Uint8Array[] = []
  inlet.socket = { push: (chunk) => given.push(chunk) > 0 }
  const next = (): Uint8Array => (typeof inlet.onread.buffer === 'function' ? inlet.onread.buffer() : inlet.onread.buffer)
  let room = next()
  return {
    inlet,
    receive: (byte, most) => {
      const count = Math.min(most, room.length)
      room.fill(byte, 0, count)
      inlet.onread.callback(count, room)
      room = next()
      return given.splice(0)[0] ?? Buffer.alloc(0)
    },
  }
}

describe('the memory that is received into', () => {
  test('is used again once all of a read came back', () => {
    const memory = new ReceiveMemory()
    const { receive } = busyConnection(memory)
    const first = receive(1, 256 * kibibyte)
    memory.giveBack(first.subarray(0, 100))
    memory.giveBack(first.subarray(100))
    const blocks = new Set([first.buffer])
    for (let read = 0; read < 100; read += 1) {
      const chunk = receive(2, 256 * kibibyte)
      blocks.add(chunk.buffer)
      memory.giveBack(chunk)
    }
    // One that is read, and one that is received into meanwhile.
    expect(blocks.size).toBe(2)
  })

  test('is not used again where a part of a read did not come back, such as the head of an answer', () => {
    const memory = new ReceiveMemory()
    const { receive } = busyConnection(memory)
    const read = receive(1, 200 * kibibyte)
    const head = read.subarray(0, 300)
    memory.giveBack(read.subarray(300))
    for (let more = 0; more < 100; more += 1) memory.giveBack(receive(2, 200 * kibibyte))
    expect(head.every((byte) => byte === 1)).toBe(true)
  })

  test('holds many small reads beside each other, and none is written over before it came back', () => {
    const memory = new ReceiveMemory()
    const { receive } = busyConnection(memory)
    const reads = Array.from({ length: 1000 }, (_, number) => receive(number % 256, kibibyte))
    expect(new Set(reads.map(({ buffer }) => buffer)).size).toBeLessThan(10)
    expect(reads.every((read, number) => read.every((byte) => byte === number % 256))).toBe(true)
  })

  test('is little for a connection that has nothing but short answers', () => {
    const memory = new ReceiveMemory()
    const { receive } = connection(memory)
    const reads = Array.from({ length: 100 }, () => receive(1, 300))
    const blocks = new Set(reads.map(({ buffer }) => buffer))
    expect([...blocks].reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThanOrEqual(64 * kibibyte)
  })

  test('is not what is kept, nor is memory of others touched', () => {
    const memory = new ReceiveMemory()
    const { receive } = connection(memory)
    const chunk = receive(1, kibibyte)
    const kept = memory.kept(chunk)
    expect(kept.buffer).not.toBe(chunk.buffer)
    expect(kept).toEqual(Uint8Array.from(chunk))
    const other = Buffer.from('other')
    expect(memory.kept(other)).toBe(other)
    memory.giveBack(other)
  })
})

describe('a client that uses the memory again', () => {
  let server: TestRegistry
  let registry: Registry

  beforeEach(async () => {
    server = await TestRegistry.start()
    registry = new Registry()
  })

  afterEach(async () => {
    await registry.close()
    await server.close()
  })

  test('gives the reader of a blob chunks that stay as they are', async () => {
    const bytes = randomBytes(8 * mebibyte)
    const { digest } = server.addBlob(bytes)
    const chunks: Uint8Array[] = []
    for await (const chunk of registry.blob(server.reference('app'), digest)) chunks.push(chunk)
    expect(chunks.length).toBeGreaterThan(1)
    expect(sha256(Buffer.concat(chunks))).toBe(digest)
  })

  test('copies between two registries what it received and not what came after it', async () => {
    const layers = Array.from({ length: 3 }, () => randomBytes(4 * mebibyte))
    server.addImage('app', 'v1', layers)
    await registry.copy(server.reference('app:v1'), server.reference('copied/app:v1'))
    const target = await TestRegistry.start()
    try {
      await registry.copy(server.reference('app:v1'), target.reference('app:v1'))
      for (const layer of layers) expect(target.blobs.get(sha256(layer))?.equals(layer)).toBe(true)
    } finally {
      await target.close()
    }
  })

  test.each([
    ['with a length', (bytes: Buffer) => [`Content-Length: ${bytes.length}\r\n\r\n`, bytes]],
    ['in chunks', (bytes: Buffer) => ['Transfer-Encoding: chunked\r\n\r\n', ...inChunks(bytes)]],
  ])('reads heads in pieces, and bodies %s behind them, on connections that are kept', async (_, bodyOf) => {
    const layers = Array.from({ length: 4 }, () => randomBytes(2 * mebibyte))
    server.addImage('app', 'v1', layers)
    let connections = 0
    const raw = createServer((socket) => {
      connections += 1
      socket.setNoDelay(true)
      answerAll(socket, server, bodyOf).catch((error: Error) => socket.destroy(error))
    })
    await once(raw.listen(0, '127.0.0.1'), 'listening')
    const address = raw.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const sink = new Memory()
    try {
      await registry.pull(`127.0.0.1:${port}/app:v1`, sink, { concurrency: 1 })
    } finally {
      await registry.close()
      await new Promise((resolve) => raw.close(resolve))
    }
    for (const layer of layers) expect(sink.blobs.get(sha256(layer))?.equals(layer)).toBe(true)
    // The manifest, the configuration and four layers.
    expect(connections).toBeLessThan(6)
  })
})

function* inChunks(bytes: Buffer): Generator<string | Buffer, void, void> {
  for (let at = 0; at < bytes.length; at += 50_001) {
    const part = bytes.subarray(at, at + 50_001)
    yield `${part.length.toString(16)}\r\n`
    yield part
    yield '\r\n'
  }
  yield '0\r\n\r\n'
}

/** Answers what comes over a connection with what the registry has, each head in pieces. */
async function answerAll(socket: Socket, from: TestRegistry, bodyOf: (bytes: Buffer) => Iterable<string | Buffer>): Promise<void> {
  let asked = ''
  for await (const chunk of socket) {
    asked += String(chunk)
    if (!asked.endsWith('\r\n\r\n')) continue
    const [, kind = '', name = ''] = /^GET \/v2\/app\/(manifests|blobs)\/(\S+) /.exec(asked) ?? []
    asked = ''
    const manifest = from.manifests.get(`app:${name}`)
    const bytes = kind === 'blobs' ? from.blobs.get(name) : manifest?.bytes
    const head = [
      'HTTP/1.1 200 OK\r\nConte',
      `nt-Type: ${manifest?.mediaType ?? 'application/octet-stream'}`,
      '\r\nConnection: keep-',
      'alive\r\n',
    ]
    for (const piece of [...head, ...bodyOf(bytes ?? Buffer.alloc(0))])
      await new Promise<void>((resolve, reject) => socket.write(piece, (error) => (error ? reject(error) : resolve())))
  }
}
