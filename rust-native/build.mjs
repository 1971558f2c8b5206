/**
 * Builds the launcher and the binding that embeds it, for this machine: `node rust-native/build.mjs`.
 * Nothing is run where no input has changed since the last build: a warm build costs what hashing the sources costs.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = dirname(fileURLToPath(import.meta.url))
const targetFolder = join(folder, 'target')
const architecture = { x64: 'x86_64', arm64: 'aarch64' }[process.arch]
if (process.platform !== 'linux' || architecture === undefined) {
  process.stdout.write(`@box/native is for Linux on x64 and arm64; nothing to build on ${process.platform} ${process.arch}\n`)
  process.exit(0)
}
const libc = process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'gnu'
const bindingTarget = `${architecture}-unknown-linux-${libc}`
const binding = join(folder, `box-native.linux-${process.arch}-${libc}.node`)
const stampFile = join(targetFolder, 'box-build-stamp')

const stamp = inputStamp()
if (existsSync(binding) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) {
  process.stdout.write('@box/native is up to date\n')
} else {
  const launcher = buildLauncher()
  buildBinding(launcher)
  mkdirSync(targetFolder, { recursive: true })
  writeFileSync(stampFile, stamp)
}

/** One digest over everything that the build reads: sources, manifests, this script and the compiler. */
function inputStamp() {
  const hash = createHash('sha256')
    .update(rustc('--version'))
    .update(process.env.RUSTFLAGS ?? '')
  for (const path of inputs(folder).toSorted()) {
    hash.update(path.slice(folder.length)).update('\0').update(readFileSync(path)).update('\0')
  }
  return hash.digest('hex')
}

function inputs(parent) {
  return readdirSync(parent, { withFileTypes: true }).flatMap((entry) => {
    const path = join(parent, entry.name)
    if (entry.isDirectory()) return entry.name === 'target' || entry.name === 'node_modules' ? [] : inputs(path)
    return /\.(rs|toml|lock|mjs)$/.test(entry.name) || entry.name === 'package.json' ? [path] : []
  })
}

/**
 * The launcher is static, so that it runs whatever libc the machine has. musl starts fastest; where that target is not installed,
 * glibc is linked in instead. A folder of its own keeps the two sets of flags from invalidating each other's artefacts.
 */
function buildLauncher() {
  const musl = `${architecture}-unknown-linux-musl`
  const hasMusl = existsSync(rustc('--print', 'target-libdir', '--target', musl))
  const target = hasMusl ? musl : `${architecture}-unknown-linux-gnu`
  const flags = hasMusl ? [] : ['-C', 'target-feature=+crt-static', '-C', 'relocation-model=static']
  const output = join(targetFolder, 'launcher')
  run('cargo', ['build', '-p', 'box-launcher', '--profile', 'launcher', '--target', target, '--target-dir', output], {
    CARGO_ENCODED_RUSTFLAGS: flags.join('\x1f'),
  })
  return join(output, target, 'launcher', 'box-launcher')
}

/** Writes the .node file and, from the exported functions, index.d.ts. */
function buildBinding(launcher) {
  const napi = createRequire(import.meta.url).resolve('@napi-rs/cli/package.json')
  const { bin } = JSON.parse(readFileSync(napi, 'utf8'))
  const output = join(targetFolder, 'binding')
  mkdirSync(output, { recursive: true })
  run(
    process.execPath,
    [
      join(dirname(napi), bin.napi),
      'build',
      '--platform',
      '--release',
      '--target',
      bindingTarget,
      '--manifest-path',
      join(folder, 'crates/binding/Cargo.toml'),
      '--package-json-path',
      join(folder, 'package.json'),
      '--target-dir',
      targetFolder,
      '--output-dir',
      output,
      '--dts',
      'index.d.ts',
      '--no-js',
    ],
    { BOX_LAUNCHER: launcher },
  )
  // Replaced by rename: a running process may have the old file mapped.
  const built = join(output, binding.slice(folder.length + 1))
  copyFileSync(built, `${binding}.new.node`)
  renameSync(`${binding}.new.node`, binding)
  copyFileSync(join(output, 'index.d.ts'), join(folder, 'index.d.ts'))
}

function rustc(...args) {
  try {
    return execFileSync('rustc', args, { encoding: 'utf8' }).trim()
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    throw new Error(
      'rustc is missing: install Rust 1.90 or newer, by https://rustup.rs or your distribution (Debian: apt-get install rustup gcc)',
      {
        cause: error,
      },
    )
  }
}

function run(command, args, environment) {
  const { status, error } = spawnSync(command, args, { cwd: folder, stdio: 'inherit', env: { ...process.env, ...environment } })
  if (error !== undefined) throw error
  if (status !== 0) process.exit(status ?? 1)
}
