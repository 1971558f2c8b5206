import { execFileSync } from 'node:child_process'
import {
  closeSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Root } from '@box/core'

const programs = ['sh', 'ls', 'cat', 'mount', 'id', 'true', 'sleep', 'mkdir', 'chmod', 'ps', 'stat', 'readlink']

function locate(name: string): string {
  const found = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'].map((folder) => join(folder, name)).find((path) => existsSync(path))
  if (found === undefined) throw new Error(`${name} is not installed`)
  return realpathSync(found)
}

/** A folder with a few programs of this machine and their libraries, as a root. */
export class RootFolder implements Root {
  readonly path: string
  readonly fd: number

  /** @param more programs beside the usual ones */
  constructor(more: readonly string[] = []) {
    this.path = mkdtempSync(join(tmpdir(), 'box-root-'))
    for (const folder of ['bin', 'etc', 'tmp', 'work']) mkdirSync(join(this.path, folder))
    for (const name of [...programs, ...more]) {
      const program = locate(name)
      this.#copy(program, `/bin/${name}`)
      const libraries = execFileSync('ldd', [program], { encoding: 'utf8' }).match(/\/\S+/g) ?? []
      for (const library of libraries) this.#copy(realpathSync(library), library)
    }
    execFileSync('chmod', ['-R', 'a+rX', this.path])
    this.fd = openSync(this.path, constants.O_RDONLY | constants.O_DIRECTORY)
  }

  #copy(from: string, to: string): void {
    mkdirSync(join(this.path, dirname(to)), { recursive: true })
    cpSync(from, join(this.path, to))
  }

  link(target: string, path: string): void {
    symlinkSync(target, join(this.path, path))
  }

  write(path: string, content: string): void {
    writeFileSync(join(this.path, path), content, { mode: 0o755 })
  }

  close(): void {
    closeSync(this.fd)
    rmSync(this.path, { recursive: true, force: true })
  }
}
