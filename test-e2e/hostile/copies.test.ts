import path from 'node:path'

import { BoxError } from '@box/core'
import fs from 'fs-extra'

import { secret } from '../support/canary.ts'
import { useHostileHost } from '../support/hostile-host.ts'
import { swapper } from '../support/swapper.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip

/** What comes of it, or the error of it: nothing but a BoxError may. */
async function attempt<Value>(work: Promise<Value>): Promise<Value | undefined> {
  return await work.catch((error: unknown) => {
    expect(error).toBeInstanceOf(BoxError)
    return undefined
  })
}

asRoot('files that are copied while a container exchanges a folder and a link to the host', () => {
  const host = useHostileHost()
  test('podman CVE-2019-10152, moby CVE-2018-15664, 2026-42306: are read, written and committed inside', async () => {
    const make = `mkdir /place; printf 'of the container' > /place/secret; ln -s ${host.canary} /other; exec "$@"`
    const container = await host.runtime.start('base', ['sh', '-c', make, 'sh', ...swapper('/place', '/other')])
    const { root } = container
    try {
      for await (const _ of container.stdout) break
      // Who joins paths reads the host's file.
      const joined = new Set<string>()
      while (!joined.has(secret)) joined.add(await fs.readFile(`/proc/self/fd/${root.fd}/place/secret`, 'utf8').catch(() => 'absent'))
      expect(joined).toContain(secret)

      const read = new Set<string | undefined>()
      for (let round = 0; round < 150 || !read.has('of the container'); round += 1) {
        read.add(await attempt(root.readFile('/place/secret', 'utf8')))
        await attempt(root.writeFile('/place/new', 'of the host'))
        await attempt(root.mkdir(`/place/made/${round}`))
        await attempt(root.readdir('/place'))
        await attempt(root.remove('/place/new'))
      }
      expect(read).toContain('of the container')
      expect(read).not.toContain(secret)
      for (let round = 0; round < 3; round += 1) {
        const image = await attempt(host.store.commit(root))
        if (image === undefined) continue
        const { stdout } = await host.runtime.run(image, ['sh', '-c', 'cat /place/secret /other/secret'], { check: false })
        expect(stdout).toBe('of the container')
      }
    } finally {
      await container.close()
    }
  }, 60_000)

  test('podman CVE-2023-0778: are made a layer without what the link leads to', async () => {
    const shared = path.join(host.folder, 'shared')
    await fs.outputFile(path.join(shared, 'place/secret'), 'of the folder')
    await fs.symlink(host.canary, path.join(shared, 'other'))
    const mounts = [{ type: 'bind', source: shared, target: '/shared' }] as const
    const container = await host.runtime.start('base', swapper('/shared/place', '/shared/other'), { mounts, userns: 'host' })
    try {
      for await (const _ of container.stdout) break
      // Who looks at a path first and then reads by it can be led elsewhere in between.
      const copied = new Set<string>()
      while (!copied.has(secret)) {
        const status = await fs.lstat(path.join(shared, 'place'))
        if (status.isDirectory()) copied.add(await fs.readFile(path.join(shared, 'place/secret'), 'utf8').catch(() => 'absent'))
      }
      expect(copied).toContain(secret)

      let made = 0
      for (let round = 0; round < 8 || made === 0; round += 1) {
        const image = await attempt(host.store.create({ from: 'base', add: { '/copy': shared } }))
        if (image === undefined) continue
        made += 1
        const { stdout } = await host.runtime.run(image, ['sh', '-c', 'cat /copy/place/secret /copy/other/secret; ls /copy/*'], {
          check: false,
        })
        expect(stdout).not.toContain(secret)
        expect(stdout).not.toMatch(/^(passwd|marker|program)$/m)
      }
      expect(made).toBeGreaterThan(0)
    } finally {
      await container.close()
    }
  }, 60_000)

  test('flatpak CVE-2024-42472: are bound by the descriptor that was opened, not by what lies at the path then', async () => {
    const shared = path.join(host.folder, 'shared')
    const place = path.join(shared, 'place')
    await fs.outputFile(path.join(place, 'secret'), 'of the folder')
    await fs.symlink(host.canary, path.join(shared, 'other'))
    const mounts = [{ type: 'bind', source: shared, target: '/shared' }] as const
    await using opened = await fs.promises.open(place, fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW)
    const container = await host.runtime.start('base', swapper('/shared/place', '/shared/other'), { mounts, userns: 'host' })
    const seen = async (source: string | { readonly fd: number }): Promise<string> => {
      const bound = [{ type: 'bind', source, target: '/bound' }] as const
      return (await host.runtime.run('base', ['cat', '/bound/secret'], { mounts: bound, userns: 'host' })).stdout
    }
    try {
      for await (const _ of container.stdout) break
      const byPath = new Set<string>()
      while (!byPath.has(secret)) byPath.add(await seen(place))
      for (let round = 0; round < 20; round += 1) expect(await seen({ fd: opened.fd })).toBe('of the folder')
    } finally {
      await container.close()
    }
  }, 60_000)
})
