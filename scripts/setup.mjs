/**
 * Brings a clone to where everything runs: npm packages, the native core, generated sources, compiled TypeScript. What is there and unchanged is
 * not made again, so that a second call costs well under two seconds. Used by start, build, check and test.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { installDependencies } from './dependencies.mjs'
import { checkCompilers, checkNode } from './machine.mjs'
import { main, repository, run, tool } from './repository.mjs'

export function setUp() {
  checkNode()
  installDependencies()
  buildNative()
  run('generating the OCI validators', process.execPath, [join(repository, 'packages/oci/scripts/generate.mjs')])
  run('compiling TypeScript', tool('tsc'), ['-b'])
}

function buildNative() {
  if (process.platform !== 'linux') return
  checkCompilers()
  run('building @box/native', process.execPath, [join(repository, 'rust-native/build.mjs')])
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(setUp)
