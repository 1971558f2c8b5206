import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { LayerStore } from '@box/layers'
import { Registry } from '@box/registry'
import fs from 'fs-extra'

import { unpackDebianRoot } from './support/debian-root.ts'
import { startDockerRegistry } from './support/docker-registry.ts'
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

  test.each([
    // useradd(8) has given the user ranges of ids.
    ['an ordinary user does the main job, with owners of many ids', [], 0, ['/etc/shadow 0:42', '/srv/data/file 1000:1001', '1', '2']],
    [
      'so does one inside an unprivileged container, with its own id alone',
      ['bwrap', '--dev-bind', '/', '/', '--unshare-user', '--unshare-pid', '--proc', '/proc'],
      1,
      ['/etc/shadow 0:0', '/srv/data/file 0:0'],
    ],
  ])(
    '%s, with a Debian root from the registry of the distribution project',
    async (_, before, changed, owners) => {
      const server = await startDockerRegistry(path.join(workplace.folder, 'registry'))
      try {
        const reference = `${server.address}/debian:minbase`
        await pushDebian(reference)
        const program = path.join(user.repository, 'test-e2e/programs/rootless-main-job.mjs')
        const { stdout, stderr, exitCode } = await user.run([...before, process.execPath, program, user.home, reference])
        expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
        expect(JSON.parse(stdout)).toEqual({
          transferred: true,
          transferredAgain: false,
          inside: ['1', 'inside', 'debian', expect.stringMatching(/^[1-9]$/), '0', 'lo'],
          exitCode: changed,
          after: 'changed\n',
          untouched: '/etc/issue\n',
          removed: true,
          owners: ['/etc/passwd 0:0', ...owners],
        })
      } finally {
        await server.close()
      }
    },
    180_000,
  )

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

  async function pushDebian(reference: string): Promise<void> {
    const rootfs = path.join(workplace.folder, 'debian')
    await unpackDebianRoot(rootfs)
    const store = await LayerStore.open(path.join(workplace.folder, 'maker'))
    const client = new Registry()
    try {
      // With the owners that its files have: create() makes all of them root's.
      await store.import(rootfs, { tag: 'debian:minbase' })
      await client.push(store, reference, { name: 'debian:minbase' })
    } finally {
      await client.close()
      await store.close()
    }
  }
})
