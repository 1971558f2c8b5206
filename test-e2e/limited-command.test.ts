import { spawnSync } from 'node:child_process'
import path from 'node:path'

const asRoot = process.geteuid?.() === 0 ? test : test.skip
const main = path.join(__dirname, '../examples/limited-command/main.mjs')

/** As an installation of packages does: fetches, from a server of its own on loopback, and computes meanwhile. */
const workload = `
const { createServer, connect } = require('node:net')
const { createHash } = require('node:crypto')
const server = createServer((socket) => {
  const fill = () => { while (socket.write(Buffer.alloc(65536))); }
  socket.on('drain', fill).on('error', () => {})
  fill()
})
server.listen(0, '127.0.0.1', () => {
  connect(server.address().port, '127.0.0.1').on('data', () => {})
  const end = Date.now() + 5000
  const compute = () => {
    for (let index = 0; index < 200; index++) createHash('sha256').update(Buffer.alloc(4096)).digest()
    if (Date.now() < end) setImmediate(compute)
    else process.exit(7)
  }
  compute()
})
`

asRoot(
  'a command is held to its limits, drawn while it runs, and gives its exit code',
  () => {
    const { status, stderr } = spawnSync(process.execPath, [main, process.execPath, '-e', workload], { encoding: 'utf8', timeout: 60_000 })
    expect(status).toBe(7)
    const lines = [
      ...stderr.matchAll(/^ +\d+ s {2}CPU \S+ (\d+)% {2}memory \S+ (\d+) MB {2}in \S+ (\d+) Mbit\/s {2}out \S+ (\d+) Mbit\/s$/gm),
    ]
    expect(lines.length).toBeGreaterThanOrEqual(3)
    // The first second spends what was saved up.
    for (const [, cpu, memory, received, sent] of lines.slice(1).map((line) => line.map(Number))) {
      expect(cpu).toBeGreaterThan(20)
      expect(cpu).toBeLessThan(65)
      expect(memory).toBeLessThan(512)
      expect(received).toBeLessThan(24)
      expect(sent).toBeLessThan(24)
    }
    expect(Math.max(...lines.slice(1).map(([, , , , sent]) => Number(sent)))).toBeGreaterThan(10)
    expect(stderr).toMatch(/^[\d.]+ s of CPU, at most \d+ MB, [\d.]+ MB received, [\d.]+ MB sent$/m)
  },
  60_000,
)
