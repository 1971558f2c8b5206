// Starts processes and says which; stays until it is killed. Used to see what outlives it.
import { spawn } from '@box/namespaces'

const command = ['sh', '-c', 'trap "" HUP; while :; do sleep 1; done']
const isolated = { stdio: 'ignore', namespaces: ['user', 'pid', 'mount', 'uts', 'ipc', 'network'] }
// The third is made in namespaces that were made ahead.
for (let index = 0; index < 2; index += 1) await (await spawn(['true'], isolated)).exited
const children = await Promise.all([
  spawn(command, { stdio: 'ignore' }),
  spawn(command, isolated),
  spawn(command, { stdio: 'ignore', namespaces: ['user', 'pid'], init: true }),
  spawn(command, { stdio: 'ignore', detached: true }),
])
process.stdout.write(`${JSON.stringify(children.map((child) => child.pid))}\n`)
await Promise.all(children.map((child) => child.exited))
