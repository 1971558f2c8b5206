import { execFile, execFileSync } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'

import fs from 'fs-extra'

import { secret } from '../support/canary.ts'
import { useHostileHost } from '../support/hostile-host.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip
const execute = promisify(execFile)

asRoot('who a container runs as', () => {
  const host = useHostileHost()
  const withPasswd = (fill: (file: string) => Promise<unknown>) =>
    host.image(async (folder) => {
      await fs.ensureDir(path.join(folder, 'etc'))
      await fill(path.join(folder, 'etc/passwd'))
    })

  test('numbers that are read carelessly are 0, or the id of somebody else', () => {
    // Cut to 32 bits; up to the first character that is no digit; with signs and spaces; in other notations.
    expect([4_294_967_296, 18_446_744_073_709_551_616].map((id) => id >>> 0)).toEqual([0, 0])
    expect(['00x', '0:0:0', '0\n0'].map((id) => Number.parseInt(id, 10))).toEqual([0, 0, 0])
    expect(['0x0', '+0', ' 0', '0 ', '1e3', ''].map(Number)).toEqual([0, 0, 0, 0, 1000, 0])
  })

  test.each([
    '4294967296',
    '4294967295',
    '2147483648',
    '18446744073709551616',
    '-1',
    '0x0',
    '1e3',
    '00x',
    '+0',
    ' 0',
    '0 ',
    '0:-1',
    '0:4294967296',
    '0:0:0',
    '$(id)',
    '0\n0',
  ])('containerd CVE-2024-40635, crun CVE-2026-30892: the user %j is refused and never becomes root', async (user) => {
    const image = await host.image(() => {}, { user })
    for (const attempt of [() => host.runtime.run(image), () => host.runtime.run('base', ['true'], { user })])
      await expect(attempt()).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_BOX_(INVALID_ARGUMENT|NOT_FOUND|SYSTEM)$/) })
  })

  test('an id is read as it is written', async () => {
    for (const [user, expected] of [
      ['1', '1 0'],
      ['65534:7', '65534 7'],
      ['app', '1000 1000'],
      ['', '0 0'],
    ] as const)
      expect((await host.runtime.run('base', ['sh', '-c', 'echo $(id -u) $(id -g)'], { user })).stdout).toBe(`${expected}\n`)
  })

  test('runc CVE-2016-3697: a name of digits in /etc/passwd is nobody', async () => {
    const line = '1000:x:0:0::/:/bin/sh'
    const image = await withPasswd((file) => fs.writeFile(file, `${line}\n`))
    // Who looks for a name first finds the line, and with it 0.
    const byName = (user: string) => [line].map((one) => one.split(':')).find(([name]) => name === user)?.[2]
    expect(byName('1000')).toBe('0')
    for (const user of ['1000', '1000:1000', '01000'])
      expect((await host.runtime.run(image, ['sh', '-c', 'echo $(id -u)'], { user })).stdout).toBe('1000\n')
  })

  test('an /etc/passwd that is a link to the host’s is looked up inside', async () => {
    for (const target of [path.join(host.canary, 'etc/passwd'), `${'../'.repeat(40)}${host.canary.slice(1)}/etc/passwd`]) {
      const image = await withPasswd((file) => fs.symlink(target, file))
      await expect(host.runtime.run(image, ['true'], { user: 'intruder' })).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
      const { stdout, stderr } = await host.runtime.run(image, ['sh', '-c', 'cat /etc/passwd; echo $HOME'], { user: '0' })
      expect(stdout + stderr).not.toContain(secret)
      expect(stdout).toBe('/\n')
    }
  })

  test('podman CVE-2026-55686: an /etc/passwd that is a fifo is refused at once', async () => {
    let fifo = ''
    const image = await withPasswd((file) => execute('mkfifo', [(fifo = file)]))
    // Who opens it waits for somebody who writes.
    expect(() => execFileSync('cat', [fifo], { timeout: 200 })).toThrow('ETIMEDOUT')
    await expect(host.runtime.run(image, ['true'], { timeout: 5_000 })).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_BOX_/) })
  }, 10_000)

  test('an /etc/passwd without an end, by way of a device or of /proc, is refused', async () => {
    for (const target of ['/dev/zero', '/proc/kmsg', '/proc/self/mem']) {
      const image = await withPasswd((file) => fs.symlink(target, file))
      await expect(host.runtime.run(image, ['true'], { user: 'app' })).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_BOX_/) })
    }
    const node = await withPasswd((file) => execute('mknod', [file, 'c', '1', '5']))
    await expect(host.runtime.run(node, ['true'], { user: 'app' })).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_BOX_/) })
  }, 10_000)

  test('an /etc/passwd of more than 16 MiB is refused before it is read, by a start and by a command beside it', async () => {
    const image = await withPasswd(async (file) => {
      await fs.writeFile(file, 'app:x:1000:1000::/:/bin/sh\n')
      await fs.truncate(file, 17 * 1024 * 1024)
    })
    await expect(host.runtime.run(image, ['true'], { user: 'app' })).rejects.toMatchObject({ code: 'ERR_BOX_LIMIT', path: '/etc/passwd' })
    const container = await host.runtime.start('base', ['sh', '-c', 'echo up; sleep 60'])
    try {
      for await (const _ of container.stdout) break
      await container.root.writeFile('/etc/passwd', Buffer.alloc(17 * 1024 * 1024))
      await expect(container.exec(['true'], { user: 'app' })).rejects.toMatchObject({ code: 'ERR_BOX_LIMIT', path: '/etc/passwd' })
    } finally {
      await container.close()
    }
  })

  test('lines of an /etc/passwd that name no valid id make nobody root', async () => {
    const lines = ['a:x:-1:-1::/:', 'b:x:4294967296:0::/:', 'c:x::::/:', 'd:x:0x0:0::/:', 'e:x:0', `f:x:${'9'.repeat(500)}:0::/:`]
    const image = await withPasswd((file) => fs.writeFile(file, `${lines.join('\n')}\n`))
    for (const user of ['a', 'b', 'c', 'd', 'e', 'f'])
      await expect(host.runtime.run(image, ['true'], { user })).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
  })

  test('more groups than the kernel has are refused, and ids without a place outside are an error', async () => {
    const groups = (count: number, first: number) =>
      host.image(async (folder) => {
        const lines = Array.from({ length: count }, (_, index) => `g${index}:x:${first + index}:app`)
        await fs.outputFile(path.join(folder, 'etc/group'), `${lines.join('\n')}\n`)
      })
    await expect(host.runtime.run(await groups(65_600, 2_000), ['true'], { user: 'app' })).rejects.toMatchObject({ code: 'ERR_BOX_LIMIT' })
    await expect(host.runtime.run(await groups(3, 4_294_967_290), ['true'], { user: 'app' })).rejects.toMatchObject({
      step: 'change the user',
      errno: 'EINVAL',
    })
    expect((await host.runtime.run(await groups(3, 2_000), ['id', '-G'], { user: 'app' })).stdout).toBe('1000 2000 2001 2002\n')
  })

  test('containerd CVE-2026-53488: labels of an image are data', async () => {
    const labels = {
      'io.containerd.image.config.stop-signal': 'SIGKILL',
      'run.oci.hooks.stderr': path.join(host.canary, 'secret'),
      'run.oci.keep_original_groups': '1',
      'io.kubernetes.cri-o.userns-mode': 'host',
      privileged: 'true',
      'box.mounts': JSON.stringify([{ type: 'bind', source: '/', target: '/host' }]),
      'org.opencontainers.image.ref.name': 'base',
      __proto__: 'x',
      'com.example': '$(touch /tmp/box-label); `touch /tmp/box-label` +kernel.core_pattern=x',
    }
    // Who takes labels for options shows the host's files.
    const obeyed = { mounts: JSON.parse(labels['box.mounts']), userns: 'host' } as const
    expect((await host.runtime.run('base', ['cat', `/host${host.canary}/secret`], obeyed)).stdout).toBe(secret)
    const look = [
      'sh',
      '-c',
      'id -u; env; cat /proc/self/uid_map /proc/self/status | grep -v -i -e pid: -e ctxt -e Vm -e Rss -e tgid -e Cpus -e Mems; ls /',
    ]
    const plain = await host.runtime.run('base', look, { hostname: 'same' })
    const labelled = await host.runtime.run(await host.image(() => {}, { labels }), look, { hostname: 'same' })
    const fixed = (text: string) => text.replaceAll(/^ *0 +\d+ +65536$/gm, '')
    expect(fixed(labelled.stdout)).toBe(fixed(plain.stdout))
    expect(await fs.pathExists('/tmp/box-label')).toBe(false)
    expect((await host.store.get('base'))?.digest).toBeDefined()
  })
})
