import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'

import { Cgroup } from '@box/cgroups'
import type { Root } from '@box/core'
import { type NamespaceKind, type SpawnOptions, spawn, standardCapabilities } from '@box/namespaces'
import type { Image } from '@box/layers'
import fs from 'fs-extra'

import { useHostileHost } from '../support/hostile-host.ts'
import { launchers } from '../support/launchers.ts'
import { processesWith } from '../support/processes.ts'
import { unsafe } from '../support/unsafe.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip
const execute = promisify(execFile)
const own: readonly NamespaceKind[] = ['mount', 'pid', 'uts', 'ipc', 'network']

/** The inodes of the sockets that a process has. */
function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
    } catch {
      return []
    }
  })
}

asRoot('what confines a process', () => {
  const host = useHostileHost()
  const withRoot = async (image: Image, use: (root: Root) => Promise<void>): Promise<void> => {
    const root = await host.store.mount(image)
    try {
      await use(root)
    } finally {
      await root.close()
    }
  }
  const output = async (command: readonly string[], options: SpawnOptions): Promise<string> => {
    const child = await spawn(command, options)
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), child.exited])
    return stdout + stderr
  }
  const set = (status: string, name: string) => BigInt(`0x${new RegExp(`^${name}:\\t(\\w+)$`, 'm').exec(status)?.[1] ?? ''}`)

  test('runc CVE-2022-29162, crun CVE-2022-27650, podman CVE-2022-27649, buildah CVE-2022-27651, moby CVE-2022-24769: a program whose file inherits capabilities inherits none', async () => {
    // struct vfs_cap_data of revision 2, effective: CAP_CHOWN (bit 0) can be inherited.
    const data = `pack("V5", 0x02000001, 0, 1, 0, 0)`
    const setxattr = process.arch === 'x64' ? 188 : 5
    const image = await host.image(async (folder) => {
      const file = path.join(folder, 'usr/bin/inheriting')
      await fs.outputFile(file, await fs.readFile('/usr/bin/cat'), { mode: 0o755 })
      const mark = `my ($n, $d) = ("security.capability", ${data}); syscall(${setxattr}, $ARGV[0], $n, $d, 20, 0) == 0 or die $!`
      await execute('perl', ['-e', mark, file])
    })
    const command = ['inheriting', '/proc/self/status']
    await withRoot(image, async (root) => {
      const options: SpawnOptions = { namespaces: own, root, user: { uid: 1000, gid: 1000 } }
      const all = { bounding: standardCapabilities, permitted: standardCapabilities, effective: standardCapabilities }
      const bitten = await output(command, { ...options, capabilities: { ...all, inheritable: standardCapabilities } })
      expect([set(bitten, 'CapInh') & 1n, set(bitten, 'CapEff')]).toEqual([1n, 1n])
      for (const capabilities of [all, standardCapabilities, undefined])
        expect(set(await output(command, { ...options, capabilities }), 'CapEff')).toBe(0n)
    })
    for (const options of [{ user: '1000' }, { user: '1000', userns: 'host' as const, capabilities: standardCapabilities }]) {
      const container = await host.runtime.start(image, ['sleep', '60'], options)
      try {
        const child = await container.exec(command)
        const status = await text(child.stdout)
        expect([set(status, 'CapInh'), set(status, 'CapEff')]).toEqual([0n, 0n])
      } finally {
        await container.close()
      }
    }
  })

  test('youki#3434: where sets of capabilities are given, one that is left out is empty, and the bounding set is no exception', async () => {
    const status = ['cat', '/proc/self/status']
    expect(set(await output(status, {}), 'CapBnd')).not.toBe(0n)
    for (const capabilities of [{}, { permitted: [], effective: [] }, []])
      expect(set(await output(status, { capabilities }), 'CapBnd')).toBe(0n)
  })

  test('runc CVE-2023-25809: without a cgroup namespace the groups of the host can be read and not written', async () => {
    const top = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((folder) => existsSync(path.join(folder, 'cgroup.controllers')))
    if (top === undefined) throw new Error('this host has no v2 hierarchy')
    const name = `box-failures-${process.pid}`
    const make = ['sh', '-c', `mkdir ${top}/${name} && echo made; grep -q . ${top}/cgroup.procs && echo read`]
    await withRoot(await host.image(() => {}), async (root) => {
      const proc = { type: 'proc', target: '/proc' } as const
      const tmpfs = { type: 'tmpfs', target: '/sys' } as const
      const bound = { type: 'bind', source: '/sys/fs/cgroup', target: '/sys/fs/cgroup' } as const
      expect(await output(make, { namespaces: own, root, mounts: [proc, tmpfs, bound] })).toBe('made\nread\n')
      rmdirSync(path.join(top, name))
      for (const namespaces of [own, ['user', ...own] as const]) {
        const seen = await output(make, { namespaces, root, mounts: [proc, tmpfs, { type: 'cgroup', target: '/sys/fs/cgroup' }] })
        expect(seen).toMatch(/^read\nmkdir: .*: Read-only file system\n$/)
      }
    })
    expect(existsSync(path.join(top, name))).toBe(false)
  })

  test('containerd CVE-2025-47291: with a user namespace of its own a process is born in its group, with all that it starts', async () => {
    const word = `box-born-${process.pid}`
    const forks = ['perl', '-e', '$| = 1; fork; print "up\\n"; sleep 1000', word]
    const outside = await spawn(forks, { namespaces: ['user'] })
    const group = await Cgroup.create(word, { pids: 10 }, { temporary: true })
    try {
      const up = createInterface({ input: outside.stdout })[Symbol.asyncIterator]()
      await up.next()
      await up.next()
      // Who moves a process afterwards leaves behind what it has started.
      await group.add(outside.pid)
      expect(await group.processes()).toEqual([outside.pid])
    } finally {
      for (const pid of processesWith(word)) process.kill(pid, 'SIGKILL')
      await outside.close()
      await group.close()
    }
    for (const userns of ['auto', 'host'] as const) {
      const container = await host.runtime.start('base', forks, { userns })
      try {
        const lines = createInterface({ input: container.stdout })[Symbol.asyncIterator]()
        await lines.next()
        await lines.next()
        const inside = processesWith(word)
        expect(inside).toHaveLength(2)
        expect(new Set(await container.cgroup?.processes())).toEqual(new Set(inside))
      } finally {
        await container.close()
      }
    }
  })

  test('CRI-O CVE-2022-0811, 2024-3154: a value sets its own kernel parameter and no other', async () => {
    const value = '0+net.ipv4.ip_default_ttl=99'
    const read = ['cat', '/proc/sys/net/ipv4/ip_default_ttl', '/proc/sys/kernel/core_pattern']
    const before = readFileSync('/proc/sys/kernel/core_pattern', 'utf8')
    // Who writes parameters as one text with + between them reads it back as two.
    const split = Object.fromEntries(`net.ipv4.ip_forward=${value}`.split('+').map((pair) => pair.split('=')))
    expect(await output(read, { namespaces: ['network'], sysctls: split })).toBe(`99\n${before}`)
    const whole = { 'net.ipv4.ip_forward': value }
    await expect(spawn(read, { namespaces: ['network'], sysctls: whole })).rejects.toMatchObject({ step: 'set a sysctl', errno: 'EINVAL' })
    for (const name of ['net.ipv4.ip_forward+kernel.core_pattern', 'kernel.core_pattern', 'net.ipv4/../../kernel/core_pattern'])
      await expect(spawn(read, { namespaces: ['network'], sysctls: { [name]: '|/x' } })).rejects.toMatchObject({
        code: 'ERR_BOX_INVALID_ARGUMENT',
      })
    expect(readFileSync('/proc/sys/kernel/core_pattern', 'utf8')).toBe(before)
  })

  test('runc CVE-2025-52881, youki CVE-2025-62596: a kernel parameter is written to the kernel, whatever is mounted on /proc inside', async () => {
    const parameter = '/proc/sys/net/ipv4/ip_forward'
    await withRoot(await host.image(() => {}), async (root) => {
      const spoil = `
        mount -t tmpfs none /proc/sys; mkdir -p /proc/sys/net/ipv4; echo of-the-container > /tmp/other
        ln -s /tmp/other ${parameter}; mount -t tmpfs none /proc/self/attr; echo ready; exec sleep 60`
      const holder = await spawn(['sh', '-c', spoil], { namespaces: own, root })
      try {
        for await (const _ of holder.stdout) break
        const seen = async () => await output(['cat', '/tmp/other'], { namespaces: { mount: holder }, cwd: '/' })
        expect(await seen()).toBe('of-the-container\n')
        // Who enters and writes by the path is led to another file.
        await execute('nsenter', ['--mount', '--net', '--target', String(holder.pid), 'sh', '-c', `echo 1 > ${parameter}`])
        expect(await seen()).toBe('1\n')
        const real = ['cat', parameter]
        expect(await output(real, { namespaces: { network: holder } })).toBe('0\n')
        await output(['true'], {
          namespaces: { mount: holder, network: holder },
          sysctls: { 'net.ipv4.ip_forward': '1' },
          oomScoreAdj: 500,
          cwd: '/',
        })
        expect(await output(real, { namespaces: { network: holder } })).toBe('1\n')
        expect(await seen()).toBe('1\n')
      } finally {
        await holder.close()
      }
    })
  })

  test('containerd CVE-2020-15257: with the network of the host a container finds no socket of Box to speak to', async () => {
    /** The names of the abstract sockets (unix(7)) that this process and its launchers hold. */
    const named = (): string[] => {
      const held = new Set([process.pid, ...launchers()].flatMap(socketsOf))
      const lines = readFileSync('/proc/net/unix', 'utf8').trim().split('\n')
      return lines.flatMap((line) => {
        const [, , , , , , inode = '', ...name] = line.split(/\s+/)
        return held.has(inode) && name.join(' ').startsWith('@') ? [name.join(' ')] : []
      })
    }
    expect(named()).toEqual([])
    await using server = createServer((socket) => socket.end('spoken to'))
    const name = `\0box-hostile-${process.pid}`
    await new Promise<void>((resolve) => server.listen(name, resolve))
    const connect = `
      socket(S, 1, 1, 0) or die; my $name = "\\0" . $ARGV[0];
      # Some versions of Node fill the name up.
      connect(S, pack("Sa*", 1, $name)) or connect(S, pack("Sa108", 1, $name)) or print("$!"), exit;
      print <S>`
    const speak = (network: 'host' | 'none') => host.runtime.run('base', ['perl', '-e', connect, name.slice(1)], { network })
    expect((await speak('host')).stdout).toBe('spoken to')
    expect((await speak('none')).stdout).toBe('Connection refused')
    const container = await host.runtime.start('base', ['cat', '/proc/net/unix'], { network: 'host' })
    try {
      expect(await text(container.stdout)).toContain(name.slice(1))
      expect(named()).toEqual([expect.stringContaining(name.slice(1))])
    } finally {
      await container.close()
    }
  })

  test('rkt CVE-2019-10144, 2019-10145, 2019-10147: a command that enters has the filter, the capabilities and the group of the container', async () => {
    const rights = /^(?:Cap\w+|NoNewPrivs|Seccomp):.*$/gm
    const of = (pid: number) => [
      ...(readFileSync(`/proc/${pid}/status`, 'utf8').match(rights) ?? []),
      readFileSync(`/proc/${pid}/cgroup`, 'utf8'),
    ]
    const container = await host.runtime.start('base', ['sleep', '60'])
    try {
      const all = ['--mount', '--pid', '--net', '--uts', '--ipc', '--user', '--target', String(container.pid)]
      const { stdout } = await execute('nsenter', [...all, 'cat', '/proc/self/status'])
      expect(stdout.match(rights)).not.toEqual(of(container.pid).slice(0, -1))
      const child = await container.exec(['sh', '-c', 'echo up; exec sleep 60'])
      for await (const _ of child.stdout) break
      expect(of(child.pid)).toEqual(of(container.pid))
      expect(of(child.pid)).toEqual(expect.arrayContaining(['NoNewPrivs:\t1', 'Seccomp:\t2']))
    } finally {
      await container.close()
    }
  })

  test('podman CVE-2022-1227: no program of an image is run for the host', async () => {
    const names = ['nsenter', 'ps', 'sh', 'mount', 'id', 'getent', 'newuidmap', 'tar', 'cp', 'unshare', 'kill', 'true']
    const image = await host.image(async (folder) => {
      for (const name of names) {
        await fs.remove(path.join(folder, 'usr/bin', name))
        const told = `#!/usr/bin/perl\nopen F, ">>", "/tmp/ran"; print F "${name}\\n"; print "of the image\\n"`
        await fs.outputFile(path.join(folder, 'usr/bin', name), told, { mode: 0o755 })
      }
    })
    const container = await host.runtime.start(image, ['sleep', '60'], { ...unsafe, user: 'root', cwd: '/tmp/new' })
    try {
      const { stdout } = await execute('nsenter', ['--mount', '--target', String(container.pid), 'ps'])
      expect(stdout).toBe('of the image\n')
      expect(await container.root.readFile('/tmp/ran', 'utf8')).toBe('ps\n')
      await container.root.remove('/tmp/ran')
      await (
        await container.exec(['cat', '/etc/passwd'], { user: 'app', cwd: '/tmp' })
      ).exited
      await container.stats()
      for await (const _ of container.root.changes()) break
      await container.root.usage()
      await host.store.commit(container.root)
      container.kill('SIGKILL')
      await container.exited
      await expect(container.root.readFile('/tmp/ran')).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
    } finally {
      await container.close()
    }
  })
})
