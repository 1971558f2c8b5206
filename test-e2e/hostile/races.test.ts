import path from 'node:path'

import { BoxError } from '@box/core'
import type { Mount } from '@box/namespaces'
import fs from 'fs-extra'

import { secret } from '../support/canary.ts'
import { useHostileHost } from '../support/hostile-host.ts'
import { swapper } from '../support/swapper.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip

asRoot('runc CVE-2021-30465, 2024-45310: a shared folder whose content is exchanged while others mount in it', () => {
  const host = useHostileHost()

  test.each([
    ['absolute', (canary: string) => canary],
    ['by ..', (canary: string) => `${'../'.repeat(40)}${canary.slice(1)}`],
  ])(
    'leads no container to the host, by a link that is %s',
    async (_name, target) => {
      const shared = path.join(host.folder, 'shared')
      await fs.ensureDir(path.join(shared, 'place'))
      await fs.symlink(target(host.canary), path.join(shared, 'other'))
      for (const folder of [shared, path.join(shared, 'place')]) await fs.chmod(folder, 0o777)

      const bind: Mount = { type: 'bind', source: shared, target: '/shared' }
      const attacker = await host.runtime.start('base', swapper('/shared/place', '/shared/other'), { mounts: [bind] })
      const swaps = { thousands: 0 }
      attacker.stdout.on('data', (chunk: Buffer) => (swaps.thousands += chunk.toString().split('\n').length - 1))
      try {
        // Who joins paths is led outside.
        const joined = new Set<string>()
        while (joined.size < 2) joined.add(await fs.readFile(path.join(shared, 'place/secret'), 'utf8').catch(() => 'absent'))
        expect(joined).toEqual(new Set([secret, 'absent']))

        const seen: string[] = []
        const file = path.join(host.folder, 'file')
        await fs.writeFile(file, 'bound')
        const kinds: readonly { readonly mounts: readonly Mount[]; readonly cwd?: string }[] = [
          { mounts: [bind, { type: 'tmpfs', target: '/shared/place/pts' }] },
          { mounts: [bind, { type: 'tmpfs', target: '/shared/place/made/deep' }] },
          { mounts: [bind, { type: 'bind', source: file, target: '/shared/place/file' }] },
          { mounts: [bind, { type: 'tmpfs', target: '/shared/place' }] },
          { mounts: [bind], cwd: '/shared/place' },
        ]
        const look = 'pwd; ls -a . /shared/place /shared/place/pts; cat secret marker /shared/place/secret /shared/place/pts/marker'
        const before = swaps.thousands
        for (let round = 0; round < 5 || swaps.thousands === before; round += 1)
          await Promise.all(
            kinds.flatMap((kind) =>
              (['auto', 'host'] as const).map(async (userns) => {
                try {
                  const { stdout, stderr } = await host.runtime.run('base', ['sh', '-c', look], { ...kind, userns, check: false })
                  seen.push(stdout + stderr)
                } catch (error) {
                  expect(error).toBeInstanceOf(BoxError)
                  expect(error).toMatchObject({ step: expect.stringMatching(/^(mount|change the directory)$/) })
                  seen.push('')
                }
              }),
            ),
          )
        expect(seen.length).toBeGreaterThanOrEqual(50)
        for (const text of seen) {
          expect(text).not.toContain(secret)
          expect(text).not.toMatch(/^(secret|marker)$/m)
        }
      } finally {
        await attacker.close()
      }
      expect(await fs.readdir(path.join(host.folder, 'shared'))).toEqual(['other', 'place'])
    },
    60_000,
  )

  test('runc CVE-2019-19921: a /proc of the image that leads into it is refused each time', async () => {
    const shared = path.join(host.folder, 'shared')
    await fs.ensureDir(path.join(shared, 'place'))
    await fs.symlink(host.canary, path.join(shared, 'other'))
    const image = await host.image((folder) => fs.symlink('/shared/place', path.join(folder, 'proc')))
    const bind: Mount = { type: 'bind', source: shared, target: '/shared' }
    const attacker = await host.runtime.start('base', swapper('/shared/place', '/shared/other'), { mounts: [bind], userns: 'host' })
    try {
      for await (const _ of attacker.stdout) break
      // Who follows the link mounts a procfs where the other container wants to have it, and hides its files there.
      const joined = new Set<string>()
      while (joined.size < 2) joined.add(await fs.readlink(path.join(shared, 'place')).catch(() => 'a folder'))
      expect(joined).toEqual(new Set([host.canary, 'a folder']))
      for (let round = 0; round < 10; round += 1)
        await expect(host.runtime.run(image, ['true'], { mounts: [bind] })).rejects.toMatchObject({
          step: 'mount',
          errno: 'ELOOP',
          path: '/proc',
        })
    } finally {
      await attacker.close()
    }
  }, 60_000)
})
