import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { LayerStore, type Image, type ImageSettings } from '@box/layers'
import { createRuntime, type Runtime } from '@box/runtime'
import fs from 'fs-extra'

import { describeTree, makeCanary } from './canary.ts'
import { useWorkplace } from './workplace.ts'

const tour = path.join(import.meta.dirname, '../../examples/mini-runtime')

const programs = `
  sh perl cat chmod cp echo false find grep head hostname id kill ln ls mkdir mkfifo mknod mount mv nsenter ps readlink rm sleep stat
  sync touch true umount unshare
`
  .trim()
  .split(/\s+/)

/** A host with something to lose, and images that are after it. */
export interface HostileHost {
  readonly store: LayerStore
  readonly runtime: Runtime
  /** Files of the host. Each test fails if one of them has changed. */
  readonly canary: string
  /** For each test: removed after it. */
  readonly folder: string
  /** Makes an image of the everyday programs and of what `fill` puts on top. */
  image(fill: (folder: string) => Promise<void> | void, settings?: ImageSettings): Promise<Image>
}

/** One store for the tests of a file, with the image `base`; after each test the host's files are as they were and nothing is left. */
export function useHostileHost(): HostileHost {
  const workplace = useWorkplace()
  let parts: { readonly top: string; readonly canary: string; readonly store: LayerStore; readonly runtime: Runtime } | undefined
  let before: readonly string[] = []
  let made = 0
  const opened = () => {
    if (parts === undefined) throw new Error('the host is there only while tests run')
    return parts
  }

  beforeAll(async () => {
    const top = mkdtempSync(path.join(tmpdir(), 'box-hostile-'))
    const canary = path.join(top, 'canary')
    await makeCanary(canary)
    const store = await LayerStore.open(path.join(top, 'store'), { durability: 'none' })
    parts = { top, canary, store, runtime: createRuntime({ store }) }
    await makeBase(store, path.join(top, 'base'))
  }, 60_000)
  beforeEach(() => {
    before = describeTree(opened().canary)
  })
  afterEach(() => {
    expect(describeTree(opened().canary)).toEqual(before)
  })
  afterAll(async () => {
    const { runtime, store, top } = opened()
    await runtime.close()
    await store.close()
    await fs.remove(top)
  })

  return {
    get store() {
      return opened().store
    },
    get runtime() {
      return opened().runtime
    },
    get canary() {
      return opened().canary
    },
    get folder() {
      return workplace.folder
    },
    image: async (fill, settings = {}) => {
      made += 1
      const layer = path.join(workplace.folder, `layer-${made}`)
      await fs.ensureDir(layer)
      await fill(layer)
      return await opened().store.create({ from: 'base', add: { '/': layer }, config: settings })
    },
  }
}

async function makeBase(store: LayerStore, folder: string): Promise<void> {
  const { copyPrograms, makeSkeleton } = await import(path.join(tour, 'programs.mjs'))
  await makeSkeleton(folder)
  await copyPrograms(folder, programs)
  await store.create({ add: { '/': folder }, config: { cmd: ['true'] }, tag: 'base' })
}
