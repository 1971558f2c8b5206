import { execFile } from 'node:child_process'
import { homedir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

import fs from 'fs-extra'

const execute = promisify(execFile)

/** The file system of a minimal Debian, made by mmdebstrap once and kept as a tar outside the repository; unpacked into `folder`. */
export async function unpackDebianRoot(folder: string): Promise<void> {
  const cache = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'box', 'debian-bookworm-minbase.tar')
  if (!(await fs.pathExists(cache))) {
    await fs.ensureDir(path.dirname(cache))
    const unfinished = `${cache}.${process.pid}`
    await execute('mmdebstrap', ['--variant=minbase', '--mode=root', '--format=tar', 'bookworm', unfinished], {
      maxBuffer: 64 * 1024 * 1024,
    })
    await fs.rename(unfinished, cache)
  }
  await fs.ensureDir(folder)
  await execute('tar', [
    '--extract',
    '--file',
    cache,
    '--directory',
    folder,
    '--numeric-owner',
    '--xattrs',
    '--xattrs-include=*',
    '--exclude=./dev/*',
  ])
}
