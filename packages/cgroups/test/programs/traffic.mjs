/**
 * One end of a transfer, by its arguments:
 *   receive tcp|udp ADDRESS            prints its port, and once data has flowed for a second, the bits a second of the following SECONDS
 *   send tcp|udp ADDRESS PORT STREAMS SIZE  sends as fast as it can; datagrams have SIZE bytes
 * It makes its sockets only after a line on its standard input, so that it can be put into a group before.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

const [role, protocol, address, port, streams, size] = process.argv.slice(2)
const SECONDS = 5
await once(process.stdin, 'data')
process.stdin.destroy()
if (role === 'receive') await receive()
else if (protocol === 'tcp') for (let index = 0; index < Number(streams); index++) sendTcp()
else sendUdp()

async function receive() {
  let start
  let counted = 0
  const take = (size) => {
    const now = performance.now()
    start ??= now
    if (now < start + 1000) return
    if (now < start + 1000 + SECONDS * 1000) counted += size
    else {
      process.stdout.write(`${(counted * 8) / SECONDS}\n`, () => process.exit(0))
    }
  }
  if (protocol === 'udp') {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 }).on('message', (message) => take(message.length + 28))
    socket.bind(0, address, () => process.stdout.write(`${socket.address().port}\n`))
  } else {
    const server = createServer((socket) => socket.on('data', (data) => take(data.length)).on('error', () => undefined))
    server.listen(0, address, () => process.stdout.write(`${server.address().port}\n`))
  }
}

function sendTcp() {
  const chunk = Buffer.alloc(256 * 1024)
  const socket = connect(Number(port), address)
  const fill = () => {
    while (socket.write(chunk));
  }
  socket.on('connect', fill).on('drain', fill)
  socket.on('error', () => process.exit(0))
  socket.on('close', () => process.exit(0))
}

function sendUdp() {
  const socket = createSocket({ type: 'udp4', sendBufferSize: 1 << 20 })
  const datagram = Buffer.alloc(Number(size))
  let waiting = 0
  const send = () => {
    while (waiting < 64) {
      waiting++
      socket.send(datagram, Number(port), address, (error) => {
        // The receiver is gone when it has measured enough.
        if (error?.code === 'ECONNREFUSED') process.exit(0)
        if (error) {
          process.stderr.write(`${error.code}\n`)
          process.exit(1)
        }
        waiting--
        setImmediate(send)
      })
    }
  }
  socket.bind(0, send)
}
