import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GroupMade } from '@box/native'
import { Cgroup } from '../src/cgroup.ts'
import { checkLimits } from '../src/check.ts'
import { createPlaces, type CreateOptions } from '../src/create.ts'
import { errnoOf } from '../src/files.ts'
import type { Host } from '../src/hierarchies/host.ts'
import type { Limits } from '../src/limits.ts'
import { notCounted } from '../src/network.ts'
import type { Places } from '../src/places.ts'
import { unifiedFiles, unifiedUsed } from './recorded.ts'

const memberships = [{ hierarchy: 0, controllers: [], path: '/app' }]

/** A v2 hierarchy of plain files, as a kernel would make them, without a kernel's mind. */
let tree: string
let host: Host
let files: Readonly<Record<string, string>>

beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'box-test-cgroup-'))
  files = unifiedFiles
  makeFolder(join(tree, 'app'))
  host = {
    hierarchies: { v2: { version: 2, controllers: [], mountPoint: tree, root: '/', readOnly: false }, v1: [] },
    memberships: () => memberships,
    own: () => ({ text: '0::/app\n', memberships }),
    lastOwn: () => undefined,
    checkFolder: () => undefined,
    makeFolder,
    removeFolder: (path) => rmSync(path, { recursive: true }),
    makeGroup,
  }
})

afterEach(() => rmSync(tree, { recursive: true }))

function makeFolder(path: string): void {
  mkdirSync(path)
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text)
}

/** Leaves all writes to the caller. */
async function makeGroup(folders: readonly string[]): Promise<GroupMade> {
  let made = 0
  try {
    for (const folder of folders) {
      makeFolder(folder)
      made += 1
    }
  } catch (error) {
    return { elsewhere: false, folders: made, errno: errnoOf(error), written: 0 }
  }
  return { elsewhere: false, folders: made, written: 0 }
}

async function create(limits: Limits, options: Partial<CreateOptions> = {}): Promise<Places> {
  return await createPlaces(host, 'one', checkLimits(limits), {
    parent: undefined,
    controllers: undefined,
    temporary: false,
    moveSelf: false,
    ...options,
  })
}

function text(path: string): string {
  return readFileSync(join(tree, path), 'utf8').trim()
}

test('a group is made below the own one, with the controllers that its limits need and the usual ones', async () => {
  const places = await create({ memory: { max: '1MiB', high: '512KiB' }, cpus: 0.5, io: { weight: 50 } })
  expect(places).toMatchObject({ v2: join(tree, 'app/one'), v1: new Map() })
  expect(text('app/cgroup.subtree_control').split(' ').toSorted()).toEqual(['+cpu', '+io', '+memory', '+pids'])
  expect(text('app/one/memory.max')).toMatch(/^1048576/)
  expect(text('app/one/memory.high')).toBe('524288')
  expect(text('app/one/cpu.max')).toBe('50000 100000')
  expect(text('app/one/io.weight')).toMatch(/^50/)
})

test('controllers are enabled from the own group down to a parent below it, and not above', async () => {
  makeFolder(join(tree, 'app/mid'))
  await create({ pids: 5 }, { parent: '/app/mid', controllers: [] })
  expect(text('app/cgroup.subtree_control')).toBe('+pids')
  expect(text('app/mid/cgroup.subtree_control')).toBe('+pids')
  expect(readdirSync(tree)).toEqual(['app'])
})

test('what is enabled already is not enabled again', async () => {
  writeFileSync(join(tree, 'app/cgroup.subtree_control'), 'cpu memory pids\n')
  await create({ pids: 5 })
  expect(text('app/cgroup.subtree_control')).toBe('cpu memory pids')
})

test('a controller that the parent was not given is named before anything is made', async () => {
  writeFileSync(join(tree, 'app/cgroup.controllers'), 'cpu\n')
  await expect(create({ memory: 5 })).rejects.toThrow(expect.objectContaining({ code: 'ERR_BOX_CGROUP_UNSUPPORTED', step: 'memory' }))
  await expect(create({}, { controllers: ['io'] })).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_BOX_CGROUP_UNSUPPORTED', step: 'io' }),
  )
  expect(readdirSync(join(tree, 'app'))).not.toContain('one')
})

test('a file that the kernel lacks is named, and the group is gone again', async () => {
  const { 'memory.swap.max': _, ...without } = unifiedFiles
  files = without
  await expect(create({ memory: { max: 5, swap: 0 } })).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_BOX_CGROUP_UNSUPPORTED', step: 'memory.swap' }),
  )
  expect(readdirSync(join(tree, 'app'))).not.toContain('one')
})

