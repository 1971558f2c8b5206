import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'

import fs from 'fs-extra'

/** The distribution project's registry on a free port of the loopback interface, storing in `folder`. */
export async function startDockerRegistry(
  folder: string,
): Promise<{ readonly address: string; readonly log: readonly string[]; close(): Promise<void> }> {
  const address = `127.0.0.1:${await freePort()}`
  const config = path.join(folder, 'config.yml')
  await fs.outputFile(
    config,
    `version: 0.1
log: { level: info, accesslog: { disabled: false } }
storage: { filesystem: { rootdirectory: ${path.join(folder, 'data')} }, delete: { enabled: true } }
http: { addr: '${address}', secret: for-tests-only }
`,
  )
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'pipe', 'pipe'] })
  const log: string[] = []
  const listening = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        log.push(line)
        if (line.includes('listening on')) resolve()
      })
    }
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`docker-registry ended with ${code}: ${log.slice(-5).join('\n')}`)))
  })
  await listening
  return {
    address,
    log,
    close: async () => {
      child.kill('SIGTERM')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
