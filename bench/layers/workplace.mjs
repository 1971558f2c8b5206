/** Where the layers bench works: a tmpfs with the peers' archives, the floor's program and whatever is unpacked, and a folder of the disk. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildFloor } from './floor.mjs'

export function makeWorkplace(images) {
  const folder = mkdtempSync(join(tmpdir(), 'box-bench-'))
  const unmount = () => {
    execFileSync('umount', [folder])
    rmSync(folder, { recursive: true, force: true })
  }
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'box-bench', folder])
  try {
    const scratch = join(folder, 'scratch')
    mkdirSync(scratch)
    const floor = join(folder, 'floor')
    copyFileSync(buildFloor(), floor)
    const archives = {}
    for (const [name, { layout }] of Object.entries(images)) {
      archives[name] = join(folder, `${name}.tar`)
      execFileSync('tar', ['--create', '--file', archives[name], '--directory', layout, '--exclude=sizes.json', '.'])
    }
    const disk = mkdtempSync('/var/tmp/box-bench-')
    const close = () => {
      rmSync(disk, { recursive: true, force: true })
      unmount()
    }
    return { folder, scratch, floor, archives, fresh: freshIn(scratch), disk: { fresh: freshIn(disk) }, close }
  } catch (error) {
    unmount()
    throw error
  }
}

/** @returns what makes a new folder at each call */
function freshIn(folder) {
  let number = 0
  return () => {
    number += 1
    const path = join(folder, String(number))
    mkdirSync(path)
    return path
  }
}
