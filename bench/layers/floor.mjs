/** The floor's program, that of the benches layers and registry. */
import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const core = join(dirname(fileURLToPath(import.meta.url)), '../../rust-native')

/** @returns the path of the program */
export function buildFloor() {
  execFileSync('cargo', ['build', '--quiet', '--release', '--package', 'box-archive', '--example', 'floor'], { cwd: core })
  return join(core, 'target/release/examples/floor')
}
