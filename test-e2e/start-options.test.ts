import { once } from 'node:events'
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'

import { landlockReadOnly, type SystemCall } from '@box/namespaces'
import { parseRuntimeConfig } from '@box/oci'
import { type Container, processOptionsFromSpec, type StartOptions } from '@box/runtime'
import fs from 'fs-extra'

import { useHostileHost } from './support/hostile-host.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip

/** A field of /proc/PID/stat by its number (proc_pid_stat(5)). */
const stat = (pid: number, field: number): string => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[field - 1] ?? ''
/** Goes on until it is ended, as the shell that it is: a program that has just been started opens its libraries. */
const waits = ['sh', '-c', 'echo up; sleep 60; :']
/** ioprio_get(2) of the calling process, and personality(2) without a change. */
const [ioprioGet, personality] = process.arch === 'x64' ? [252, 135] : [31, 92]

asRoot('the options of a container hold for its first process and for the commands beside it', () => {
  const host = useHostileHost()
  const within = async (options: StartOptions, use: (container: Container) => Promise<void>): Promise<void> => {
    const container = await host.runtime.start('base', waits, options)
    try {
      await once(container.stdout, 'data')
      await use(container)
    } finally {
      await container.close()
    }
  }
  const both = async (options: StartOptions, look: (pid: number) => string, expected: unknown): Promise<void> => {
    await within(options, async (container) => {
      const child = await container.exec(waits)
      await once(child.stdout, 'data')
      expect([look(container.pid), look(child.pid)]).toEqual([expected, expected])
    })
  }
  const output = async (script: readonly string[], options: StartOptions): Promise<string> =>
    (await host.runtime.run('base', script, options)).stdout

  test('how it is scheduled, and on which processor', async () => {
    await both({ scheduler: { policy: 'batch', nice: 5 }, cpuAffinity: [1] }, (pid) => `${stat(pid, 19)} ${stat(pid, 41)}`, '5 3')
    await both({ userns: 'host', scheduler: { policy: 'other', nice: -3 } }, (pid) => stat(pid, 19), '-3')
    await expect(host.runtime.start('base', ['true'], { scheduler: { policy: 'other', nice: -3 } })).rejects.toMatchObject({
      code: 'ERR_BOX_PERMISSION',
      step: 'set the scheduler',
    })
    const allowed = (pid: number) => /^Cpus_allowed_list:\t(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''
    await both({ cpuAffinity: [1] }, allowed, '1')
    await within({ cpuAffinity: [1] }, async (container) => {
      const child = await container.exec(['sh', '-c', 'echo up; exec sleep 60'], { cpuAffinity: [0] })
      for await (const _ of child.stdout) break
      expect([allowed(container.pid), allowed(child.pid)]).toEqual(['1', '0'])
    })
  })

  test('its memory policy, I/O priority, personality and keyring', async () => {
    const perl = `printf "%d %d\\n", syscall(${ioprioGet}, 1, 0), syscall(${personality}, 0xffffffff); open F, "/proc/self/numa_maps"; print +(split " ", <F>)[1]`
    const options: StartOptions = {
      ioPriority: { class: 'bestEffort', priority: 6 },
      personality: 'linux32',
      memoryPolicy: { mode: 'bind', nodes: [0] },
      sessionKeyring: 'of-the-container',
      seccomp: { defaultAction: 'SCMP_ACT_ALLOW' },
    }
    expect(await output(['perl', '-e', perl], options)).toBe(`${(2 << 13) | 6} 8\nbind:0`)
    await within({ ...options, userns: 'host' }, async (container) => {
      const child = await container.exec(['perl', '-e', perl])
      expect(await text(child.stdout)).toBe(`${(2 << 13) | 6} 8\nbind:0`)
      expect(readFileSync('/proc/keys', 'utf8')).toContain('of-the-container')
    })
  })

  test('its mask, groups, capabilities, kernel parameters, devices and hidden paths', async () => {
    const look =
      'umask; id -G; cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/self/oom_score_adj; grep CapAmb /proc/self/status; ls /etc'
    const options: StartOptions = {
      umask: 0o77,
      user: '0:0',
      additionalGids: [7, 9],
      sysctls: { 'net.ipv4.ip_unprivileged_port_start': '80' },
      oomScoreAdj: 500,
      capabilities: { bounding: ['CAP_KILL'], permitted: ['CAP_KILL'], inheritable: ['CAP_KILL'], ambient: ['CAP_KILL'] },
      maskedPaths: ['/etc'],
      devices: [{ path: '/dev/of-its-own', type: 'fifo' }],
    }
    const expected = '0077\n0 7 9\n80\n500\nCapAmb:\t0000000000000020\n'
    expect(await output(['sh', '-c', `${look}; test -p /dev/of-its-own`], options)).toBe(expected)
    await within({ ...options, readOnlyPaths: ['/tmp'], domainname: 'domain' }, async (container) => {
      const child = await container.exec(['sh', '-c', `${look}; echo x > /tmp/x; cat /proc/sys/kernel/domainname`])
      expect([await text(child.stdout), await text(child.stderr)]).toEqual([
        `${expected}domain\n`,
        expect.stringContaining('Read-only file system'),
      ])
    })
  })

  test('its root is read-only, whether the image has the folders to mount at or not', async () => {
    const root = await host.store.mount('base')
    await root.remove('/sys')
    const incomplete = await host.store.commit(root)
    await root.close()
    for (const [image, itself] of [
      ['base', true],
      [incomplete, false],
    ] as const) {
      const container = await host.runtime.start(image, ['sh', '-c', 'echo x > /x; ls -d /proc/self/mounts'], { readOnly: true })
      try {
        expect(await text(container.stderr)).toContain('Read-only file system')
        expect([await text(container.stdout), container.root.readOnly]).toEqual(['/proc/self/mounts\n', itself])
      } finally {
        await container.close()
      }
    }
  })

  test('privileges are gained by executing a program where that is allowed, and not otherwise', async () => {
    const look = ['sh', '-c', 'grep NoNewPrivs /proc/self/status']
    expect(await output(look, {})).toBe('NoNewPrivs:\t1\n')
    await within({ noNewPrivileges: false }, async (container) => {
      const child = await container.exec(look)
      expect(await text(child.stdout)).toBe('NoNewPrivs:\t0\n')
    })
  })

  test('what landlock lets it reach', async () => {
    const look = ['sh', '-c', 'cat /etc/passwd > /tmp/copy; cat /work/file; echo x > /tmp/x && echo written']
    const options: StartOptions = {
      landlock: {
        files: [
          ...['/usr', '/bin', '/lib', '/lib64', '/etc'].map((folder) => ({ path: folder, allow: landlockReadOnly })),
          { path: '/dev', allow: ['readFile', 'writeFile'] as const },
        ],
      },
    }
    expect(await output(look, {})).toBe('written\n')
    const refused = await host.runtime.run('base', look, { ...options, check: false })
    expect(refused.stdout).toBe('')
    expect(refused.stderr).toMatch(/\/tmp\/copy: Permission denied[^]*\/tmp\/x: Permission denied/)
    await within(options, async (container) => {
      const child = await container.exec(['sh', '-c', 'echo x > /tmp/x'])
      expect(await text(child.stderr)).toContain('Permission denied')
    })
  })

  test('who answers its system calls', async () => {
    const asked: string[] = []
    const options: StartOptions = {
      seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_NOTIFY' }] },
      onSystemCall: (call: SystemCall) => {
        asked.push(call.text(call.name === 'mkdir' ? 0 : 1))
        return { errno: 'EDQUOT' }
      },
    }
    const { stderr } = await host.runtime.run('base', ['mkdir', '/tmp/first'], { ...options, check: false })
    expect(stderr).toContain('Disk quota exceeded')
    await within(options, async (container) => {
      const child = await container.exec(['mkdir', '/tmp/beside'])
      expect(await text(child.stderr)).toContain('Disk quota exceeded')
    })
    expect(asked).toEqual(['/tmp/first', '/tmp/beside'])
    await expect(host.runtime.start('base', ['true'], { onSystemCall: () => 'continue' })).rejects.toMatchObject({
      code: 'ERR_BOX_INVALID_ARGUMENT',
    })
  })

  test('the terminal of a run is its output, and takes no input', async () => {
    const look = ['sh', '-c', 'test -t 0 && test -t 1 && test -t 2 && echo on a terminal; echo $TERM >&2']
    expect(await host.runtime.run('base', look, { terminal: { columns: 100 } })).toMatchObject({
      stdout: 'on a terminal\r\nxterm\r\n',
      stderr: '',
    })
    await expect(host.runtime.run('base', look, { terminal: true, input: 'typed' })).rejects.toMatchObject({
      code: 'ERR_BOX_INVALID_ARGUMENT',
    })
  })

  test('descriptors that are given are there, of a command its own, and no other', async () => {
    const files = ['one', 'two'].map((name) => path.join(host.folder, name))
    for (const file of files) await fs.writeFile(file, path.basename(file))
    const [one, two] = await Promise.all(files.map((file) => fs.promises.open(file)))
    if (one === undefined || two === undefined) throw new Error('the files are not open')
    const numbers = (pid: number) => readdirSync(`/proc/${pid}/fd`).map((fd) => `${fd} ${readlinkSync(`/proc/${pid}/fd/${fd}`)}`)
    try {
      expect(await output(['sh', '-c', 'cat <&3; cat <&7'], { descriptors: { 3: one, 7: two } })).toBe('onetwo')
      for (const terminal of [false, true])
        await within({ descriptors: { 5: one }, terminal }, async (container) => {
          const stream = terminal ? /^\d \/dev\/pts\/0( \(deleted\))?$/ : /^\d (\/dev\/null|pipe:.*)$/
          const three = [0, 1, 2].map(() => expect.stringMatching(stream))
          expect(numbers(container.pid)).toEqual([...three, `5 ${files[0]}`])
          const child = await container.exec(waits, { descriptors: { 8: two }, terminal })
          // Who ends the stream of a terminal hangs up.
          await once(child.stdout, 'data')
          expect(numbers(child.pid)).toEqual([...[0, 1, 2].map(() => expect.stringMatching(/^\d \/dev|^\d pipe/)), `8 ${files[1]}`])
        })
    } finally {
      await one.close()
      await two.close()
    }
  })

  test('what a configuration of the runtime specification says of them', async () => {
    const config = {
      ociVersion: '1.3.0',
      root: { path: 'rootfs' },
      process: {
        cwd: '/',
        args: ['sh'],
        scheduler: { policy: 'SCHED_BATCH', nice: 4 },
        ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 7 },
        execCPUAffinity: { final: '1' },
      },
      linux: {
        memoryPolicy: { mode: 'MPOL_BIND', nodes: '0' },
        personality: { domain: 'LINUX32' },
        seccomp: { defaultAction: 'SCMP_ACT_ALLOW' },
      },
    }
    const options = processOptionsFromSpec(parseRuntimeConfig(Buffer.from(JSON.stringify(config))).value)
    const look = `
      print +(split " ", \`cat /proc/self/stat\`)[40] . " ";
      printf "%d %d ", syscall(${ioprioGet}, 1, 0), syscall(${personality}, 0xffffffff);
      open F, "/proc/self/numa_maps"; print +(split " ", <F>)[1]; open S, "/proc/self/status"; print grep { /^Cpus_allowed_list|^Seccomp:/ } <S>`
    const inForce = `3 ${(2 << 13) | 7} 8 bind:0`
    await within(options.start, async (container) => {
      const child = await container.exec(['perl', '-e', look], options.exec)
      expect(await text(child.stdout)).toBe(`${inForce}Seccomp:\t2\nCpus_allowed_list:\t1\n`)
    })
    expect(await output(['perl', '-e', look], options.start)).toMatch(new RegExp(`^${inForce}Seccomp:\t2\nCpus_allowed_list:\t0`))
  })
})
