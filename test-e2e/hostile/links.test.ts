import path from 'node:path'
import { text } from 'node:stream/consumers'

import { spawn, standardMaskedPaths, standardMounts, type SpawnOptions } from '@box/namespaces'
import fs from 'fs-extra'

import { secret } from '../support/canary.ts'
import { useHostileHost } from '../support/hostile-host.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip

/** Links that lead to the host's files for whoever follows them outside of the root. */
const leading = (target: string): readonly (readonly [string, string])[] => [
  ['absolute', target],
  ['by ..', `${'../'.repeat(40)}${target.slice(1)}`],
]

asRoot('an image whose folders are links to the host', () => {
  const host = useHostileHost()
  const imageWithLink = (place: string, target: string) =>
    host.image(async (folder) => {
      const link = path.join(folder, place)
      await fs.ensureDir(path.dirname(link))
      await fs.symlink(target, link)
    })

  test('the links do lead to the host’s files, outside of a root', async () => {
    for (const [name, target] of leading(host.canary)) {
      const link = path.join(host.folder, name)
      await fs.symlink(target, link)
      expect(await fs.readFile(path.join(link, 'secret'), 'utf8')).toBe(secret)
    }
  })

  test.each(['/proc', '/sys', '/dev'])(
    'runc CVE-2023-27561, 2023-28642, 2026-41579, crun CVE-2026-47766, youki CVE-2025-54867: a link in the place of %s is refused',
    async (place) => {
      for (const [, target] of [...leading(host.canary), ['nowhere', '/nowhere'] as const]) {
        const image = await imageWithLink(place, target)
        await expect(host.runtime.run(image)).rejects.toMatchObject({ code: 'ERR_BOX_SYSTEM', step: 'mount', errno: 'ELOOP', path: place })
      }
    },
  )

  test.each(['/proc', '/sys', '/dev'])('a link from %s to a folder of the image is refused', async (place) => {
    const image = await imageWithLink(place, '/tmp')
    await expect(host.runtime.run(image)).rejects.toMatchObject({ code: 'ERR_BOX_SYSTEM', errno: 'ELOOP' })
  })

  test.each(['/dev/pts', '/dev/shm', '/dev/mqueue', '/sys/fs/cgroup', '/etc', '/tmp', '/root'])(
    'crun CVE-2019-18837: a link in the place of %s shows nothing of the host',
    async (place) => {
      for (const [, target] of leading(host.canary)) {
        const image = await imageWithLink(place, target)
        const look = `cat ${place}/secret ${place}/passwd; ls -a ${place}; echo x > ${place}/new; echo done`
        const { stdout, stderr } = await host.runtime.run(image, ['sh', '-c', look])
        expect(stdout + stderr).not.toContain(secret)
        expect(stdout).toMatch(/done\n$/)
      }
    },
  )

  test('podman CVE-2024-9676, 2026-55686: a link as the working directory leads nowhere outside', async () => {
    for (const [, target] of leading(host.canary)) {
      const image = await imageWithLink('work', target)
      for (const cwd of ['/work', '/work/below', `/work${host.canary}`]) {
        const seen = await host.runtime.run(image, ['sh', '-c', 'ls -a; cat secret; echo x > new'], { cwd, check: false }).then(
          ({ stdout, stderr }) => stdout + stderr,
          (error: unknown) => {
            expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_BOX_(SYSTEM|NOT_FOUND|ALREADY_EXISTS)$/) })
            return ''
          },
        )
        expect(seen).not.toContain(secret)
        expect(seen).not.toMatch(/^marker$/m)
      }
    }
  })

  test('runc CVE-2024-21626: a working directory behind a descriptor is refused, from the caller and from the image', async () => {
    await using held = await fs.promises.open(host.canary)
    expect(await fs.readFile(`/proc/self/fd/${held.fd}/secret`, 'utf8')).toBe(secret)
    for (let fd = 3; fd <= 20; fd += 1) {
      await expect(host.runtime.run('base', ['true'], { cwd: `/proc/self/fd/${fd}` })).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_BOX_/),
      })
    }
    const image = await host.image(() => {}, { workingDir: `/proc/self/fd/${held.fd}/` })
    await expect(host.runtime.run(image)).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_BOX_/) })
  })

  test('runc CVE-2024-21626: a link of the image to a descriptor is no working directory either', async () => {
    for (let fd = 3; fd <= 20; fd += 1) {
      const image = await imageWithLink('work', `/proc/self/fd/${fd}`)
      await expect(host.runtime.run(image, ['true'], { cwd: '/work' })).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_BOX_/) })
    }
  })

  test('crun CVE-2019-18837: the target of a mount that is asked for is found inside', async () => {
    const source = path.join(host.folder, 'source')
    await fs.outputFile(path.join(source, 'file'), 'shared')
    for (const [, target] of leading(host.canary)) {
      const image = await imageWithLink('mnt', target)
      for (const place of ['/mnt', '/mnt/deep/er']) {
        const mounts = [{ type: 'bind', source, target: place }] as const
        await expect(host.runtime.run(image, ['cat', `${place}/file`], { mounts })).rejects.toMatchObject({
          step: 'mount',
          path: place,
          errno: expect.stringMatching(/^(ELOOP|ENOENT|EEXIST|ENOTDIR)$/),
        })
      }
    }
    expect(await fs.readdir(source)).toEqual(['file'])
  })

  test('runc CVE-2019-16884, containerd CVE-2022-23648: a volume that an image asks for is neither read from the host nor mounted', async () => {
    const volumes = ['/proc', '/proc/self/attr', `/${'../'.repeat(40)}${host.canary.slice(1)}`, '/link']
    // Who prepares a volume copies what the image has there: by a joined path that is the host's.
    expect(await fs.readFile(path.join('/', volumes[2] ?? '', 'secret'), 'utf8')).toBe(secret)
    // What is mounted over /proc takes away what was hidden and written there.
    const root = await host.store.mount(await host.image(() => {}))
    try {
      const over = [...standardMounts, { type: 'tmpfs', target: '/proc' }] as const
      const child = await spawn(['ls', '/proc'], { namespaces: ['mount', 'pid'], root, mounts: over })
      expect(await text(child.stdout)).toBe('')
      await child.close()
    } finally {
      await root.close()
    }
    const image = await host.image((folder) => fs.symlink(host.canary, path.join(folder, 'link')), {
      volumes: volumes.filter((name) => !name.includes('..')),
    })
    const look = 'ls -a /link/; cat /link/secret; stat -f -c %T /proc /proc/self/attr; stat -c %t:%T /proc/keys; grep -c / /proc/mounts'
    const { stdout, stderr } = await host.runtime.run(image, ['sh', '-c', look], { check: false })
    const plain = await host.runtime.run('base', ['sh', '-c', look], { check: false })
    expect(stdout).toBe(plain.stdout)
    expect(stdout).toMatch(/^proc\nproc\n1:3\n\d+\n$/)
    expect(stderr).not.toContain(secret)
  })

  test('crun CVE-2025-24965: a file that the host writes into a root is written inside', async () => {
    const outside = path.join(host.folder, 'outside')
    await fs.ensureDir(outside)
    for (const [name, target] of leading(outside)) {
      const layer = path.join(host.folder, `layer ${name}`)
      await fs.ensureDir(layer)
      await fs.symlink(target, path.join(layer, 'work'))
      await fs.symlink(`${target}/file`, path.join(layer, 'config'))
      await fs.writeFile(path.join(layer, 'work/unsafe'), 'by a joined path')
      expect(await fs.readdir(outside)).toEqual(['unsafe'])
      await fs.remove(path.join(outside, 'unsafe'))
      const root = await host.store.mount(await host.store.create({ from: 'base', add: { '/': layer } }))
      try {
        for (const file of ['/work/file', '/config', '/work/deep/file'])
          await root
            .writeFile(file, 'inside')
            .catch((error: unknown) => expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_BOX_/) }))
        await root.mkdir('/work/made').catch((error: unknown) => expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_BOX_/) }))
      } finally {
        await root.close()
      }
      expect(await fs.readdir(outside)).toEqual([])
    }
  })

  test('runc CVE-2021-30465: a link in a shared folder leads a mount over it nowhere outside', async () => {
    const shared = path.join(host.folder, 'shared')
    await fs.ensureDir(shared)
    await fs.symlink(host.canary, path.join(shared, 'link'))
    const mounts = [
      { type: 'bind', source: shared, target: '/shared' },
      { type: 'tmpfs', target: '/shared/link/pts' },
    ] as const
    await expect(host.runtime.run('base', ['true'], { mounts })).rejects.toMatchObject({ step: 'mount', path: '/shared/link/pts' })
    expect(await fs.readdir(shared)).toEqual(['link'])
  })

  describe('runc CVE-2025-31133, youki CVE-2025-62161: what hides a path is the null device', () => {
    const dev = (fill: (file: string) => Promise<void>) =>
      host.image(async (folder) => {
        await fs.ensureDir(path.join(folder, 'dev'))
        await fill(path.join(folder, 'dev/null'))
      })
    // The image's own /dev shows only where nothing is mounted over it: the unsafe variant of what run() does.
    const withImagesDev: SpawnOptions = {
      namespaces: ['mount', 'pid', 'uts', 'ipc', 'network'],
      mounts: standardMounts.filter(({ target }) => !target.startsWith('/dev')),
      devices: [],
      maskedPaths: standardMaskedPaths,
    }

    test('and never a link of the image in its place', async () => {
      const bound = await host.store.mount(await dev((file) => fs.symlink('/etc/passwd', file)))
      try {
        // Who binds by the path shows what the link leads to, and lets it be written.
        const bind = 'mount --bind /dev/null /proc/keys; stat -c %F /proc/keys'
        const child = await spawn(['sh', '-c', bind], { ...withImagesDev, maskedPaths: [], root: bound })
        expect(await text(child.stdout)).toMatch(/^regular file\n$/)
        await child.close()
      } finally {
        await bound.close()
      }
      for (const target of ['/proc/sysrq-trigger', '/proc/sys/kernel/core_pattern', path.join(host.canary, 'secret'), '/etc/passwd']) {
        const image = await dev((file) => fs.symlink(target, file))
        const root = await host.store.mount(image)
        try {
          await expect(spawn(['true'], { ...withImagesDev, root })).rejects.toMatchObject({
            step: 'mask a path',
            path: '/dev/null',
            errno: 'ELOOP',
          })
        } finally {
          await root.close()
        }
        expect((await host.runtime.run(image, ['sh', '-c', 'stat -c %t:%T /dev/null /proc/keys; cat /proc/keys'])).stdout).toBe(
          '1:3\n1:3\n',
        )
      }
    })

    test('and never a file of the image in its place', async () => {
      const image = await dev((file) => fs.writeFile(file, 'the image decides what is read here'))
      const root = await host.store.mount(image)
      try {
        await expect(spawn(['true'], { ...withImagesDev, root })).rejects.toMatchObject({
          code: 'ERR_BOX_STATE',
          step: 'mask a path',
          path: '/dev/null',
        })
      } finally {
        await root.close()
      }
      expect((await host.runtime.run(image, ['sh', '-c', 'stat -c %t:%T /dev/null /proc/keys; cat /proc/keys'])).stdout).toBe('1:3\n1:3\n')
    })
  })
})
