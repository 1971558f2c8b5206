import { execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'

import { useHostileHost } from '../support/hostile-host.ts'
import { unsafe } from '../support/unsafe.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip
const execute = promisify(execFile)

/** Opens each file that is named, and says how that went. */
const open = 'for (@ARGV) { print open(F, "<", $_) ? "$_ opened\\n" : "$_ $!\\n" }'

asRoot('devices', () => {
  const host = useHostileHost()

  test('nodes in an image open no device of the host, with and without a user namespace', async () => {
    const image = await host.image(async (folder) => {
      // The same number as /dev/zero: what can be opened here could be the host's disk as well.
      await execute('mknod', ['-m', '666', path.join(folder, 'zero'), 'c', '1', '5'])
      await execute('mknod', ['-m', '666', path.join(folder, 'loop'), 'b', '7', '0'])
      expect(statSync(path.join(folder, 'loop')).isBlockDevice()).toBe(true)
    })
    for (const userns of ['auto', 'host'] as const)
      for (const readOnly of [false, true]) {
        const { stdout } = await host.runtime.run(image, ['perl', '-e', open, '/zero', '/loop', '/dev/zero'], { userns, readOnly })
        expect(stdout).toBe('/zero Permission denied\n/loop Permission denied\n/dev/zero opened\n')
      }
  })

  test('no node of a disk can be made; the host’s root outside of the sandbox can', async () => {
    const make = ['sh', '-c', 'mknod /tmp/disk b 7 0; mknod /dev/disk b 7 0; ls /tmp/disk /dev/disk']
    const { stdout, exitCode } = await host.runtime.run('base', make, { check: false })
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 2 })
    expect((await host.runtime.run('base', make, unsafe)).stdout).toBe('/dev/disk\n/tmp/disk\n')
  })

  test('what is done to /dev/null inside does not change the host’s', async () => {
    const before = statSync('/dev/null')
    const change = ['sh', '-c', 'chmod 600 /dev/null; rm -f /dev/null; mv /tmp/other /dev/null; echo done']
    for (const userns of ['auto', 'host'] as const) expect((await host.runtime.run('base', change, { userns })).stdout).toBe('done\n')
    const after = statSync('/dev/null')
    expect([after.mode, after.uid, after.gid, after.rdev, after.ino]).toEqual([
      before.mode,
      before.uid,
      before.gid,
      before.rdev,
      before.ino,
    ])
  })

  test('/dev holds the standard devices and nothing else', async () => {
    const { stdout } = await host.runtime.run('base', ['ls', '/dev'])
    expect(stdout.trim().split('\n')).toEqual('fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero'.split(' '))
  })

  test('bwrap CVE-2017-5226, flatpak CVE-2019-10063: nothing can be typed into a terminal', async () => {
    // A pseudoterminal of the container's own as the controlling one; then TIOCSTI, as it is and with a bit above the 32 that count.
    const type = `
      my %n = $ENV{ARCH} eq "x64" ? (setsid => 112, ioctl => 16) : (setsid => 66 + 91, ioctl => 29);
      exit(waitpid(fork || do {
        syscall($n{setsid});
        open(M, "+<", "/dev/ptmx") or die "ptmx $!";
        my $z = pack("i", 0); ioctl(M, 0x40045431, $z) or die "unlock $!";
        my $i = pack("i", 0); ioctl(M, 0x80045430, $i) or die "number $!";
        open(S, "+<", "/dev/pts/" . unpack("i", $i)) or die "pts $!";
        for my $r (0x5412, 0x100005412, 0x541c, 0x10000541c) {
          my $c = "x";
          printf "%x %s\\n", $r, syscall($n{ioctl}, fileno(S), $r, $c) < 0 ? "$!" : "typed";
        }
        exit 0;
      }, 0) < 0);`
    const env = { ARCH: process.arch }
    expect((await host.runtime.run('base', ['perl', '-e', type], { env })).stdout).toBe(
      ['5412', '100005412', '541c', '10000541c'].map((request) => `${request} Operation not permitted\n`).join(''),
    )
    expect((await host.runtime.run('base', ['perl', '-e', type], { ...unsafe, env })).stdout).toMatch(/^5412 typed\n100005412 typed\n/)
  })
})
