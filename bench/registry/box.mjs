/**
 * What the registry bench drives of Box: `node box.mjs WHAT REFERENCE FOLDER` does WHAT once for each line that it reads, and answers with the nanoseconds, and those of processor time.
 * Each time it is all there is to do: open the store, connect, transfer, close. What was made is removed afterwards, which is not timed.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { LayerStore } from '@box/layers'
import { layout, Registry } from '@box/registry'

const works = {
  /** Into an empty layer store: every layer unpacked, the image named and ready to be mounted. */
  unpack: ({ reference, path }) => inStore(path, (registry, store) => registry.pull(reference, store)),
  /** Into an empty image layout. */
  layout: ({ reference, path }) => withClient((registry) => registry.pull(reference, layout(path))),
  /** Every blob to nowhere: what receiving alone costs. */
  receive: ({ reference }) => withClient((registry) => registry.pull(reference, nowhere())),
  /** From an image layout to a repository that is new each time. */
  push: ({ reference, source, number }) =>
    withClient((registry) => registry.push(layout(source), `${reference}-${process.pid}-${number}:1`, { name: 'bench' })),
}

async function inStore(path, work) {
  const store = await LayerStore.open(path)
  try {
    return await withClient((registry) => work(registry, store))
  } finally {
    await store.close()
  }
}

async function withClient(work) {
  const registry = new Registry()
  try {
    return await work(registry)
  } finally {
    await registry.close()
  }
}

/** A sink that keeps documents and lets everything else go by. */
function nowhere() {
  const names = new Map()
  return {
    stat: async () => undefined,
    async *read() {},
    resolve: async (name) => names.get(name),
    tag: async (name, descriptor) => void names.set(name, descriptor),
    ingest: async () => ({
      state: 'writing',
      offset: 0,
      write: () => Promise.resolve(),
      restart: () => Promise.resolve(),
      commit: () => Promise.resolve(),
      abort: () => Promise.resolve(),
    }),
  }
}

/** @returns how many requests a pull of an image takes that is there already */
export async function requestsOfPresent(reference, path) {
  const { subscribe, unsubscribe } = await import('node:diagnostics_channel')
  let count = 0
  const counting = () => void (count += 1)
  try {
    await works.layout({ reference, path })
    subscribe('undici:request:create', counting)
    await works.layout({ reference, path })
    return count
  } finally {
    unsubscribe('undici:request:create', counting)
    await rm(path, { recursive: true, force: true })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [what, reference, folder, source] = process.argv.slice(2)
  // 'present' is a pull into a store that has the image.
  const present = what === 'present'
  const work = works[present ? 'unpack' : what]
  const path = join(folder, `box-${process.pid}`)
  if (present) await work({ reference, path })
  let number = 0
  for await (const _ of createInterface({ input: process.stdin })) {
    number += 1
    const used = process.cpuUsage()
    const began = process.hrtime.bigint()
    await work({ reference, path, source, number })
    const took = process.hrtime.bigint() - began
    const { user, system } = process.cpuUsage(used)
    if (!present) await rm(path, { recursive: true, force: true })
    process.stdout.write(`${took} ${(user + system) * 1000}\n`)
  }
  await rm(path, { recursive: true, force: true })
}
