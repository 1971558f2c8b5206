import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { layout } from '@box/oci'
import { serve } from '@box/registry'
import { makeImage } from '../registry/image.ts'

const run = promisify(execFile)
/** The path of crane, of the Go library go-containerregistry. */
const crane = process.env['BOX_CRANE'] ?? ''
const withCrane = crane === '' ? describe.skip : describe

withCrane('crane', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'box-crane-'))
  })

  afterEach(async () => await rm(folder, { recursive: true, force: true }))

  test('pushes, copies, validates and deletes', async () => {
    const source = layout(join(folder, 'source'))
    const digest = await makeImage(source)
    const store = layout(join(folder, 'crane'))
    const registry = await serve(store)
    try {
      const remote = `127.0.0.1:${registry.port}`
      await run(crane, ['push', source.path, `${remote}/a:v1`])
      await run(crane, ['copy', `${remote}/a:v1`, `${remote}/b/c:v1`])
      await run(crane, ['validate', '--remote', `${remote}/b/c:v1`])
      expect((await run(crane, ['catalog', remote])).stdout).toBe('a\nb/c\n')
      expect((await run(crane, ['digest', `${remote}/b/c:v1`])).stdout.trim()).toBe(digest)
      await run(crane, ['delete', `${remote}/a@${digest}`])
      expect((await store.list()).map(({ name }) => name)).toEqual(['b/c:v1'])
    } finally {
      await registry.close()
    }
  }, 30_000)
})
