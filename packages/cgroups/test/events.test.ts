import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pressureAlarms, type PressureTrigger } from '../src/alarms.ts'
import { eventsOf, type CgroupEvent, type EventKind } from '../src/events.ts'
import { Cgroup } from '../src/index.ts'
import type { Places } from '../src/places.ts'
import { unifiedFiles } from './recorded.ts'

const onLinux = process.platform === 'linux' ? describe : describe.skip
const asRoot = process.getuid?.() === 0 ? describe : describe.skip

async function next(events: AsyncGenerator<CgroupEvent, void, void>): Promise<readonly [EventKind, number] | undefined> {
  const { value, done } = await events.next()
  return done ? undefined : [value.kind, value.count]
}

onLinux('events by recorded files', () => {
  let folder: string
  let places: Places
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'box-test-events-'))
    for (const [file, text] of Object.entries(unifiedFiles)) writeFileSync(join(folder, file), text)
    places = { v2: folder, v1: new Map(), controllers: new Set(['memory', 'pids']), top: false }
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('what counters of v2 gain is told, with how much', async () => {
    const end = new AbortController()
    const events = eventsOf(places, {}, end.signal)
    // Before the first step of the iteration: not lost.
    writeFileSync(join(folder, 'memory.events'), 'low 0\nhigh 3\nmax 0\noom 0\noom_kill 0\n')
    expect(await next(events)).toEqual(['memoryHigh', 3])
    const waiting = next(events)
    writeFileSync(join(folder, 'pids.events'), 'max 2\n')
    expect(await waiting).toEqual(['pidsMax', 2])
    const last = next(events)
    writeFileSync(join(folder, 'memory.events'), 'low 0\nhigh 3\nmax 0\noom 0\noom_kill 1\n')
    expect(await last).toEqual(['oomKill', 1])
    const ended = next(events)
    end.abort()
    expect(await ended).toBeUndefined()
  })

  test('only the kinds that were asked for', async () => {
    const end = new AbortController()
    const events = eventsOf(places, { kinds: ['oom'] }, end.signal)
    writeFileSync(join(folder, 'memory.events'), 'low 0\nhigh 3\nmax 9\noom 4\noom_kill 1\n')
    expect(await next(events)).toEqual(['oom', 4])
    end.abort()
    expect(await next(events)).toBeUndefined()
  })

  test('a kind that nothing tells is an error', () => {
    const without = { ...places, controllers: new Set<string>() }
    expect(() => eventsOf(without, { kinds: ['oomKill'] }, new AbortController().signal)).toThrow(
      expect.objectContaining({ code: 'ERR_BOX_CGROUP_UNSUPPORTED', step: 'oomKill' }),
    )
    expect(() => eventsOf({ ...without, v2: undefined }, { kinds: ['empty'] }, new AbortController().signal)).toThrow(
      expect.objectContaining({ code: 'ERR_BOX_CGROUP_UNSUPPORTED', step: 'empty' }),
    )
  })
})

const triggers: readonly Partial<PressureTrigger>[] = [
  { resource: 'memory', stall: 0 },
  { resource: 'memory', stall: 100, window: 100 },
  { resource: 'memory', stall: 3000, window: 2000 },
  { resource: 'memory', stall: Number.NaN },
]
onLinux('triggers', () => {
  test.each(triggers)('%j is none', (trigger) => {
    const places: Places = { v2: '/', v1: new Map(), controllers: new Set(), top: false }
    expect(() => pressureAlarms(places, [{ resource: 'cpu', stall: 1, ...trigger }])).toThrow(
      expect.objectContaining({ code: 'ERR_BOX_INVALID_ARGUMENT' }),
    )
  })

  test('a group without pressure files cannot tell of it', () => {
    const places: Places = { v2: undefined, v1: new Map(), controllers: new Set(), top: false }
    expect(() => pressureAlarms(places, [{ resource: 'cpu', stall: 1 }])).toThrow(
      expect.objectContaining({ code: 'ERR_BOX_CGROUP_UNSUPPORTED', step: 'pressure' }),
    )
  })
})

asRoot('events of this kernel', () => {
  test('a group is populated, frozen, thawed, empty; the end of the group is the end of its events', async () => {
    const group = await Cgroup.create(`box-test-${process.pid}-events`, {}, { controllers: [] })
    const child = spawn('sleep', ['60'])
    try {
      const events = group.events()
      await group.add(child.pid ?? 0)
      expect(await next(events)).toEqual(['populated', 1])
      const frozen = next(events)
      await group.freeze()
      expect(await frozen).toEqual(['frozen', 1])
      const thawed = next(events)
      await group.thaw()
      expect(await thawed).toEqual(['thawed', 1])
      const empty = next(events)
      await group.kill()
      expect(await empty).toEqual(['empty', 1])
      const end = next(events)
      await group.close()
      expect(await end).toBeUndefined()
      expect(() => group.events()).toThrow(expect.objectContaining({ code: 'ERR_BOX_STATE' }))
    } finally {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      await group.close()
    }
  })

  test('aborting rejects with the reason', async () => {
    const group = await Cgroup.create(`box-test-${process.pid}-events`, {}, { controllers: [] })
    try {
      const abort = new AbortController()
      const reason = new Error('enough')
      const waiting = group.events({ signal: abort.signal }).next()
      abort.abort(reason)
      await expect(waiting).rejects.toBe(reason)
    } finally {
      await group.close()
    }
  })
})
