import { chown, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LayerStore } from '../src/index.ts'
import { start } from './programs/start.ts'

const user = { uid: 65_533, gid: 65_533 }
const asRoot = process.getuid?.() === 0 ? describe : describe.skip

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-layers-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

asRoot('a store as an ordinary user', () => {
  test('images are made, mounted, changed and committed without privileges', async () => {
    await mkdir(join(folder, 'files/etc'), { recursive: true })
    await mkdir(join(folder, 'files/folder'))
    for (const name of ['etc/old', 'etc/kept', 'folder/first']) await writeFile(join(folder, 'files', name), name)
    await chown(folder, user.uid, user.gid)
    const program = start('rootless.ts', [folder], user)
    expect(await program.line()).toEqual({
      changes: ['added /etc/new', 'removed /etc/old', 'modified /folder', 'added /folder/second'],
      etc: ['kept', 'new'],
      folder: ['second'],
      content: 'new',
      maps: [{ containerId: 0, hostId: user.uid, size: 1 }],
      owner: user.uid,
      verified: [],
      inMemory: { kind: 'tmpfs', full: 'ENOSPC', usage: 2 },
      thirdFolder: ['third'],
    })
    expect(await program.ended).toBe(0)
    expect(await readdir(join(folder, 'store/containers'))).toEqual([])
    expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(folder)
    // What one made with squashed owners another must not take for the image's.
    await expect(LayerStore.open(join(folder, 'store'))).rejects.toMatchObject({ code: 'ERR_BOX_STORE_INVALID' })
  })

  test('where the host forbids user namespaces the error of a mount says which setting does, and what to do', async () => {
    await mkdir(join(folder, 'kernel/random'), { recursive: true })
    await copyFile('/proc/sys/kernel/random/boot_id', join(folder, 'kernel/random/boot_id'))
    await writeFile(join(folder, 'kernel/unprivileged_userns_clone'), '0\n')
    await chown(folder, user.uid, user.gid)
    // In a root that is not that of its mount namespace the kernel refuses new user namespaces.
    const before = `mount --bind ${folder}/kernel /proc/sys/kernel; mount --rbind / /media; enter='chroot /media'`
    const program = start('opened.ts', [join(folder, 'store')], { ...user, before })
    await expect(program.line()).rejects.toThrow(
      /make the process: clone3: .*sysctl -w kernel\.unprivileged_userns_clone=1[\s\S]*path: '\/proc\/sys\/kernel\/unprivileged_userns_clone'/,
    )
    expect(await program.ended).toBe(1)
  })
})
