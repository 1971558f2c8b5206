import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'

import fs from 'fs-extra'

import { useHostileHost } from '../support/hostile-host.ts'
import { launchers } from '../support/launchers.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip

/** fcntl(2): F_GET_SEALS, and the seals that keep a file as it is (F_SEAL_SEAL, SHRINK, GROW and WRITE). */
const getSeals = 1034
const sealed = 0x1 | 0x2 | 0x4 | 0x8

const hashOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

asRoot('runc, crun, lxc CVE-2019-5736: the program that starts containers', () => {
  const host = useHostileHost()

  test('is a sealed file that nobody can write to', async () => {
    await host.runtime.run('base')
    const [launcher, ...others] = launchers()
    expect(others).toEqual([])
    const exe = `/proc/${launcher}/exe`
    const seals = execFileSync('perl', ['-e', `open(F, "<", $ARGV[0]) or die $!; print fcntl(F, ${getSeals}, 0)`, exe], {
      encoding: 'utf8',
    })
    expect(Number(seals) & sealed).toBe(sealed)
    expect(() => fs.openSync(exe, 'r+')).toThrow(/ETXTBSY|EPERM|EACCES/)
  })

  test.each(['script', 'link'])(
    'is not changed, and says that it is no program, where the entrypoint is a %s to /proc/self/exe',
    async (kind) => {
      await host.runtime.run('base')
      const [launcher] = launchers()
      const before = [hashOf(process.execPath), hashOf(`/proc/${launcher}/exe`)]
      const image = await host.image(async (folder) => {
        await fs.ensureDir(path.join(folder, 'own'))
        for (const file of ['entry', 'own/box-launcher'].map((name) => path.join(folder, name)))
          if (kind === 'link') await fs.symlink('/proc/self/exe', file)
          else await fs.writeFile(file, '#!/proc/self/exe\n', { mode: 0o755 })
      })
      // By a name with which it could be taken for what Node has started, too.
      for (const options of [{}, { init: true }, { userns: 'host' as const }])
        for (const command of [['/entry', '--version'], ['/entry'], ['box-launcher']]) {
          const outcome = await host.runtime.run(image, command, { timeout: 5_000, check: false, env: { PATH: '/own' }, ...options })
          expect(outcome).toMatchObject({ exitCode: 126, stdout: '', stderr: 'box: /proc/self/exe leads to no program of the container\n' })
        }
      expect([hashOf(process.execPath), hashOf(`/proc/${launcher}/exe`)]).toEqual(before)
      expect(launchers()).toEqual([launcher])
      expect((await host.runtime.run('base', ['echo', 'well'])).stdout).toBe('well\n')
    },
    30_000,
  )
})
