import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'

import { capabilityNames, type CapabilityName } from '@box/namespaces'
import { sandboxCapabilities } from '@box/runtime'
import fs from 'fs-extra'

import { secret } from '../support/canary.ts'
import { useHostileHost } from '../support/hostile-host.ts'
import { unsafe } from '../support/unsafe.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip

const mask = (names: readonly CapabilityName[]): string =>
  names
    .reduce((bits, name) => bits | (1n << BigInt(capabilityNames.indexOf(name))), 0n)
    .toString(16)
    .padStart(16, '0')
const none = mask([])

/** The lines of proc_pid_status(5) that are about what a process may do. */
const statusOf = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/^(Cap\w+|NoNewPrivs|Seccomp):\s+(\w+)$/gm)].map(([, name = '', value = '']) => [name, value]))

asRoot('what a payload has, sees and reaches', () => {
  const host = useHostileHost()
  const sh = async (script: string, options = {}) => await host.runtime.run('base', ['sh', '-c', script], { check: false, ...options })

  test('runc CVE-2022-29162, youki CVE-2025-27612: no inheritable capability, the asked-for bounds, no new privileges, a filter', async () => {
    const status = 'cat /proc/self/status'
    const rest = { CapInh: none, CapAmb: none, NoNewPrivs: '1', Seccomp: '2' }
    const some: readonly CapabilityName[] = ['CAP_CHOWN', 'CAP_SETUID']
    const cases = [
      [{}, { CapBnd: mask(sandboxCapabilities), CapEff: mask(sandboxCapabilities), CapPrm: mask(sandboxCapabilities) }],
      [{ capabilities: some }, { CapBnd: mask(some), CapEff: mask(some), CapPrm: mask(some) }],
      [{ capabilities: [] }, { CapBnd: none, CapEff: none, CapPrm: none }],
      [{ user: '1000:1000' }, { CapBnd: mask(sandboxCapabilities), CapEff: none, CapPrm: none }],
      [
        { user: '1000', capabilities: [], userns: 'host' },
        { CapBnd: none, CapEff: none, CapPrm: none },
      ],
      [{ init: true }, { CapBnd: mask(sandboxCapabilities), CapEff: mask(sandboxCapabilities), CapPrm: mask(sandboxCapabilities) }],
    ] as const
    for (const [options, expected] of cases) expect(statusOf((await sh(status, options)).stdout)).toEqual({ ...rest, ...expected })
  })

  test('a setuid program of the image gives an ordinary user nothing', async () => {
    const image = await host.image(async (folder) => {
      await fs.outputFile(`${folder}/usr/bin/own-cat`, await fs.readFile('/usr/bin/cat'), { mode: 0o755 })
      await fs.chmod(`${folder}/usr/bin/own-cat`, 0o4755)
    })
    const { stdout } = await host.runtime.run(image, ['own-cat', '/proc/self/status'], { user: '1000' })
    expect(stdout).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m)
    expect(statusOf(stdout)).toMatchObject({ CapEff: none, CapPrm: none })
  })

  test('runc CVE-2024-21626, 2016-9962: only descriptors 0, 1 and 2', async () => {
    const held = Array.from({ length: 20 }, () => fs.openSync(host.canary, 'r'))
    try {
      // The one beyond them is the folder that is being listed.
      const list =
        'opendir(D, "/proc/self/fd"); print join " ", sort { $a <=> $b } grep { !/^\\./ && readlink("/proc/self/fd/$_") !~ m{^/proc/} } readdir(D)'
      for (const options of [{}, { init: true }, { userns: 'host' as const }])
        expect((await host.runtime.run('base', ['perl', '-e', list], options)).stdout).toBe('0 1 2')
      expect((await sh('ls /proc/1/fd', { init: true, userns: 'host' })).stdout).toMatch(/^(\d\n)*$/)
    } finally {
      for (const fd of held) fs.closeSync(fd)
    }
  })

  test('nothing of the host’s environment', async () => {
    process.env['BOX_HOSTILE_SECRET'] = secret
    try {
      const { stdout } = await sh('cat /proc/1/environ /proc/self/environ; export -p')
      expect(stdout).not.toContain(secret)
      expect(stdout).not.toContain('BOX_HOSTILE')
      const names = (await host.runtime.run('base', ['perl', '-e', 'print join " ", sort keys %ENV'])).stdout
      expect(names).toBe('HOME PATH')
    } finally {
      delete process.env['BOX_HOSTILE_SECRET']
    }
  })

  test('only its own processes; the host’s cannot be named, signalled or looked into', async () => {
    const { stdout } = await sh(
      `ls /proc; kill -0 ${process.pid} && echo signalled; cat /proc/${process.pid}/environ; readlink /proc/1/exe`,
    )
    const pids = stdout.split('\n').filter((name) => /^\d+$/.test(name))
    expect(pids.length).toBeLessThan(4)
    expect(pids).toContain('1')
    expect(stdout).not.toContain('signalled')
    expect(stdout).toMatch(/^\/usr\/bin\/\w+$/m)
    expect(stdout).not.toContain(process.execPath)
  })

  test('the mount table names no folder of the host', async () => {
    const { stdout } = await sh('cat /proc/self/mountinfo /proc/1/mounts')
    expect(stdout).toMatch(/ \/ \/ .* overlay /)
    expect(stdout).not.toContain('box-hostile')
    for (const name of readdirSync('/').filter((entry) => !['dev', 'proc', 'sys'].includes(entry)))
      expect(stdout).not.toMatch(new RegExp(`[ =:]/${name}[/ ]`))
  })

  test('another name inside is the container’s alone, and cannot be changed there', async () => {
    const before = hostname()
    const { stdout, stderr } = await sh('hostname; hostname other; hostname', { hostname: 'inside' })
    expect(stdout).toBe('inside\ninside\n')
    expect(stderr).toContain('hostname:')
    expect((await sh('hostname other; hostname', unsafe)).stdout).toBe('other\n')
    expect(hostname()).toBe(before)
  })

  test('kernel CVE-2022-0185, 2022-0492: mounts and namespaces can be changed only outside of the sandbox', async () => {
    const attacks = [
      'mount -t tmpfs none /tmp',
      'mount --bind /etc /tmp',
      'mount -o remount,rw,bind /proc/sys',
      'umount /sys/firmware',
      'unshare --mount true',
      'unshare --uts true',
      'nsenter --uts=/proc/1/ns/uts true',
    ]
    const all = attacks.map((attack) => `${attack} && echo 'did ${attack}'`).join('\n')
    expect((await sh(all, unsafe)).stdout.trim().split('\n')).toEqual(attacks.map((attack) => `did ${attack}`))
    const sandboxed = [...attacks, 'unshare --user true', 'unshare --user --map-root-user --mount true', 'nsenter --target 1 --mount true']
    const every = sandboxed.map((attack) => `${attack} && echo 'did ${attack}'`).join('\n')
    expect((await sh(every)).stdout).toBe('')
    expect((await sh(every, { capabilities: [...sandboxCapabilities, 'CAP_SYS_ADMIN'] })).stdout).toBe('')
  })

  test('without the filter, the rights of a container’s root do not reach what is masked and read-only', async () => {
    const bare = { seccomp: unsafe.seccomp, capabilities: [...sandboxCapabilities, 'CAP_SYS_ADMIN'] }
    const attacks = ['umount /sys/firmware', 'umount /proc/keys', 'umount /proc/sys', 'mount -o remount,rw,bind /sys/fs/cgroup']
    const all = attacks.map((attack) => `${attack} && echo 'did ${attack}'`).join('\n')
    await sh(all, bare)
    const { stdout } = await sh(
      `${all}\necho x > /proc/sys/kernel/core_pattern && echo written; echo 1 > /proc/sys/kernel/sysrq && echo written`,
      bare,
    )
    expect(stdout).not.toContain('written')
  })

  test('runc CVE-2025-52881, 2025-31133: kernel settings cannot be written', async () => {
    const files = [
      '/proc/sys/kernel/core_pattern',
      '/proc/sys/kernel/sysrq',
      '/proc/sys/vm/drop_caches',
      '/proc/sys/fs/binfmt_misc/register',
    ]
    const before = files.map((file) => (existsSync(file) && file.endsWith('pattern') ? readFileSync(file, 'utf8') : ''))
    const write = [...files, '/proc/sysrq-trigger', '/proc/irq/default_smp_affinity', '/sys/kernel/uevent_helper', '/sys/power/state']
      .map((file) => `(echo 0 > ${file}) && echo written ${file}`)
      .join('\n')
    for (const options of [{}, { capabilities: capabilityNames.slice(0, 24) }, { userns: 'host' as const }])
      expect((await sh(write, options)).stdout).toBe('')
    expect(files.map((file) => (existsSync(file) && file.endsWith('pattern') ? readFileSync(file, 'utf8') : ''))).toEqual(before)
  })

  test('kernel memory and logs cannot be read', async () => {
    const read = [
      '/proc/kcore',
      '/proc/kmsg',
      '/dev/mem',
      '/dev/kmsg',
      '/proc/keys',
      '/proc/timer_list',
      '/sys/firmware/*',
      '/sys/kernel/debug/*',
    ]
      .map((file) => `cat ${file}`)
      .join('\n')
    for (const options of [{}, { userns: 'host' as const }]) expect((await sh(read, options)).stdout).toBe('')
  })

  test('kernel CVE-2022-0492: cgroups are there to be read, not to be written', async () => {
    const { stdout } = await sh(
      'cat /proc/self/cgroup; for f in /sys/fs/cgroup/release_agent /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/cgroup.procs; do (echo 1 > $f) && echo written; done',
    )
    expect(stdout).not.toContain('written')
    for (const line of stdout.trim().split('\n')) expect(line).toMatch(/:\/$/)
  })
})