test('a file that the kernel lacks is found at the group above, before anything is made', async () => {
  const folders = readdirSync(join(tree, 'app'))
  host = { ...host, makeGroup: () => Promise.reject(new Error('a group is made')) }
  await expect(create({ io: { devices: [{ device: '8:0', latency: 5 }] } })).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_BOX_CGROUP_UNSUPPORTED', step: 'io.devices[0].latency' }),
  )
  expect(readdirSync(join(tree, 'app'))).toEqual(folders)
})

test('BFQ has its own file, and reservations of huge pages are limited where they are counted', async () => {
  const { 'io.weight': _, ...without } = unifiedFiles
  files = { ...without, 'io.bfq.weight': 'default 100\n' }
  await create({ io: { weight: 2000 }, hugetlb: { '2MB': '4MiB' } })
  expect(text('app/one/io.bfq.weight')).toMatch(/^1000/)
  expect(text('app/one/hugetlb.2MB.max')).toBe('4194304')
  expect(readdirSync(join(tree, 'app/one'))).not.toContain('hugetlb.2MB.rsvd.max')
})

test('a group that is there already belongs to someone else', async () => {
  makeFolder(join(tree, 'app/one'))
  writeFileSync(join(tree, 'app/one/memory.max'), '77')
  await expect(create({ memory: 5 })).rejects.toThrow(expect.objectContaining({ code: 'ERR_BOX_CGROUP_EXISTS' }))
  expect(text('app/one/memory.max')).toBe('77')
})

test.each(['relative', '/a/../b', '/a//b', '/a/', '/./a', ''])('%j is no parent', async (parent) => {
  await expect(create({}, { parent })).rejects.toThrow(expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }))
})

test('an update writes what is named and leaves the rest', async () => {
  const group = new Cgroup(host, await create({ pids: 5, memory: 5_000_000 }), 'owner')
  await group.update({ pids: 9999 })
  expect(text('app/one/pids.max')).toBe('9999')
  expect(text('app/one/memory.max')).toBe('5000000')
})

test('an update that fails in the middle puts back what it has written', async () => {
  const group = new Cgroup(host, await create({ pids: 5555 }), 'owner')
  rmSync(join(tree, 'app/one/memory.oom.group'))
  await expect(group.update({ cpus: 0.25, memory: { max: 7777, oomGroup: true } })).rejects.toMatchObject({ step: 'memory.oomGroup' })
  expect(text('app/one/memory.max')).toMatch(/^max/)
  expect(text('app/one/cpu.max')).toMatch(/^max 100000/)
})

test('an update cannot ask for a controller that the group was made without', async () => {
  const group = new Cgroup(host, await create({ pids: 5 }, { controllers: [] }), 'owner')
  await expect(group.update({ memory: 5 })).rejects.toMatchObject({ code: 'ERR_BOX_CGROUP_UNSUPPORTED', step: 'memory' })
})

test('statistics are in bytes, milliseconds and counts', async () => {
  files = unifiedUsed
  const stats = await new Cgroup(host, await create({}, { controllers: ['hugetlb', 'io', 'memory', 'pids', 'cpu'] }), 'owner').stats()
  expect(stats).toEqual({
    time: expect.any(Number),
    cpu: { usage: 1500.25, user: 1000, system: 500.25, periods: 20, throttledPeriods: 7, throttled: 350 },
    memory: {
      current: 73_400_320,
      peak: 104_857_600,
      max: 536_870_912,
      anonymous: 52_428_800,
      file: 16_777_216,
      shared: 4096,
      mapped: 8192,
      dirty: 12_288,
      writeback: 0,
      kernel: 4_194_304,
      slab: 1_048_576,
      sockets: 32_768,
      pageFaults: 900,
      majorPageFaults: 3,
      highEvents: 5,
      maxEvents: 12,
      oomEvents: 2,
      oomKills: 1,
    },
    swap: { current: 8192, peak: undefined, max: undefined },
    pids: { current: 9, peak: undefined, max: 64, refused: 4 },
    io: [
      { device: '254:0', readBytes: 4096, writtenBytes: 8192, reads: 1, writes: 2 },
      { device: '8:0', readBytes: 0, writtenBytes: 0, reads: 0, writes: 0 },
    ],
    hugetlb: { '2MB': { current: 0, peak: undefined, max: undefined, refused: 0 } },
    network: notCounted,
    pressure: {
      cpu: { some: { avg10: 1.5, avg60: 0.8, avg300: 0.2, total: 125 }, full: { avg10: 0, avg60: 0, avg300: 0, total: 0 } },
      memory: { some: { avg10: 0, avg60: 0, avg300: 0, total: 1 }, full: undefined },
      io: undefined,
    },
  })
})
