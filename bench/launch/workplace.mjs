/** The folder that the launch bench works in: a root with nothing but a static /bin/true, the bundle of the OCI runtimes, and the floor's program. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defaultSeccompProfile } from '@box/namespaces'
import { seccompFilter } from './box.mjs'
import { ociConfig } from './oci-config.mjs'

const here = dirname(fileURLToPath(import.meta.url))

export function makeWorkplace() {
  const folder = mkdtempSync(join(tmpdir(), 'box-bench-'))
  try {
    const root = join(folder, 'rootfs')
    for (const name of ['bin', 'dev', 'proc', 'sys']) mkdirSync(join(root, name), { recursive: true })
    // The user of the namespace is an ordinary one outside: the way to the root must be open to it.
    for (const path of [folder, root]) chmodSync(path, 0o755)
    execFileSync('cc', ['-O2', '-static', '-x', 'c', '-o', join(root, 'bin/true'), '-'], { input: 'int main(void) { return 0; }\n' })
    const config = { ...ociConfig, linux: { ...ociConfig.linux, seccomp: defaultSeccompProfile } }
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
    writeFileSync(join(folder, 'filter'), seccompFilter())
    const floor = join(folder, 'floor')
    execFileSync('rustc', ['-O', '--edition', '2024', '-o', floor, join(here, '../floor/launch.rs')])
    return { folder, root, program: join(root, 'bin/true'), floor, close: () => rmSync(folder, { recursive: true, force: true }) }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}
