import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LayerStore, type MountedRoot } from '../src/index.ts'

const asRoot = process.getuid?.() === 0 ? describe : describe.skip

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'box-layers-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

async function changesOf(root: MountedRoot): Promise<string[]> {
  const lines: string[] = []
  for await (const { kind, path } of root.changes()) lines.push(`${kind} ${path}`)
  return lines
}

asRoot('a store as root', () => {
  test('what is written to a root becomes a layer, and the image it came from stays as it was', async () => {
    await mkdir(join(folder, 'files/etc'), { recursive: true })
    await writeFile(join(folder, 'files/etc/motd'), 'hello\n')
    await writeFile(join(folder, 'files/old'), 'old')
    const store = await LayerStore.open(join(folder, 'store'))
    const base = await store.create({ add: { '/': join(folder, 'files') }, config: { cmd: ['sh'] }, tag: 'base' })
    expect(base.layers).toHaveLength(1)
    const root = await store.mount('base')
    expect(root.upperKind).toBe('disk')
    expect(await root.readFile('/etc/motd', 'utf8')).toBe('hello\n')
    expect(await changesOf(root)).toEqual([])
    await root.writeFile('/etc/motd', 'changed\n')
    await root.writeFile('/new', 'new')
    await root.remove('/old')
    expect(await changesOf(root)).toEqual(['modified /etc/motd', 'added /new', 'removed /old'])
    expect((await root.usage()).inodes).toBe(4)
    const next = await store.commit(root, { tag: 'next', entrypoint: ['cat', '/etc/motd'], env: { A: 'b' } })
    expect(next.layers.map(({ diffID }) => diffID)).toEqual([base.layers[0]?.diffID, next.layers[1]?.diffID])
    expect(next.config.config).toEqual({ Entrypoint: ['cat', '/etc/motd'], Env: ['A=b'] })
    expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(folder)
    await root.close()
    await root.close()
    const again = await store.mount(next, { readOnly: true })
    expect(await again.readFile('/etc/motd', 'utf8')).toBe('changed\n')
    expect(await again.readdir('/')).toEqual(['etc', 'new'])
    await expect(again.writeFile('/x', 'x')).rejects.toMatchObject({ code: 'ERR_BOX_SYSTEM', errno: 'EROFS' })
    await again.close()
    const untouched = await store.mount(base)
    expect(await untouched.readFile('/etc/motd', 'utf8')).toBe('hello\n')
    expect(await untouched.readdir('/')).toEqual(['etc', 'old'])
    await untouched.close()
    expect((await store.list()).map(({ name }) => name)).toEqual(['base', 'next'])
    expect(await store.verify()).toMatchObject({ problems: [] })
    await store.close()
    expect(await readdir(join(folder, 'store/containers'))).toEqual([])
    expect(await readdir(join(folder, 'store/layers/staging'))).toEqual([])
    expect(await readdir(join(folder, 'store/sessions'))).toEqual([])
  })
})
