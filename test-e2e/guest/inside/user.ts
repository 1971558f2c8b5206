import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { Cgroup } from '@box/cgroups'
import { Groups } from '../../../packages/cgroups/test/groups.ts'

const groups = new Groups()

/** What an ordinary user does in a group that was delegated to it; the program prints what came of it. */
export async function asUser(): Promise<void> {
  await once(process.stdin, 'data')
  const escape = await (await Cgroup.of(process.pid)).update({ pids: 1000 }).catch((error: unknown) => error)
  const refused = await Cgroup.create('refused', { pids: 5 }, { parent: '/' }).catch((error: unknown) => error)
  const busy = await Cgroup.create('busy', { pids: 5 }).catch((error: unknown) => error)
  const group = await Cgroup.create('mine', { pids: 3, memory: '32MiB' }, { moveSelf: true })
  const child = spawn('sh', ['-c', 'read _; for i in 1 2 3 4; do sleep 60 & done; wait'], { stdio: ['pipe', 'ignore', 'ignore'] })
  await group.add(child.pid ?? 0)
  child.stdin.end('\n')
  await once(child, 'exit')
  const { pids, memory } = await group.stats()
  const more = await group.update({ pids: 10 }).then(
    () => group.stats(),
    (error: unknown) => error,
  )
  await group.close()
  process.stdout.write(JSON.stringify({ uid: process.getuid?.(), refused, busy, pids, max: memory.max, more, escape }))
  process.exit()
}

describe('an ordinary user', () => {
  afterEach(() => groups.closeAll())

  test('limits what it likes in a group that was delegated to it, and nothing above', async () => {
    const delegated = await groups.create({ pids: 50 }, { controllers: ['pids', 'memory', 'cpu'] })
    await delegated.delegate({ uid: 1000, gid: 1000 })
    const child = spawn(process.execPath, [process.argv[1] ?? '', 'user'], { uid: 1000, gid: 1000, stdio: ['pipe', 'pipe', 'inherit'] })
    await delegated.add(child.pid ?? 0)
    child.stdin.end('\n')
    const outcome: unknown = JSON.parse(await text(child.stdout))
    expect(outcome).toMatchObject({
      uid: 1000,
      refused: { code: 'ERR_BOX_PERMISSION' },
      busy: { code: 'ERR_BOX_CGROUP_BUSY' },
      pids: { max: 3, peak: 3 },
      max: 32 * 2 ** 20,
      more: { pids: { max: 10 } },
      escape: { code: 'ERR_BOX_PERMISSION' },
    })
    expect((await delegated.stats()).pids.max).toBe(50)
  })

  test('only who made a group delegates it', async () => {
    await expect((await Cgroup.of(process.pid)).delegate({ uid: 1000, gid: 1000 })).rejects.toMatchObject({ code: 'ERR_BOX_STATE' })
  })
})
