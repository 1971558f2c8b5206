// The program that the tour packs into an image: it tells what it sees from inside, works a little, and leaves a file behind.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'

const interfaces = Object.keys(os.networkInterfaces())
const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]

console.log(`hello from process ${process.pid} on ${os.hostname()}, node ${process.version}, ${system}`)
console.log(`running as user ${process.getuid()}, ${process.env.GREETING ?? 'no greeting'}`)
console.log(`processes I can see: ${processes.join(' ')}; network interfaces: ${interfaces.join(' ') || 'none'}`)
for (let step = 1; step <= 3; step += 1) {
  const start = process.hrtime.bigint()
  let sum = 0
  for (let index = 0; index < 2e6; index += 1) sum = (sum + index * step) % 1_000_003
  console.log(`step ${step} of 3: ${sum} in ${(Number(process.hrtime.bigint() - start) / 1e6).toFixed(1)} ms`)
}
writeFileSync('/app/result.json', JSON.stringify({ pid: process.pid, host: os.hostname() }))
