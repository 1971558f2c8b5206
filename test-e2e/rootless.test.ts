import path from 'node:path'
import { fileURLToPath } from 'node:url'

import fs from 'fs-extra'

import { makeOrdinaryUser, type OrdinaryUser } from './support/ordinary-user.ts'
import { useWorkplace } from './support/workplace.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip
const here = path.dirname(fileURLToPath(import.meta.url))
const tour = path.join(here, '../examples/mini-runtime')

asRoot('without privileges', () => {
  const workplace = useWorkplace()
  let user: OrdinaryUser

  beforeEach(async () => {
    await fs.chmod(workplace.folder, 0o755)
    user = await makeOrdinaryUser(workplace.folder)
  })
  afterEach(() => user.remove())

  test('an ordinary user makes an image, runs it isolated, and commits what it changed', async () => {
    const rootfs = path.join(workplace.folder, 'rootfs')
    const { copyPrograms, makeSkeleton } = await import(path.join(tour, 'programs.mjs'))
    await makeSkeleton(rootfs)
    await copyPrograms(rootfs, ['sh', 'id', 'hostname', 'ls', 'grep', 'cat', 'rm'])
    const { stdout, stderr, exitCode } = await user.run([
      process.execPath,
      path.join(user.repository, 'test-e2e/programs/rootless.mjs'),
      user.home,
      rootfs,
    ])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    const seen = JSON.parse(stdout)
    expect(seen).toMatchObject({ exitCode: 0, stderr: '', layers: [1, 2], after: { stdout: 'x\n', exitCode: 2 } })
    expect(seen.stdout.split('\n')).toEqual(['0', '1', 'inside', expect.stringMatching(/^[1-9]$/), ''])
    expect(seen.changes).toEqual(expect.arrayContaining(['added /etc/new', 'removed /etc/group']))
  }, 120_000)

  test('where no namespace can be made the tour does all the rest, says the one thing missing, and exits 69', async () => {
    const view = ['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--bind', user.home, user.home]
    const bwrap = ['bwrap', '--unshare-user', '--disable-userns', ...view]
    const main = path.join(user.repository, 'examples/mini-runtime/main.mjs')
    const { stdout, stderr, exitCode } = await user.run([...bwrap, process.execPath, main])
    expect({ exitCode, stderr }).toEqual({ exitCode: 69, stderr: '' })
    expect(stdout).toContain('already there, not transferred')
    expect(stdout).toMatch(/missing: .+\n/)
    expect(stdout).toContain('nothing is left')
  }, 120_000)
})
