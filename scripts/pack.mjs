/**
 * `npm run pack`: the tarballs of all published packages, in dist-pack/. @box/native comes with the platform package of this machine, which exists only
 * here and at publish time: in the repository it would stand in the way of `npm ci` on every other platform.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { publishedPackages } from './packages.mjs'
import { main, repository, StepFailure } from './repository.mjs'
import { setUp } from './setup.mjs'

const output = join(repository, 'dist-pack')

/** @returns the paths of the tarballs */
export function pack() {
  setUp()
  rmSync(output, { recursive: true, force: true })
  mkdirSync(output, { recursive: true })
  return publishedPackages().flatMap(({ path, manifest }) => (manifest.napi === undefined ? [tarballOf(path)] : packNative(path, manifest)))
}

function packNative(path, manifest) {
  return stageNative(path, manifest, output).map(tarballOf)
}

/**
 * Writes into `parent` what is published of the native core: a folder for each platform that was built, and `native`, the copy that asks for
 * them, which lerna publishes (`publishConfig.directory` of its manifest).
 * @returns the folders, in the order in which they are to be published
 */
export function stageNative(path, manifest, parent) {
  const copy = join(parent, 'native')
  for (const file of [...manifest.files, 'README.md']) if (existsSync(join(path, file))) cpSync(join(path, file), join(copy, file))
  const platforms = bindings(path).map((binding) => stagePlatform(path, manifest, parent, binding))
  const optionalDependencies = Object.fromEntries(platforms.map(({ name }) => [name, manifest.version]))
  const { napi: _napi, publishConfig: _publishConfig, ...published } = manifest
  writeManifest(copy, { ...published, optionalDependencies })
  return [...platforms.map(({ folder }) => folder), copy]
}

/** The bindings that were built: [{ file, platform, architecture, libc }]. */
function bindings(path) {
  const found = readdirSync(path).flatMap((file) => {
    const name = /^box-native\.((?<platform>linux)-(?<architecture>\w+)-(?<libc>gnu|musl))\.node$/.exec(file)
    return name === null ? [] : [{ file, suffix: name[1], ...name.groups }]
  })
  if (found.length === 0) throw new StepFailure(`there is no binding in ${path}: the native core is built on Linux only`)
  return found
}

function stagePlatform(path, manifest, parent, { file, suffix, platform, architecture, libc }) {
  const name = `${manifest.name}-${suffix}`
  const folder = join(parent, suffix)
  mkdirSync(folder, { recursive: true })
  cpSync(join(path, file), join(folder, file))
  const { version, license, engines } = manifest
  writeManifest(folder, {
    name,
    version,
    description: `The binding of ${manifest.name} for ${suffix}`,
    license,
    files: [file],
    main: file,
    os: [platform],
    cpu: [architecture],
    libc: [libc === 'gnu' ? 'glibc' : 'musl'],
    engines,
  })
  return { name, folder }
}

function writeManifest(folder, manifest) {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
}

function tarballOf(folder) {
  const stdout = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', output], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return join(output, JSON.parse(stdout)[0].filename)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(() => {
    for (const tarball of pack()) process.stdout.write(`${tarball}\n`)
  })
}
