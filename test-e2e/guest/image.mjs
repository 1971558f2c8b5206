/** The guest's disk: a shell, Node with its libraries, the native binding, and the tests bundled into one file. */
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { rolldown } from 'rolldown'
import { repository } from '../../scripts/repository.mjs'
import { output } from './debian.mjs'

const here = import.meta.dirname

/** Makes the disk's file, without root: mke2fs copies a folder. */
export async function makeImage(file, folder, busybox, programs = {}) {
  for (const name of ['bin', 'box', 'data', 'dev', 'etc', 'proc', 'run', 'sys', 'tmp', 'usr/bin'])
    mkdirSync(join(folder, name), { recursive: true })
  copyFileSync(busybox, join(folder, 'bin/busybox'))
  for (const applet of output(busybox, ['--list']).trim().split('\n'))
    if (applet !== 'busybox') symlinkSync('busybox', join(folder, 'bin', applet))
  writeFileSync(join(folder, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000:user:/:/bin/sh\n')
  writeFileSync(join(folder, 'etc/group'), 'root:x:0:\nuser:x:1000:\n')
  copyWithLibraries(realpathSync(process.execPath), join(folder, 'usr/bin/node'), folder)
  for (const [name, path] of Object.entries(programs)) copyWithLibraries(path, join(folder, 'usr/bin', name), folder)
  copyFileSync(join(here, 'inside/init.sh'), join(folder, 'box/init'))
  chmodSync(join(folder, 'box/init'), 0o755)
  const native = join(repository, 'rust-native')
  for (const name of readdirSync(native).filter((it) => it.endsWith('.node')))
    copyWithLibraries(join(native, name), join(folder, 'box', name), folder)
  cpSync(join(repository, 'packages/cgroups/test/programs'), join(folder, 'box/programs'), { recursive: true })
  await bundle('inside/main.ts', join(folder, 'box/tests.mjs'))
  await bundle('inside/systemd-main.ts', join(folder, 'box/systemd.mjs'))
  addSystemd(folder)
  output('mke2fs', ['-q', '-t', 'ext4', '-O', '^has_journal', '-E', 'root_owner=0:0', '-d', folder, file, '512M'])
}

/** Where the loader of the guest looks for a library is where the host's has found it. */
function copyWithLibraries(from, to, root) {
  copyFileSync(from, to)
  for (const [, path] of output('ldd', [from]).matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)) {
    const target = join(root, path)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, readFileSync(path), { mode: 0o755 })
  }
}

/** The programs of systemd, as Debian has them, and units of our own. */
export const systemd = {
  'usr/lib/systemd/systemd': '/usr/lib/systemd/systemd',
  'usr/bin/systemctl': '/usr/bin/systemctl',
  'usr/bin/dbus-daemon': '/usr/bin/dbus-daemon',
}

function addSystemd(folder) {
  mkdirSync(join(folder, 'usr/lib/systemd'), { recursive: true })
  for (const [to, from] of Object.entries(systemd)) copyWithLibraries(from, join(folder, to), folder)
  cpSync(join(here, 'inside/units'), join(folder, 'etc/systemd/system'), { recursive: true })
  cpSync(join(here, 'inside/user-units'), join(folder, 'etc/systemd/user'), { recursive: true })
  writeFileSync(join(folder, 'etc/machine-id'), `${'0123456789abcdef'.repeat(2)}\n`)
}

async function bundle(input, file) {
  const build = await rolldown({
    input: join(here, input),
    platform: 'node',
    // The loader of the binding looks beside the file that it is in.
    resolve: { conditionNames: ['@box/source', 'node', 'import', 'default'] },
    transform: { define: { __dirname: JSON.stringify('/box') } },
    // The packages say that importing them does nothing; importing a test does.
    treeshake: false,
    logLevel: 'warn',
  })
  await build.write({ file, format: 'esm', codeSplitting: false })
  await build.close()
}
