import path from 'node:path'
import { text } from 'node:stream/consumers'

import { spawn, type SpawnOptions } from '@box/namespaces'
import fs from 'fs-extra'

import { secret } from '../support/canary.ts'
import { useHostileHost } from '../support/hostile-host.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip

asRoot('runc CVE-2025-52565: a terminal is bound by its descriptor, over no link of the image', () => {
  const host = useHostileHost()

  // The image's own /dev shows only where nothing is mounted over it: the unsafe variant of what start() does.
  const withImagesDev: SpawnOptions = {
    namespaces: ['mount', 'pid', 'uts', 'ipc', 'network'],
    mounts: [
      { type: 'proc', target: '/proc' },
      { type: 'devpts', target: '/dev/pts' },
    ],
    devices: [],
    terminal: true,
  }

  test.each([
    ['absolute', (target: string) => target],
    ['by ..', (target: string) => `${'../'.repeat(40)}${target.slice(1)}`],
    ['to /proc', () => '/proc/sys/kernel/core_pattern'],
  ])('a /dev/console that is a link, %s', async (_name, leading) => {
    const target = leading(path.join(host.canary, 'secret'))
    let layer = ''
    const image = await host.image(async (folder) => {
      layer = path.join(folder, 'dev')
      await fs.ensureDir(layer)
      await fs.symlink(target, path.join(layer, 'console'))
    })
    // Who joins paths is led to the host's file.
    expect(await fs.readFile(path.join(layer, 'console'), 'utf8')).toBe(
      target.startsWith('/proc') ? await fs.readFile(target, 'utf8') : secret,
    )
    const root = await host.store.mount(image)
    try {
      await expect(spawn(['true'], { ...withImagesDev, root })).rejects.toMatchObject({
        step: 'take the terminal',
        path: '/dev/console',
        errno: 'ELOOP',
      })
    } finally {
      await root.close()
    }
    const container = await host.runtime.start(image, ['sh', '-c', 'stat -c %t:%T /dev/console /dev/pts/0; readlink /dev/console'], {
      terminal: true,
    })
    expect(await text(container.stdout)).toBe('88:0\r\n88:0\r\n')
    await container.close()
  })

  test('a ptmx of the image is not the one that is opened', async () => {
    const image = await host.image(async (folder) => {
      await fs.ensureDir(path.join(folder, 'dev/pts'))
      await fs.symlink(path.join(host.canary, 'secret'), path.join(folder, 'dev/pts/ptmx'))
      await fs.symlink(path.join(host.canary, 'secret'), path.join(folder, 'dev/ptmx'))
    })
    const root = await host.store.mount(image)
    try {
      const child = await spawn(['sh', '-c', 'stat -c %t:%T /dev/pts/0; echo typed > /dev/console'], { ...withImagesDev, root })
      expect(await text(child.stdout)).toBe('88:0\r\ntyped\r\n')
      await child.close()
    } finally {
      await root.close()
    }
  })
})
