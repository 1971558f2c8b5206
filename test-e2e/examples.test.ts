import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { LayerStore } from '@box/layers'
import { useWorkplace } from './support/workplace.ts'

const asRoot = process.geteuid?.() === 0 ? test : test.skip
const examples = path.join(import.meta.dirname, '../examples')

function run(example: string, ...args: readonly string[]): string {
  return execFileSync(process.execPath, [path.join(examples, example, 'main.mjs'), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

describe('the examples', () => {
  const workplace = useWorkplace()

  test('a folder becomes an image that Docker loads, the same each time', async () => {
    const [folder, archive] = [path.join(workplace.folder, 'app'), path.join(workplace.folder, 'app.tar')]
    mkdirSync(folder)
    writeFileSync(path.join(folder, 'hello'), 'hello\n')
    const said = run('folder-to-docker', folder, 'example/app:1', archive, '/hello')
    const bytes = readFileSync(archive)
    expect(run('folder-to-docker', folder, 'example/app:1', archive, '/hello')).toBe(said)
    expect(readFileSync(archive)).toEqual(bytes)
    const manifest = execFileSync('tar', ['-xOf', archive, 'manifest.json'], { encoding: 'utf8' })
    expect(JSON.parse(manifest)).toEqual([
      { Config: `${/sha256:(\w+)/.exec(said)?.[1]}.json`, RepoTags: ['example/app:1'], Layers: [expect.stringMatching(/^\w{64}\.tar$/)] },
    ])
  })

  test('a file is read out of an image without unpacking it', async () => {
    const [files, layout] = [path.join(workplace.folder, 'files'), path.join(workplace.folder, 'layout')]
    mkdirSync(path.join(files, 'etc'), { recursive: true })
    writeFileSync(path.join(files, 'etc/os-release'), 'ID=box\n')
    const store = await LayerStore.open(path.join(workplace.folder, 'store'))
    await store.create({ add: { '/': files }, tag: 'image:1' })
    await store.export('image:1', layout)
    await store.close()
    expect(run('read-from-image', layout)).toBe('ID=box\n')
    expect(run('read-from-image', layout, 'image:1', '/etc/../etc/os-release')).toBe('ID=box\n')
    const { status, stderr } = spawnSync(process.execPath, [path.join(examples, 'read-from-image/main.mjs'), layout, 'image:1', '/none'], {
      encoding: 'utf8',
    })
    expect(status).toBe(1)
    expect(stderr).toContain('ERR_BOX_NOT_FOUND')
  })

  test('a report says what two images share', async () => {
    const place = path.join(workplace.folder, 'store')
    const files = path.join(workplace.folder, 'files')
    mkdirSync(files)
    for (const name of ['base', 'one', 'two']) writeFileSync(path.join(files, name), name.repeat(10_000))
    const store = await LayerStore.open(place)
    const base = await store.create({ add: { '/base': path.join(files, 'base') }, tag: 'base' })
    const one = await store.create({ from: base, add: { '/one': path.join(files, 'one') }, tag: 'one' })
    const two = await store.create({ from: base, add: { '/two': path.join(files, 'two') }, tag: 'two' })
    await store.remove('base')
    const taken = Object.fromEntries((await store.usage()).images.map((usage) => [usage.names[0], usage]))
    await store.close()
    const [shared, first, second] = [one.layers[0], one.layers[1], two.layers[1]].map((layer) => layer?.diffID)
    expect(run('dedupe-report', place, 'one', 'two').split('\n')).toEqual([
      `one: ${taken['one']?.own.bytes} bytes of its own, ${taken['one']?.shared.bytes} shared`,
      `two: ${taken['two']?.own.bytes} bytes of its own, ${taken['two']?.shared.bytes} shared`,
      `${shared} shared by one, two`,
      `${first} only in one`,
      `${second} only in two`,
      '',
    ])
  })

  asRoot('a build step gives a layer, the same each time', async () => {
    const { copyPrograms, makeSkeleton } = await import(path.join(examples, 'mini-runtime/programs.mjs'))
    const rootfs = path.join(workplace.folder, 'rootfs')
    await makeSkeleton(rootfs)
    await copyPrograms(rootfs, ['sh', 'cat', 'rm', 'ls'])
    const [base, output] = [path.join(workplace.folder, 'base.tar'), path.join(workplace.folder, 'out.tar')]
    execFileSync('tar', ['-cf', base, '-C', rootfs, '.'])
    const step = 'echo built > /etc/result; rm /etc/group; ls /sys/class/net | cat'
    const first = run('build-step', base, output, '/bin/sh', '-c', step)
    expect(first).toMatch(/^lo\nremoved +\/etc\/group\nadded +\/etc\/result\nlayer sha256:\w{64}\n$/)
    expect(run('build-step', base, output, '/bin/sh', '-c', step)).toBe(first)
    const store = await LayerStore.open(path.join(workplace.folder, 'store'))
    const files = await store.files(await store.import(output))
    expect(await files.readFile('/etc/result', 'utf8')).toBe('built\n')
    await store.close()
    const failed = spawnSync(process.execPath, [path.join(examples, 'build-step/main.mjs'), base, output, '/bin/sh', '-c', 'exit 7'])
    expect(failed.status).toBe(7)
  })
})
