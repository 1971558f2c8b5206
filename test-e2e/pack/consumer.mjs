import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { publishedPackages } from '../../scripts/packages.mjs'
import { tool } from '../../scripts/repository.mjs'
import { output } from './commands.mjs'

const entries = publishedPackages().flatMap(({ manifest }) =>
  Object.keys(manifest.exports).map((subpath) => ({ specifier: join(manifest.name, subpath), bin: Object.keys(manifest.bin ?? {}) })),
)
const specifiers = entries.map(({ specifier }) => specifier)

export async function testConsumer(tally, folder, tarballs) {
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{"name":"consumer","private":true}\n')
  await tally.test('the tarballs install together into an empty project', () =>
    output('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', ...tarballs], {
      cwd: folder,
    }),
  )
  await tally.test('no package brings its sources, its tests or the native sources', () => {
    const files = readdirSync(join(folder, 'node_modules/@box'), { recursive: true }).map(String)
    assert.deepEqual(
      files.filter((file) => /\/(?:src|test|crates|target)(?:\/|$)|\.tsbuildinfo$/.test(file)),
      [],
    )
  })
  await tally.test('every entry point has the same names by import and by require', async () => {
    const byImport = await run(folder, 'names.mjs', `${list}\nfor (const name of list) print(name, await import(name))`)
    const byRequire = await run(folder, 'names.cjs', `${list}\nfor (const name of list) print(name, require(name))`)
    assert.deepEqual(byRequire, byImport)
    for (const line of byImport) assert.match(line, /^@box\/[\w/-]+: \S/)
  })
  if (process.platform === 'linux') {
    for (const [file, load] of [
      ['native.mjs', "import { native } from '@box/native'"],
      ['native.cjs', "const { native } = require('@box/native')"],
    ]) {
      await tally.test(`the binding of the platform package loads (${file})`, async () => {
        const [count] = await run(folder, file, `${load}\nconsole.log(Object.keys(native()).length)`)
        assert.ok(Number(count) > 0)
      })
    }
  }
  if (process.platform === 'linux') await testLaunch(tally, folder)
  await tally.test('the published types check in a strict project of the consumer', async () => {
    const source = specifiers.map((specifier, index) => `import * as part${index} from '${specifier}'\nvoid part${index}`)
    writeFileSync(join(folder, 'types.mts'), `${source.join('\n')}\n`)
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--lib', 'es2023,esnext.disposable']
    const nodeTypes = ['--typeRoots', join(tool('..'), '@types'), '--types', 'node']
    await output(tool('tsc'), [...options, ...nodeTypes, 'types.mts'], { cwd: folder })
  })
}

/** The launcher is inside the binding, and the binding inside a platform package: this is the whole way to a process. */
async function testLaunch(tally, folder) {
  const name = 'a process starts in namespaces of its own from the installed packages'
  if (process.getuid() !== 0) return tally.skip(`${name} needs root`, 'needs root')
  await tally.test(name, async () => {
    const code = `import { spawn } from '@box/namespaces'
const child = await spawn(['sh', '-c', 'echo $$ $(hostname)'], { namespaces: ['user', 'pid', 'mount', 'uts'], hostname: 'packed' })
for await (const chunk of child.stdout) process.stdout.write(chunk)
const { exitCode } = await child.exited
await child.close()
process.exitCode = exitCode`
    assert.deepEqual(await run(folder, 'launch.mjs', code), ['1 packed'])
  })
}

const list = `const list = ${JSON.stringify(specifiers)}
const print = (name, module) => console.log(name + ': ' + Object.keys(module).filter((key) => key !== 'module.exports' && key !== '__esModule').sort().join(' '))`

async function run(folder, file, code) {
  writeFileSync(join(folder, file), `${code}\n`)
  return (await output(process.execPath, [file], { cwd: folder })).trim().split('\n')
}
