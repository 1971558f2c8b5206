import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { LayerStore } from '../src/index.ts'
import { start } from './programs/start.ts'

const execute = promisify(execFile)
/** The user `nobody`: newuidmap serves only users that the user database has. */
const user = { uid: 65_534, gid: 65_534 }
const withHelpers = process.getuid?.() === 0 && existsSync('/usr/bin/newuidmap') ? describe : describe.skip

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-layers-'))
  await chmod(folder, 0o755)
  await mkdir(join(folder, 'etc'))
  for (const name of ['subuid', 'subgid']) await writeFile(join(folder, 'etc', name), 'nobody:200000:65536\n')
  await mkdir(join(folder, 'own'))
  await chown(join(folder, 'own'), user.uid, user.gid)
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

/** Files of several owners, some of them closed to all others, in an archive that root has made. */
async function makeArchive(): Promise<string> {
  const files = join(folder, 'files')
  for (const [name, uid, gid, mode] of [
    ['', 0, 0, 0o755],
    ['etc', 0, 0, 0o755],
    ['var', 0, 0, 0o755],
    ['var/lib', 0, 0, 0o755],
    ['var/lib/database', 999, 998, 0o700],
    ['srv', 1000, 1000, 0o755],
    ['srv/closed', 65_534, 65_534, 0o000],
  ] as const) {
    await mkdir(join(files, name))
    await chown(join(files, name), uid, gid)
    await chmod(join(files, name), mode)
  }
  for (const [name, uid, gid, mode] of [
    ['etc/shadow', 0, 42, 0o640],
    ['var/lib/database/data', 999, 998, 0o600],
    ['srv/program', 1000, 1000, 0o6755],
    ['srv/closed/file', 7, 7, 0o000],
  ] as const) {
    await writeFile(join(files, name), `${name}\n`)
    await chown(join(files, name), uid, gid)
    await chmod(join(files, name), mode)
  }
  const archive = join(folder, 'base.tar')
  const store = await LayerStore.open(join(folder, 'of-root'))
  await store.import(files, { tag: 'base' })
  await store.export('base', archive, { format: 'oci-archive' })
  await store.close()
  await chmod(archive, 0o644)
  return archive
}

/** Owner and mode of each file of an image, by a store of root's. */
async function ownersIn(archive: string): Promise<string[]> {
  const store = await LayerStore.open(join(folder, 'of-root'))
  const target = join(folder, 'flat')
  await store.import(archive, { tag: 'next' })
  await store.export('next', target, { format: 'folder' })
  await store.close()
  const { stdout } = await execute('find', [target, '-mindepth', '1', '-printf', '%P %U:%G %m\n'])
  return stdout.trim().split('\n').toSorted()
}

withHelpers('a store of an ordinary user with ranges of ids', () => {
  test('keeps the owners of an image, reads and removes what belongs to them, and commits and exports them as they were', async () => {
    const archive = await makeArchive()
    const program = start('mapped.ts', [join(folder, 'own'), archive], { ...user, etc: join(folder, 'etc') })
    const map = [
      { containerId: 0, hostId: 65_534, size: 1 },
      { containerId: 1, hostId: 200_000, size: 65_536 },
    ]
    const seen = await program.line()
    expect(seen).toEqual({
      outside: 'EACCES',
      before: 'var/lib/database/data\n',
      changes: ['removed /srv/closed', 'added /var/lib/database/more'],
      usage: 6,
      maps: [map, map],
      copied: [expect.stringMatching(/^(copy|reflink)$/), 'var/lib/database/data\n', 'more'],
      copiedChanges: ['added /var/lib/database/copied'],
      verified: [],
      pruned: 2,
    })
    expect(await program.ended).toBe(0)
    expect(await readdir(join(folder, 'own/store/layers/sha256'))).toEqual([])
    expect(await ownersIn(join(folder, 'own/next.tar'))).toEqual([
      'etc 0:0 755',
      'etc/shadow 0:42 640',
      'srv 1000:1000 755',
      'srv/program 1000:1000 6755',
      'var 0:0 755',
      'var/lib 0:0 755',
      'var/lib/database 999:998 700',
      'var/lib/database/data 999:998 600',
      'var/lib/database/more 0:0 644',
    ])
  })

  test('is not opened with other ranges, and one that was made without any goes on without', async () => {
    const etc = join(folder, 'etc')
    const open = async (name: string, as: { readonly etc?: string }): Promise<unknown> => {
      const program = start('opened.ts', [join(folder, 'own', name)], { ...user, ...as })
      const line = await program.line()
      await program.ended
      return line
    }
    expect(await open('mapped', { etc })).toEqual({ ranges: 2 })
    expect(await open('squashed', {})).toEqual({ ranges: 1 })
    expect(await open('squashed', { etc })).toEqual({ ranges: 1 })
    await expect(open('mapped', {})).rejects.toThrow('belong to ids that this process cannot map')
    for (const name of ['subuid', 'subgid']) await writeFile(join(etc, name), 'nobody:300000:65536\n')
    await expect(open('mapped', { etc })).rejects.toThrow('belong to ids that this process cannot map')
    // Too few for an image.
    for (const name of ['subuid', 'subgid']) await writeFile(join(etc, name), 'nobody:300000:1000\n')
    expect(await open('few', { etc })).toEqual({ ranges: 1 })
  })

  test('is left by a killed process with nobody who goes on in it, and is swept by the next one', async () => {
    const as = { ...user, etc: join(folder, 'etc') }
    const path = join(folder, 'own/store')
    const program = start('ingest.ts', [path, '1000000', 'seed', '131072'], as)
    expect(await program.line()).toBe('open')
    program.process.stdin?.write('go\n')
    expect([await program.line(), await program.line()]).toEqual([{ offset: 0 }, { stoppedAt: 131_072 }])
    program.process.kill('SIGKILL')
    // It has ended when its streams have, which who unpacks in the namespace has, too.
    expect(await program.ended).toBe('SIGKILL')
    const next = start('opened.ts', [path], as)
    expect(await next.line()).toEqual({ ranges: 2 })
    expect(await next.ended).toBe(0)
    expect(await readdir(join(path, 'layers/staging'))).toEqual([])
  })
})
