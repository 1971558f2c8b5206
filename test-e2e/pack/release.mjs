import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { publishedPackages } from '../../scripts/packages.mjs'
import { stageNative } from '../../scripts/pack.mjs'
import { repository } from '../../scripts/repository.mjs'
import { output } from './commands.mjs'

const packages = publishedPackages()
const alphabetically = (a, b) => (a < b ? -1 : 1)

export async function testRelease(tally, folder) {
  // lerna packs into the folder for temporary files and leaves it there.
  const temporary = `${folder}-temporary`
  mkdirSync(temporary)
  const lerna = (args) =>
    output(process.execPath, [join(repository, 'node_modules/lerna/dist/cli.js'), ...args], { cwd: folder, env: { TMPDIR: temporary } })
  await tally.test('lerna version raises every package and what each asks of the others', async () => {
    await makeClone(folder)
    await lerna(['version', 'patch', '--no-push', '--no-git-tag-version', '--force-publish', '--yes', '--loglevel', 'error'])
    for (const { folder: path, manifest } of packages) {
      const raised = JSON.parse(readFileSync(join(folder, path, 'package.json'), 'utf8'))
      assert.notEqual(raised.version, manifest.version, manifest.name)
      for (const [name, version] of Object.entries(raised.dependencies ?? {})) {
        if (name.startsWith('@box/')) assert.equal(version, raised.version, `${manifest.name} asks for ${name} ${version}`)
      }
    }
  })
  await tally.test('lerna publish sends every package, once and after those that it needs', async () => {
    const registry = await startRegistry()
    try {
      await output('git', ['commit', '-qam', 'chore(release): publish'], { cwd: folder })
      // npm wants a token before it sends anything; this one is for a registry that asks for none.
      writeFileSync(join(folder, '.npmrc'), `//127.0.0.1:${registry.port}/:_authToken=none\n`)
      await output('git', ['commit', '-qam', 'chore: a registry for the test'], { cwd: folder })
      stageRaised(folder)
      const url = `http://127.0.0.1:${registry.port}/`
      await lerna(['publish', 'from-package', '--yes', '--no-verify-access', '--registry', url, '--loglevel', 'error'])
      const names = registry.published.map(({ name }) => name)
      assert.deepEqual(names.toSorted(alphabetically), packages.map(({ manifest }) => manifest.name).toSorted(alphabetically))
      for (const { manifest } of packages) {
        for (const name of Object.keys(manifest.dependencies ?? {}).filter((dependency) => dependency.startsWith('@box/'))) {
          assert.ok(names.indexOf(name) < names.indexOf(manifest.name), `${name} before ${manifest.name}`)
        }
      }
      const native = registry.published.find(({ name }) => name === '@box/native')
      const [version] = Object.values(native.versions)
      assert.ok(Object.keys(version.optionalDependencies).length > 0, 'the native core asks for its platform packages')
    } finally {
      await registry.close()
    }
  })
}

/** What `npm run pack` makes for lerna to publish, of the version that was raised in the clone. */
function stageRaised(folder) {
  for (const { folder: path, manifest } of packages.filter((entry) => entry.manifest.napi !== undefined)) {
    const raised = JSON.parse(readFileSync(join(folder, path, 'package.json'), 'utf8'))
    assert.notEqual(raised.version, manifest.version)
    stageNative(join(repository, path), raised, join(folder, 'dist-pack'))
  }
}

/** A clone with the working tree's own files, since a release is cut from what is there, and the repository's node_modules and builds. */
async function makeClone(folder) {
  await output('git', ['clone', '-q', '--no-hardlinks', repository, folder], { cwd: repository })
  const tracked = (await output('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: repository })).split('\0')
  for (const file of tracked.filter(Boolean)) cpSync(join(repository, file), join(folder, file), { force: true })
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  for (const { folder: path } of packages.filter(({ manifest }) => manifest.napi === undefined)) {
    cpSync(join(repository, path, 'dist'), join(folder, path, 'dist'), { recursive: true })
  }
  await output('git', ['config', 'user.name', 'Release test'], { cwd: folder })
  await output('git', ['config', 'user.email', 'release@example.invalid'], { cwd: folder })
  await output('git', ['checkout', '-q', '-B', 'main'], { cwd: folder })
  await output('git', ['add', '-A'], { cwd: folder })
  await output('git', ['commit', '-q', '--allow-empty', '-m', 'chore: the working tree'], { cwd: folder })
}

/** As much of the npm registry's protocol as publishing needs: no package exists, every PUT is taken. */
async function startRegistry() {
  const published = []
  const answer = async (request, response) => {
    const body = await new Response(Readable.toWeb(request)).text()
    const isPublish = request.method === 'PUT'
    if (isPublish) published.push(JSON.parse(body))
    const status = isPublish ? 201 : request.url === '/-/whoami' ? 200 : 404
    response.writeHead(status, { 'content-type': 'application/json' }).end('{"username":"nobody"}')
  }
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.destroy(error))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => new Promise((resolve) => server.close(resolve).closeAllConnections())
  return { port: server.address().port, published, close }
}
