import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { LayerStore } from '@box/layers'
import { spawn } from '@box/namespaces'
import { createRuntime } from '@box/runtime'
import fs from 'fs-extra'

import { useWorkplace } from './support/workplace.ts'

const asRoot = process.geteuid?.() === 0 ? describe : describe.skip
const here = path.dirname(fileURLToPath(import.meta.url))
const program = path.join(here, 'programs/copied-root.mjs')
const tour = path.join(here, '../examples/mini-runtime')

asRoot('where overlayfs cannot be had', () => {
  const workplace = useWorkplace()

  test.each([
    ['no file system may be made', ['fsopen', 'mount'], undefined, 'copy'],
    ['nothing may be mounted at all, and a copy is asked for', ['fsopen', 'mount', 'open_tree'], 'copy', 'copy'],
    ['nothing may be mounted at all', ['fsopen', 'mount', 'open_tree'], undefined, 'ERR_BOX_UNSUPPORTED'],
  ])('%s: a root is a copy, or an error says what is missing', async (_what, names, kind, expected) => {
    await fs.outputFile(path.join(workplace.folder, 'files/etc/motd'), 'hello\n')
    const child = await spawn([process.execPath, program, workplace.folder, ...(kind === undefined ? [] : [kind])], {
      seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names, action: 'SCMP_ACT_ERRNO', errnoRet: 38 }] },
    })
    let stdout = ''
    for await (const chunk of child.stdout) stdout += chunk
    let stderr = ''
    for await (const chunk of child.stderr) stderr += chunk
    expect({ ...(await child.exited), stderr }).toMatchObject({ exitCode: 0, stderr: '' })
    await child.close()
    const made = { kind: expected, changes: ['added /etc/added', 'modified /etc/motd'], layers: 2, left: [] }
    expect(JSON.parse(stdout)).toEqual(expected === 'copy' ? made : { code: expected, left: [] })
  })

  test('containers run in copies, with ids of their own, also in memory, and what they wrote is committed as id 0 has it', async () => {
    const rootfs = path.join(workplace.folder, 'rootfs')
    const { copyPrograms, makeSkeleton } = await import(path.join(tour, 'programs.mjs'))
    await makeSkeleton(rootfs)
    await copyPrograms(rootfs, ['sh', 'id', 'cat', 'stat'])
    const store = await LayerStore.open(path.join(workplace.folder, 'store'), { durability: 'none' })
    const runtime = createRuntime({ store })
    process.env['BOX_DENY'] = 'overlay'
    try {
      const image = await store.create({ add: { '/': rootfs } })
      for (const limits of [{}, { disk: '256MiB' }] as const) {
        const container = await runtime.start(image, ['sh', '-c', 'echo "$(id -u)" > /who; cat /proc/self/uid_map'], { limits })
        expect([container.root.kind, container.root.upperKind]).toEqual(['copy', 'disk' in limits ? 'tmpfs' : 'disk'])
        let map = ''
        for await (const chunk of container.stdout) map += chunk
        expect(map.trim().split(/\s+/)[1]).not.toBe('0')
        expect((await container.exited).exitCode).toBe(0)
        const next = await store.commit(container.root)
        const written = (await store.files(next)).list().find(({ path: name }) => name === '/who')
        expect(written).toMatchObject({ uid: 0, gid: 0, size: 2 })
        await container.close()
      }
      await expect(runtime.run(image, ['sh', '-c', 'echo > /x'], { readOnly: true })).rejects.toThrow('Read-only file system')
    } finally {
      delete process.env['BOX_DENY']
      await runtime.close()
      await store.close()
    }
  }, 60_000)
})
