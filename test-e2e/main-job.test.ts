import path from 'node:path'

import { LayerStore } from '@box/layers'
import { Registry } from '@box/registry'
import { createRuntime, RunError } from '@box/runtime'
import fs from 'fs-extra'

import { unpackDebianRoot } from './support/debian-root.ts'
import { startDockerRegistry } from './support/docker-registry.ts'
import { useWorkplace } from './support/workplace.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip

asRoot('the main job, with a real Debian root and the registry of the distribution project', () => {
  const workplace = useWorkplace()

  test('an image is made, pushed, pulled into an empty store, run isolated and limited, and its change saved as a layer', async () => {
    const { folder } = workplace
    const rootfs = path.join(folder, 'debian')
    await unpackDebianRoot(rootfs)
    const server = await startDockerRegistry(path.join(folder, 'registry'))
    const maker = await LayerStore.open(path.join(folder, 'maker'))
    const store = await LayerStore.open(path.join(folder, 'store'))
    const runtime = createRuntime({ store })
    const client = new Registry()
    try {
      const base = await maker.create({ add: { '/': rootfs }, config: { cmd: ['sh'], env: { LANG: 'C.UTF-8' } }, tag: 'debian:minbase' })
      await fs.outputFile(path.join(folder, 'app/hello'), '#!/bin/sh\necho hello from $1\n', { mode: 0o755 })
      await maker.create({
        from: base,
        add: { '/opt/app': path.join(folder, 'app') },
        config: { entrypoint: ['/opt/app/hello'], cmd: ['the image'] },
        tag: 'hello:1',
      })
      const debian = `${server.address}/debian:minbase`
      const hello = `${server.address}/hello:1`
      await client.push(maker, debian, { name: 'debian:minbase' })
      await client.push(maker, hello, { name: 'hello:1' })

      await client.pull(debian, store)
      const asked = server.log.length
      await client.pull(hello, store)
      const [layer] = base.layers
      expect(
        server.log.slice(asked).filter((line) => layer !== undefined && line.includes(layer.descriptor.digest) && line.includes('GET')),
      ).toEqual([])

      const inside = await runtime.run(
        debian,
        ['sh', '-c', 'echo $$; hostname; . /etc/os-release; echo $ID; ls /proc | grep -c "^[0-9]"; id -u; ls /sys/class/net'],
        {
          hostname: 'inside',
          limits: { memory: '256MiB', cpus: 0.5, pids: 32 },
        },
      )
      expect(inside.stdout.split('\n').slice(0, 6)).toEqual(['1', 'inside', 'debian', expect.stringMatching(/^[1-9]$/), '0', 'lo'])
      expect((await runtime.run(hello)).stdout).toBe('hello from the image\n')
      expect((await runtime.run(debian, ['dpkg', '--audit'])).stdout).toBe('')

      const container = await runtime.start(debian, ['sh', '-c', 'echo changed > /etc/motd; rm /etc/issue; mkdir /srv/data'])
      try {
        expect(await container.exited).toMatchObject({ exitCode: 0 })
        const changes = []
        for await (const { kind, path: changed } of container.root.changes()) changes.push(`${kind} ${changed}`)
        expect(changes).toEqual(expect.arrayContaining(['removed /etc/issue', 'added /srv/data']))
        const saved = await store.commit(container.root, { tag: 'changed:1' })
        expect(saved.layers).toHaveLength(2)
      } finally {
        await container.close()
      }
      expect((await runtime.run('changed:1', ['cat', '/etc/motd'])).stdout).toBe('changed\n')
      expect((await runtime.run(debian, ['ls', '/etc/issue'])).stdout).toBe('/etc/issue\n')
    } finally {
      await client.close()
      await runtime.close()
      await store.close()
      await maker.close()
      await server.close()
    }
  }, 300_000)

  test('a command that fails, is killed for its memory, or takes too long says so', async () => {
    const { folder } = workplace
    const rootfs = path.join(folder, 'debian')
    await unpackDebianRoot(rootfs)
    const store = await LayerStore.open(path.join(folder, 'store'))
    const runtime = createRuntime({ store })
    try {
      await store.create({ add: { '/': rootfs }, tag: 'debian:minbase' })
      const failing = runtime.run('debian:minbase', ['sh', '-c', 'echo broken >&2; exit 3'])
      await expect(failing).rejects.toBeInstanceOf(RunError)
      await expect(failing).rejects.toMatchObject({ code: 'ERR_BOX_RUN_FAILED', exitCode: 3, stderr: 'broken\n' })
      const slow = await runtime.run('debian:minbase', ['sleep', '60'], { timeout: 300, check: false })
      expect(slow).toMatchObject({ timedOut: true, signal: 'SIGKILL', exitCode: null })
      const hungry = await runtime.run('debian:minbase', ['perl', '-e', '$x = "x" x (200 * 1024 * 1024); print length $x'], {
        limits: { memory: '64MiB' },
        check: false,
      })
      expect(hungry).toMatchObject({ oomKilled: true, stdout: '' })
      await expect(runtime.run('debian:minbase', ['no-such-program'])).rejects.toMatchObject({ code: 'ERR_BOX_COMMAND_NOT_FOUND' })
    } finally {
      await runtime.close()
      await store.close()
    }
  }, 300_000)
})
