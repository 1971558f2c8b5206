/** Small disks: a tmpfs of some size or some number of files, and an ext4 file system in a file, mounted by a loop device. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const run = (program, ...args) => execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })

/** Mounts a tmpfs for the time of `use`. */
export async function withTmpfs(folder, options, use) {
  await mounted(folder, ['-t', 'tmpfs', '-o', `mode=755,${options}`, 'box-faults', folder], use)
}

/** Mounts an ext4 of that size in bytes for the time of `use`. */
export async function withExt4(folder, size, use) {
  const image = `${folder}.ext4`
  writeFileSync(image, '')
  truncateSync(image, size)
  run('mke2fs', '-q', '-t', 'ext4', '-m', '0', '-O', '^has_journal', image)
  await mounted(folder, ['-o', 'loop', image, folder], use)
}

/** Shows a folder once more, read-only, for the time of `use`. */
export async function withReadOnly(folder, use) {
  const place = `${folder}.read-only`
  mkdirSync(place)
  run('mount', '--bind', folder, place)
  try {
    run('mount', '-o', 'remount,bind,ro', place)
    await use(place)
  } finally {
    run('umount', place)
  }
}

async function mounted(folder, mount, use) {
  mkdirSync(folder)
  run('mount', ...mount)
  try {
    await use(join(folder, 'store'))
  } finally {
    run('umount', folder)
  }
}
