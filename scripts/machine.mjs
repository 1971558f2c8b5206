/** What the machine must have before anything can be built: each thing that is missing is named with the way to get it. */
import { execFileSync } from 'node:child_process'
import { onPath, StepFailure } from './repository.mjs'

const minimumNode = [20, 19]
const minimumRust = [1, 90]

/** Node and npm. Cheap: no program is run. */
export function checkNode() {
  if (older(process.versions.node, minimumNode)) {
    throw new StepFailure(`Node ${process.versions.node} is too old: ${minimumNode.join('.')} or newer is needed (https://nodejs.org)`)
  }
  if (!onPath('npm')) throw new StepFailure('npm is missing: it comes with Node from https://nodejs.org; on Debian: apt-get install npm')
}

/** The compilers of the native core; called only where something is to be compiled, since it runs a program. */
export function checkCompilers() {
  const missing = []
  if (!onPath('cargo')) missing.push(`cargo (Rust ${minimumRust.join('.')} or newer): https://rustup.rs; on Debian: apt-get install rustup`)
  if (!onPath('cc')) missing.push('cc, the C compiler that links: on Debian: apt-get install gcc libc6-dev')
  if (missing.length > 0) throw new StepFailure(`to build the native core this machine lacks\n  ${missing.join('\n  ')}`)
  const version = /^cargo (\S+)/.exec(execFileSync('cargo', ['--version'], { encoding: 'utf8' }))?.[1] ?? '0'
  if (older(version, minimumRust)) {
    throw new StepFailure(`cargo ${version} is too old: Rust ${minimumRust.join('.')} or newer is needed (https://rustup.rs)`)
  }
}

function older(version, [major, minor]) {
  const [ownMajor = 0, ownMinor = 0] = version.split('.').map(Number)
  return ownMajor < major || (ownMajor === major && ownMinor < minor)
}
