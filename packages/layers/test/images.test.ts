import { execFileSync, spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { digestOf, layout, mediaTypes } from '@box/oci'
import { LayerStore } from '../src/index.ts'
import { put, putImage, tar } from './fixtures.ts'

const linux = process.platform === 'linux' ? describe : describe.skip
const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0
const asRoot = process.getuid?.() === 0 ? test : test.skip
const withSkopeo = has('skopeo') ? test : test.skip
const withUmoci = process.getuid?.() === 0 && has('umoci') ? test : test.skip

jest.setTimeout(60_000)

let folder: string
let store: LayerStore

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-layers-'))
  store = await LayerStore.open(join(folder, 'store'))
  await mkdir(join(folder, 'files/bin'), { recursive: true })
  await writeFile(join(folder, 'files/bin/tool'), '#!/bin/sh\n')
  await chmod(join(folder, 'files/bin/tool'), 0o755)
  await symlink('tool', join(folder, 'files/bin/alias'))
})
afterEach(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

linux('images', () => {
  test('SOURCE_DATE_EPOCH dates an image and its files, what the caller says goes before it, and one that is no time is refused', async () => {
    const make = async (created?: Date) => {
      const image = await store.create({ add: { '/app': join(folder, 'files') }, config: created === undefined ? {} : { created } })
      const times = (await store.files(image)).list().map(({ mtime }) => mtime.getTime() / 1000)
      return { digest: image.digest, created: image.config.created, latest: Math.max(...times) }
    }
    process.env['SOURCE_DATE_EPOCH'] = '1000000000'
    try {
      const dated = await make()
      expect(dated).toMatchObject({ created: '2001-09-09T01:46:40.000Z', latest: 1_000_000_000 })
      await utimes(join(folder, 'files/bin/tool'), 1_700_000_000, 1_700_000_000)
      expect(await make()).toEqual(dated)
      expect(await make(new Date(5000))).toMatchObject({ created: '1970-01-01T00:00:05.000Z', latest: 5 })
      for (const wrong of ['yesterday', '-1', '1e3', '9'.repeat(20)]) {
        process.env['SOURCE_DATE_EPOCH'] = wrong
        await expect(make()).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
      }
    } finally {
      delete process.env['SOURCE_DATE_EPOCH']
    }
  })

  test('the same files and settings give the same image', async () => {
    const options = { add: { '/opt/app': join(folder, 'files') }, config: { cmd: ['/opt/app/bin/tool'] } }
    const first = await store.create({ ...options, tag: 'first' })
    const other = await LayerStore.open(join(folder, 'other'))
    expect((await other.create(options)).digest).toBe(first.digest)
    await other.close()
    expect(first.manifest.mediaType).toBe(mediaTypes.manifest)
    expect(digestOf(first.bytes)).toBe(first.digest)
    expect(digestOf(first.configBytes)).toBe(first.manifest.config.digest)
    expect(await store.get('first')).toEqual(first)
    expect(await store.get(first.digest)).toEqual(first)
  })

  test('settings are added to those of the image below, and its history goes on', async () => {
    const base = await store.create({
      add: { '/': join(folder, 'files') },
      config: {
        entrypoint: ['/bin/tool'],
        cmd: ['a'],
        env: { PATH: '/bin', A: '1' },
        labels: { a: '1' },
        user: '1:2',
        exposedPorts: ['80/tcp'],
      },
    })
    const next = await store.create({
      from: base,
      config: { env: { A: '2', B: '3' }, labels: { b: '2' }, workingDir: '/bin', volumes: ['/data'], author: 'me', createdBy: 'test' },
    })
    expect(next.layers).toEqual(base.layers)
    expect(next.config.config).toEqual({
      User: '1:2',
      Entrypoint: ['/bin/tool'],
      Cmd: ['a'],
      Env: ['PATH=/bin', 'A=2', 'B=3'],
      Labels: { a: '1', b: '2' },
      ExposedPorts: { '80/tcp': {} },
      WorkingDir: '/bin',
      Volumes: { '/data': {} },
    })
    expect(next.config.author).toBe('me')
    expect(next.config.history).toEqual([
      { created: '1970-01-01T00:00:00.000Z', created_by: 'box' },
      { created: '1970-01-01T00:00:00.000Z', created_by: 'test', author: 'me', empty_layer: true },
    ])
    const entry = await store.create({ from: base, config: { entrypoint: ['/bin/alias'] } })
    expect(entry.config.config?.Cmd).toBeUndefined()
  })

  test.each([{ env: { 'A=B': 'x' } }, { env: { A: 'x\0' } }, { workingDir: 'relative' }, { volumes: ['data'] }])(
    'the settings %j are refused',
    async (config) => {
      await expect(store.create({ config })).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
    },
  )

  test('an image for another platform is made as such, and not from one for this', async () => {
    const platform = { os: 'linux', architecture: 'riscv64' }
    const base = await store.create({ platform, tag: 'riscv' })
    expect(base.platform).toEqual(platform)
    await expect(store.create({ from: base, platform: { os: 'linux', architecture: 's390x' } })).rejects.toMatchObject({
      code: 'ERR_BOX_INVALID_ARGUMENT',
    })
  })

  test('of an index the image for the platform is taken', async () => {
    const one = await store.create({ platform: { os: 'linux', architecture: 'amd64' } })
    const two = await store.create({ platform: { os: 'linux', architecture: 'arm64' } })
    const manifests = [one, two].map(({ mediaType, digest, size, platform }) => ({ mediaType, digest, size, platform }))
    const index = await put(
      store,
      Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests })),
      mediaTypes.index,
    )
    await store.tag('both', index)
    expect((await store.get('both', { platform: { os: 'linux', architecture: 'arm64' } }))?.digest).toBe(two.digest)
    expect((await store.get('both', { platform: { os: 'linux', architecture: 'amd64' } }))?.digest).toBe(one.digest)
    await expect(store.get('both', { platform: { os: 'linux', architecture: 'mips' } })).rejects.toMatchObject({
      code: 'ERR_BOX_NOT_FOUND',
    })
    expect((await store.prune()).blobs).toEqual([])
  })

  test('an image is exported to a layout and imported from it, byte for byte', async () => {
    const image = await store.create({ add: { '/': join(folder, 'files') }, tag: 'app:1' })
    await store.export('app:1', join(folder, 'layout'))
    await store.export(image, join(folder, 'layout'), { tag: 'again' })
    expect((await layout(join(folder, 'layout')).list()).map(({ name }) => name)).toEqual(['app:1', 'again'])
    const other = await LayerStore.open(join(folder, 'other'))
    await expect(other.import(join(folder, 'layout'))).rejects.toMatchObject({ code: 'ERR_BOX_NOT_FOUND' })
    const imported = await other.import(join(folder, 'layout'), { tag: 'app:1' })
    expect(imported).toEqual(image)
    expect(await other.list()).toHaveLength(1)
    await other.close()
  })

  asRoot('a folder is imported with its owners, modes and links', async () => {
    execFileSync('chown', ['-h', '3:4', join(folder, 'files/bin/alias')])
    const image = await store.import(join(folder, 'files'), { tag: 'root' })
    expect(image.layers).toHaveLength(1)
    const root = await store.mount('root')
    expect(await root.readdir('/bin')).toEqual(['alias', 'tool'])
    expect(await root.readlink('/bin/alias')).toBe('tool')
    const listed = execFileSync('stat', ['-c', '%n %a %u:%g', 'tool', 'alias'], {
      cwd: `/proc/${process.pid}/fd/${root.fd}/bin`,
      encoding: 'utf8',
    })
    expect(listed).toBe('tool 755 0:0\nalias 777 3:4\n')
    await root.close()
  })

  asRoot('files that are added to an image leave the folders above them as they are', async () => {
    await putImage(
      store,
      [
        tar([
          { name: 'tmp/', type: 'folder', mode: 0o1777 },
          { name: 'root/', type: 'folder', mode: 0o700 },
        ]),
      ],
      'base',
    )
    await store.create({
      from: 'base',
      add: { '/tmp/app': join(folder, 'files'), '/root/.tool': join(folder, 'files/bin/tool') },
      tag: 'next',
    })
    const root = await store.mount('next')
    const modes = execFileSync('stat', ['-c', '%n %a', 'tmp', 'root', 'root/.tool'], {
      cwd: `/proc/${process.pid}/fd/${root.fd}`,
      encoding: 'utf8',
    })
    expect(modes).toBe('tmp 1777\nroot 700\nroot/.tool 755\n')
    await root.close()
  })

  withSkopeo('skopeo reads the store as a layout, and what it writes is imported', async () => {
    const image = await store.create({ add: { '/': join(folder, 'files') }, tag: 'app' })
    const copy = join(folder, 'copy')
    execFileSync('skopeo', ['copy', '-q', '--insecure-policy', `oci:${store.path}:app`, `oci:${copy}:theirs`])
    const raw = execFileSync('skopeo', ['inspect', '--raw', `oci:${copy}:theirs`])
    expect(digestOf(raw)).toBe(image.digest)
    const other = await LayerStore.open(join(folder, 'other'))
    expect((await other.import(copy)).digest).toBe(image.digest)
    expect((await other.list()).map(({ name }) => name)).toEqual(['theirs'])
    await other.close()
  })

  withUmoci('umoci unpacks what we commit to the same files', async () => {
    await store.import(join(folder, 'files'), { tag: 'base' })
    const root = await store.mount('base')
    await root.writeFile('/etc', 'a file\n')
    await root.remove('/bin/alias')
    await root.symlink('bin/tool', '/link')
    await store.commit(root, { tag: 'next' })
    await root.close()
    const bundle = join(folder, 'bundle')
    execFileSync('umoci', ['unpack', '--image', `${store.path}:next`, bundle], { stdio: 'ignore' })
    const list = (path: string): string =>
      execFileSync('sh', ['-c', 'find . -mindepth 1 -printf "%P %y %m %U:%G %s %T@ %l\\n" | grep -v "^[^ ]* d" | sort'], {
        cwd: path,
        encoding: 'utf8',
      })
    const ours = await store.mount('next')
    expect(list(join(bundle, 'rootfs'))).toContain('link l 777 0:0')
    expect(list(join(bundle, 'rootfs'))).toBe(list(`/proc/${process.pid}/fd/${ours.fd}`))
    await ours.close()
    expect(await readFile(join(bundle, 'rootfs/etc'), 'utf8')).toBe('a file\n')
    expect(await readdir(join(bundle, 'rootfs/bin'))).toEqual(['tool'])
  })
})
