import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { LayerStore, type MountedRoot } from '@box/layers'
import { type Process, spawn } from '@box/namespaces'
import fs from 'fs-extra'

import { useWorkplace } from './support/workplace.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip
const tour = path.join(path.dirname(fileURLToPath(import.meta.url)), '../examples/mini-runtime')

const roots = 1000
const processes = 50

asRoot('a thousand roots of one image', () => {
  const workplace = useWorkplace()

  test('take one copy on the disk, and what their processes read one in memory', async () => {
    const rootfs = path.join(workplace.folder, 'rootfs')
    const { copyPrograms, makeSkeleton } = await import(path.join(tour, 'programs.mjs'))
    await makeSkeleton(rootfs)
    await copyPrograms(rootfs, ['sh', 'sleep'])
    const store = await LayerStore.open(path.join(workplace.folder, 'store'), { durability: 'none' })
    const image = await store.create({ add: { '/': rootfs } })
    const before = await store.usage()
    const mounted: MountedRoot[] = []
    const children: Process[] = []
    try {
      while (mounted.length < roots) mounted.push(...(await Promise.all(Array.from({ length: 20 }, () => store.mount(image)))))
      const { layers, containers } = await store.usage()
      expect(layers).toEqual(before.layers)
      // The folders of each, and what overlayfs makes in them.
      expect(containers.inodes).toBeLessThanOrEqual(roots * 8)
      for (const root of mounted.slice(0, processes)) {
        const child = await spawn(['sh', '-c', 'echo up; exec sleep 1000'], { root, namespaces: ['mount'] })
        children.push(child)
        for await (const _ of child.stdout) break
      }
      const all = await Promise.all(children.map(({ pid }) => codeOf(pid)))
      const resident = Math.max(...all.map(({ rss }) => rss))
      const together = all.reduce((sum, { pss }) => sum + pss, 0)
      expect(resident).toBeGreaterThan(0)
      // Each page counts for each process by its share: all of them together have it once.
      expect(together).toBeLessThan(resident * 2)
    } finally {
      for (const child of children) {
        child.kill('SIGKILL')
        await child.exited
        await child.close()
      }
      for (const root of mounted) await root.close()
      await store.close()
    }
  }, 120_000)
})

/** What a process has of the C library's code in memory, in KiB: all of it, and its share. */
async function codeOf(pid: number): Promise<{ readonly rss: number; readonly pss: number }> {
  const sizes = { rss: 0, pss: 0 }
  let counts = false
  for (const line of (await fs.readFile(`/proc/${pid}/smaps`, 'utf8')).split('\n')) {
    if (/^[0-9a-f]+-/.test(line)) counts = line.includes(' r-xp ') && line.includes('/libc.so')
    const [, name, size] = /^(Rss|Pss):\s+(\d+) kB/.exec(line) ?? []
    if (counts && name !== undefined) sizes[name === 'Rss' ? 'rss' : 'pss'] += Number(size)
  }
  return sizes
}
