// Copies programs of this machine, with the shared libraries that they need, into a folder that becomes a layer.
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import fs from 'fs-extra'

const execute = promisify(execFile)

/** The everyday tools; what this machine does not have is left out, the shell excepted. */
export const everydayTools = `
  sh basename cat chmod cp cut date df dirname echo env expr false find grep head hostname id kill ln ls mkdir mktemp mv
  nproc printf ps pwd readlink rm rmdir sed sleep sort stat tail tar tee test touch tr true tty uname uniq wc whoami xargs
`
  .trim()
  .split(/\s+/)

/** Finds a program on the PATH, links resolved; undefined where there is none. */
async function find(name) {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(folder, name)
    const found = await fs.access(file, fs.constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return await fs.realpath(file)
  }
  return undefined
}

/** The shared libraries of a program, the loader included, as the loader itself lists them; none for a static program or a script. */
async function librariesOf(program) {
  const { stdout } = await execute('ldd', [program]).catch((error) => {
    if (/not a dynamic executable|statically linked/.test(`${error.stdout}${error.stderr}`)) return { stdout: '' }
    throw error
  })
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, file]) => file)
}

/** Libraries stay where the loader looks for them; `/lib` and `/lib64` are links to the folders below `/usr`, as on this machine. */
function insideUsr(file) {
  return file.startsWith('/usr/') ? file : `/usr${file}`
}

/**
 * Copies the programs to `/usr/bin` of the folder and their libraries beside it.
 * @param programs Names on the PATH, or absolute paths.
 * @param known Libraries that a lower layer already has; new ones are added.
 */
export async function copyPrograms(folder, programs, known = new Set()) {
  let copied = 0
  for (const name of programs) {
    const source = path.isAbsolute(name) ? await fs.realpath(name) : await find(name)
    if (source === undefined) {
      if (name === 'sh') throw new Error('this machine has no shell on its PATH')
      continue
    }
    await fs.copy(source, path.join(folder, 'usr/bin', path.basename(name)), { dereference: true })
    copied += 1
    for (const library of await librariesOf(source)) {
      if (known.has(library)) continue
      known.add(library)
      await fs.copy(library, path.join(folder, insideUsr(library)), { dereference: true })
    }
  }
  return copied
}

/** Makes what every root needs: the links of a merged `/usr`, users, and empty folders to mount on. */
export async function makeSkeleton(folder) {
  for (const name of ['dev', 'proc', 'sys', 'tmp', 'root', 'etc', 'run', 'var/tmp', 'usr/bin', 'usr/lib', 'usr/lib64'])
    await fs.ensureDir(path.join(folder, name))
  for (const name of ['bin', 'lib', 'lib64']) await fs.ensureSymlink(`usr/${name}`, path.join(folder, name))
  await fs.chmod(path.join(folder, 'tmp'), 0o1777)
  await fs.chmod(path.join(folder, 'var/tmp'), 0o1777)
  await fs.writeFile(
    path.join(folder, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/app:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n',
  )
  await fs.writeFile(path.join(folder, 'etc/group'), 'root:x:0:\napp:x:1000:\nnogroup:x:65534:\n')
  await fs.copy('/etc/os-release', path.join(folder, 'etc/os-release'), { dereference: true })
}
