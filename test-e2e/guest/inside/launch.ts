import { text } from 'node:stream/consumers'
import { LayerStore } from '@box/layers'
import { spawn } from '@box/namespaces'
import { createRuntime } from '@box/runtime'
import { Groups } from '../../../packages/cgroups/test/groups.ts'
import { busyboxImage } from './busybox-image.ts'

const groups = new Groups()

describe('on cgroup v2', () => {
  afterEach(() => groups.closeAll())

  test('a process is born in its group', async () => {
    const group = await groups.create({ pids: 5 })
    const child = await spawn(['cat', '/proc/self/cgroup'], { cgroup: group })
    if (child.stdout === null) throw new Error('no stdout')
    expect(await text(child.stdout)).toBe(`0::${group.paths.v2?.replace('/sys/fs/cgroup', '')}\n`)
    expect((await child.exited).exitCode).toBe(0)
  })

  test.each(['auto', 'host'] as const)('a container runs within its limits, userns: %s', async (userns) => {
    const store = await LayerStore.open('/data/store')
    const runtime = createRuntime({ store })
    try {
      const image = await busyboxImage(store)
      const limits = { memory: { max: '32MiB', swap: 0 }, cpus: 0.5, pids: 8 } as const
      const options = { limits, userns }
      const { stdout } = await runtime.run(image, ['sh', '-c', 'echo process $$; cat /proc/self/cgroup'], options)
      expect(stdout).toBe('process 1\n0::/\n')
      const result = await runtime.run(image, ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=100M', 'count=1'], { ...options, check: false })
      expect(result).toMatchObject({ signal: 'SIGKILL', oomKilled: true })
    } finally {
      await runtime.close()
      await store.close()
    }
  })
})
