/**
 * The cgroup tests on machines with cgroup v2 alone: Debian's cloud kernels 6.1 and 6.12, booted by qemu with software emulation. The line
 * `ok NAME` of a guest becomes one of this program's.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onPath } from '../../scripts/repository.mjs'
import { Tally } from '../../scripts/testing/tally.mjs'
import { newestKernel, output, unpacked } from './debian.mjs'
import { makeImage, systemd } from './image.mjs'
import { initramfs } from './initramfs.mjs'
import { boot } from './machine.mjs'

const kernels = { 6.1: 'linux-image-cloud-amd64', 6.12: 'linux-image-6.12-cloud-amd64' }
const modules = ['virtio_pci', 'virtio_blk', 'overlay', 'veth', 'lzo', 'lzo_rle', 'zram', 'bfq']
const series = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(kernels)

/** The machines share the stage's time: a busy host slows down one of them more than the other. */
const deadline = Date.now() + 465_000

const tally = new Tally()
const programs = ['qemu-system-x86_64', 'apt-get', 'dpkg', 'mke2fs', 'xz'].filter((it) => !onPath(it))
const missing = process.arch === 'x64' ? [...programs, ...Object.values(systemd).filter((it) => !existsSync(it))] : ['x64']
if (missing.length > 0) for (const name of series) tally.skip(`cgroup v2 on Linux ${name}`, `needs ${missing.join(', ')}`)
else await everything()
tally.end()

async function everything() {
  const folder = mkdtempSync(join(tmpdir(), 'box-guest-'))
  try {
    const busybox = join(unpacked('busybox-static'), 'bin/busybox')
    const disk = join(folder, 'disk')
    await makeImage(disk, join(folder, 'root'), busybox)
    for (const name of series) await runOn(name, busybox, disk, folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function runOn(name, busybox, disk, folder) {
  const kernel = unpacked(newestKernel(kernels[name]))
  const image = readdirSync(join(kernel, 'boot')).find((it) => it.startsWith('vmlinuz-'))
  const [first, scratch] = [join(folder, 'initramfs'), join(folder, 'scratch')]
  writeFileSync(first, initramfs(kernel, busybox, modules))
  rmSync(scratch, { force: true })
  output('mke2fs', ['-q', '-t', 'ext4', '-O', '^has_journal', scratch, '512M'])
  const files = { kernel: join(kernel, 'boot', image), initramfs: first, disk, scratch, log: join(folder, 'log') }
  // systemd is the same under each kernel: one of them is enough.
  const underSystemd = name === series.at(-1)
  const machine = { ...files, timeout: Math.max(1000, deadline - Date.now()), parameters: underSystemd ? 'box.systemd' : '' }
  const results = []
  let details = []
  // The tests under a shell as the first process, then those under systemd.
  let left = underSystemd ? 2 : 1
  const said = await boot(machine, (line) => {
    const [, result, test] = /^(ok|not ok|skip) (.+)$/.exec(line) ?? []
    if (line === 'end') left -= 1
    else if (result === undefined) details.push(line)
    else {
      results.push({ result, test, details })
      details = []
    }
  })
  for (const { result, test, details: lines } of results) await report(`Linux ${name}: ${test}`, result, lines)
  await tally.test(`Linux ${name}: the machine runs all tests and turns itself off`, () => {
    if (left > 0) throw new Error([...details, 'the guest ended before its last test', said].join('\n'))
  })
}

async function report(name, result, details) {
  if (result === 'skip') return tally.skip(name, 'this kernel lacks what it needs')
  await tally.test(name, () => {
    if (result !== 'ok') throw new Error(details.join('\n'))
  })
}
