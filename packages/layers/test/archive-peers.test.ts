import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Image, LayerStore } from '../src/index.ts'

const root = process.getuid?.() === 0
const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0
const withPodman = root && has('podman') ? test : test.skip
const withContainerd = root && has('containerd') && has('ctr') ? test : test.skip

let folder: string
let store: LayerStore
let other: LayerStore
let image: Image

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-peers-'))
  store = await LayerStore.open(join(folder, 'store'))
  other = await LayerStore.open(join(folder, 'other'))
  for (const name of ['one', 'two']) {
    await mkdir(join(folder, name))
    await writeFile(join(folder, name, 'file'), `${name}\n`.repeat(2000))
  }
  image = await store.create({
    add: { '/one': join(folder, 'one'), '/two': join(folder, 'two') },
    config: { cmd: ['/one/file'] },
    tag: 'localhost/example/app:1',
  })
})
afterEach(async () => {
  await store.close()
  await other.close()
  await rm(folder, { recursive: true })
})

const run = (program: string, ...args: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

describe('archives', () => {
  withPodman('podman loads what we write under the same image id, and we read what it saves', async () => {
    const podman = (...args: readonly string[]): string =>
      run('podman', '--root', join(folder, 'podman'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs', ...args)
    for (const format of ['docker-archive', 'oci-archive'] as const) {
      const [ours, theirs] = [join(folder, `ours.${format}`), join(folder, `theirs.${format}`)]
      await store.export('localhost/example/app:1', ours, { format })
      podman('load', '--quiet', '--input', ours)
      expect(podman('images', '--quiet', '--no-trunc').trim()).toBe(image.manifest.config.digest)
      podman('save', '--quiet', '--format', format, '--output', theirs, 'localhost/example/app:1')
      const imported = await other.import(theirs, { tag: format })
      expect(imported.layers.map(({ diffID }) => diffID)).toEqual(image.layers.map(({ diffID }) => diffID))
      expect(imported.config.config).toEqual(image.config.config)
      podman('rmi', '--all', '--force')
    }
  })

  withContainerd('containerd imports what we write, and exports the same manifest', async () => {
    const address = join(folder, 'containerd.sock')
    await writeFile(
      join(folder, 'config.toml'),
      [
        'version = 2',
        `root = "${folder}/containerd"`,
        `state = "${folder}/state"`,
        'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs"]',
        '[grpc]',
        `address = "${address}"`,
      ].join('\n'),
    )
    const daemon = spawn('containerd', ['--config', join(folder, 'config.toml')], { stdio: ['ignore', 'ignore', 'pipe'] })
    try {
      for await (const line of createInterface(daemon.stderr)) if (line.includes('containerd successfully booted')) break
      daemon.stderr.resume()
      const ctr = (...args: readonly string[]): string => run('ctr', '--address', address, ...args)
      await store.export('localhost/example/app:1', join(folder, 'oci.tar'), { format: 'oci-archive' })
      ctr('images', 'import', '--no-unpack', join(folder, 'oci.tar'))
      expect(ctr('images', 'list')).toContain(image.digest)
      ctr('images', 'export', join(folder, 'back.tar'), 'localhost/example/app:1')
      expect(await other.import(join(folder, 'back.tar'))).toEqual(image)
      await store.export('localhost/example/app:1', join(folder, 'docker.tar'), {
        format: 'docker-archive',
        tag: 'localhost/example/docker:1',
      })
      ctr('images', 'import', '--no-unpack', join(folder, 'docker.tar'))
      ctr('images', 'export', join(folder, 'dockers.tar'), 'localhost/example/docker:1')
      const dockers = await other.import(join(folder, 'dockers.tar'))
      expect(dockers.layers.map(({ diffID }) => diffID)).toEqual(image.layers.map(({ diffID }) => diffID))
      expect(dockers.manifest.config.digest).toBe(image.manifest.config.digest)
    } finally {
      daemon.kill('SIGTERM')
      if (daemon.exitCode === null) await once(daemon, 'exit')
    }
  })
})
