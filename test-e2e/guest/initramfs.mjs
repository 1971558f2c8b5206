/** The first file system of the guest: a shell and the kernel's modules that the disk needs. It mounts the disk and goes there. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const init = `#!/bin/sh
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod $module; done
until [ -e /dev/vda ]; do usleep 10000; done
mount -t ext4 -o ro /dev/vda /root
mount --move /dev /root/dev
exec switch_root /root /box/init
`

/**
 * @param modules names of modules; what they depend on is loaded before them
 * @returns a cpio archive
 */
export function initramfs(kernel, busybox, modules) {
  const applets = ['sh', 'mount', 'insmod', 'usleep', 'switch_root']
  const entries = [
    ...['bin', 'dev', 'root', 'modules'].map((name) => ({ name, mode: 0o040755, content: Buffer.alloc(0) })),
    { name: 'bin/busybox', mode: 0o100755, content: readFileSync(busybox) },
    ...applets.map((name) => ({ name: `bin/${name}`, mode: 0o120777, content: Buffer.from('busybox') })),
    { name: 'init', mode: 0o100755, content: Buffer.from(init) },
    ...inOrder(kernel, modules).map(({ name, content }, index) => ({
      name: `modules/${String(index).padStart(3, '0')}-${name}.ko`,
      mode: 0o100644,
      content,
    })),
  ]
  return cpio(entries)
}

/** The modules, each after those that it depends on. A name that is in no file is built into the kernel. */
function inOrder(kernel, wanted) {
  const [release] = readdirSync(join(kernel, 'lib/modules'))
  const folder = join(kernel, 'lib/modules', release)
  const files = new Map(
    readdirSync(folder, { recursive: true })
      .filter((file) => /\.ko(\.xz)?$/.test(file))
      .map((file) => [moduleName(file), join(folder, file)]),
  )
  const ordered = new Map()
  const add = (name) => {
    const file = files.get(name)
    if (file === undefined || ordered.has(name)) return
    const content = file.endsWith('.xz') ? decompressed(file) : readFileSync(file)
    // A module carries its own description: strings that end with a zero (modinfo(8)).
    const depends = /(?:^|\0)depends=([^\0]*)\0/.exec(content.toString('latin1'))?.[1] ?? ''
    for (const needed of depends.split(',').filter(Boolean)) add(needed.replaceAll('-', '_'))
    ordered.set(name, { name, content })
  }
  for (const name of wanted) add(name)
  return [...ordered.values()]
}

function moduleName(file) {
  return basename(file)
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_')
}

function decompressed(file) {
  const { status, stdout, error } = spawnSync('xz', ['-dc', file], { maxBuffer: 256 << 20 })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`xz could not decompress ${file}`)
  return stdout
}

/** The format `newc` (cpio(5)), which the kernel reads (Documentation/driver-api/early-userspace/buffer-format.rst). */
function cpio(entries) {
  const parts = []
  for (const [index, { name, mode, content }] of [...entries, { name: 'TRAILER!!!', mode: 0, content: Buffer.alloc(0) }].entries()) {
    const fields = [index + 1, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0]
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`
    parts.push(padded(Buffer.from(header)), padded(content))
  }
  return Buffer.concat(parts)
}

function padded(buffer) {
  return Buffer.concat([buffer, Buffer.alloc((4 - (buffer.length % 4)) % 4)])
}
