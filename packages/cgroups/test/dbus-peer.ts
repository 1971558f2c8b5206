import { createServer, type Server } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { marshal } from '../src/systemd/dbus/marshal.ts'
import { Decoder, kinds, type Message } from '../src/systemd/dbus/message.ts'
import { Variant, type Value } from '../src/systemd/dbus/value.ts'

/** What a peer says to a call: a reply, an error by its name, raw bytes, or nothing; and signals after it. */
export interface Answer {
  readonly reply?: readonly [signature: string, body: readonly Value[]]
  readonly error?: string
  readonly raw?: Buffer
  readonly jobs?: readonly (readonly [job: string, result: string])[]
  readonly hangUp?: boolean
}

/** The other side of a connection, as systemd's own socket is: it answers what the test says, by the name of the method. */
export class Peer {
  readonly folder = mkdtempSync(join(tmpdir(), 'box-test-dbus-'))
  readonly path = join(this.folder, 'socket')
  readonly calls: Message[] = []
  #server: Server | undefined

  async listen(answers: Readonly<Record<string, Answer>>, greeting = 'OK 0123456789abcdef0123456789abcdef\r\n'): Promise<void> {
    const server = createServer((socket) => {
      const decoder = new Decoder()
      let before = Buffer.alloc(0)
      let greeted = false
      socket.on('error', () => undefined)
      socket.on('data', (chunk) => {
        let bytes = chunk
        if (!greeted) {
          before = Buffer.concat([before, chunk])
          const end = before.indexOf('BEGIN\r\n')
          if (end < 0) return
          greeted = true
          socket.write(greeting)
          bytes = before.subarray(end + 7)
        }
        for (const call of decoder.push(bytes)) {
          this.calls.push(call)
          const {
            reply,
            error,
            raw,
            jobs = [],
            hangUp = false,
          } = answers[call.member ?? ''] ?? { error: 'org.freedesktop.DBus.Error.UnknownObject' }
          if (raw !== undefined) socket.write(raw)
          if (reply !== undefined) socket.write(message(kinds.reply, [[5, new Variant('u', call.serial)]], ...reply))
          if (error !== undefined)
            socket.write(
              message(
                kinds.error,
                [
                  [5, new Variant('u', call.serial)],
                  [4, new Variant('s', error)],
                ],
                's',
                [`because of ${error}`],
              ),
            )
          for (const [job, result] of jobs) socket.write(jobRemoved(job, result))
          if (hangUp) socket.destroy()
        }
      })
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.path, resolve))
  }

  close(): void {
    this.#server?.close()
    rmSync(this.folder, { recursive: true })
  }
}

function jobRemoved(job: string, result: string): Buffer {
  const fields: Value[] = [
    [1, new Variant('o', '/org/freedesktop/systemd1')],
    [2, new Variant('s', 'org.freedesktop.systemd1.Manager')],
    [3, new Variant('s', 'JobRemoved')],
  ]
  return message(kinds.signal, fields, 'uoss', [7, job, 'a.scope', result])
}

function message(kind: number, fields: readonly Value[], signature: string, body: readonly Value[]): Buffer {
  const bytes = marshal(signature, body)
  const head = marshal('yyyyuua(yv)', ['l'.charCodeAt(0), kind, 1, 1, bytes.length, 1, [...fields, [8, new Variant('g', signature)]]])
  return Buffer.concat([head, Buffer.alloc((8 - (head.length % 8)) % 8), bytes])
}
