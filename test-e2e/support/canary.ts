import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import path from 'node:path'

import fs from 'fs-extra'

/** A word that is in files of the host and must never be read inside a container. */
export const secret = 'a word of the host that no container may read'

/** Makes a tree that looks worth attacking: account files, a folder for every place that something is mounted on, a program. */
export async function makeCanary(folder: string): Promise<void> {
  await fs.outputFile(path.join(folder, 'etc/passwd'), `root:x:0:0:${secret}:/${secret}:/bin/sh\nintruder:x:0:0::/:/bin/sh\n`)
  await fs.outputFile(path.join(folder, 'etc/group'), `${secret}:x:0:intruder\n`)
  await fs.outputFile(path.join(folder, 'secret'), secret)
  await fs.outputFile(path.join(folder, 'bin/program'), '#!/bin/sh\n', { mode: 0o755 })
  for (const name of ['pts', 'shm', 'mqueue', 'self/attr', 'sys', 'fs/cgroup']) await fs.outputFile(path.join(folder, name, 'marker'), name)
  await fs.chmod(folder, 0o755)
}

/** All that can change about a tree, one line for each file: kind and mode, owner, when it was changed, and what it holds. */
export function describeTree(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .concat('.')
    .map((name) => {
      const file = path.join(folder, name)
      const status = lstatSync(file)
      const content = status.isFile()
        ? createHash('sha256').update(readFileSync(file)).digest('hex')
        : status.isSymbolicLink()
          ? readlinkSync(file)
          : ''
      return [name, status.mode.toString(8), status.uid, status.gid, status.rdev, status.mtimeMs, status.ctimeMs, content].join(' ')
    })
}
