/** What other processes do in the tests of scopes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Cgroup } from '@box/cgroups'

/** Makes a scope and is killed while it has it. */
export async function abandonScope(): Promise<void> {
  const group = await Cgroup.create('box-groups-abandoned', {}, { systemd: true })
  process.stdout.write(`${group.paths.v2}\n`)
  process.stdin.resume()
  await once(process.stdin, 'end')
}

/** An ordinary user asks its own manager; prints what came of it. */
export async function scopeOfUser(): Promise<void> {
  const refused: unknown = await Cgroup.create('box-groups-refused', {}, { systemd: true }).catch((error: unknown) => error)
  const group = await Cgroup.create('box-groups-user', { pids: 3, memory: '32MiB' }, { systemd: { user: true } })
  const child = spawn('sh', ['-c', 'read _; for i in 1 2 3 4; do sleep 60 & done; wait'], { stdio: ['pipe', 'ignore', 'ignore'] })
  await group.add(child.pid ?? 0)
  child.stdin.end('\n')
  await once(child, 'exit')
  const { pids, memory } = await group.stats()
  const { unit, paths } = group
  await group.close()
  process.stdout.write(JSON.stringify({ uid: process.getuid?.(), refused, unit, folder: paths.v2, pids, max: memory.max }))
  process.exit()
}
