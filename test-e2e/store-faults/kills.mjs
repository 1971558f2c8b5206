/**
 * Two processes pull images into one store, give their names to others, remove and prune; again and again one is killed, at any moment. What a
 * process acknowledged must be there, whatever became of it and of the other; what it was about to do is done or not. Each process keeps of layers what it is
 * started for: a name that was given by one that keeps all has all bytes, whoever else keeps less.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from './worker-process.mjs'

const namesOfEach = 3

/**
 * @param keeps what a process may be started to keep
 * @returns what happened: { pulls, kills, names, lacking } with the digest of each name, or a set of those that it can have, and the names that may lack bytes of
 * layers
 */
export async function pullAndKill({ store, source, random, pulls, keeps }) {
  const counts = { pulls: 0, kills: 0, begun: 0 }
  const names = new Map()
  const lacking = new Set()
  /** How long each kind of work takes, so that a kill falls into it. */
  const longest = { open: 150, pull: 100, remove: 20, prune: 20, read: 60 }
  const alive = new Set()
  try {
    await Promise.all(['left', 'right'].map((side) => runSide(side)))
  } finally {
    for (const worker of alive) worker.kill()
  }
  return { ...counts, names, lacking }

  async function runSide(side) {
    let worker
    while (counts.begun < pulls) {
      worker ??= await open()
      if (worker === undefined) continue
      const name = `${side}-${random.below(namesOfEach)}`
      counts.begun += 1
      const image = random.pick(source.names)
      worker = await attempt(worker, name, source.digests[image], ['pull', image, name])
      if (worker !== undefined && random.chance(0.2)) worker = await readNames(worker, side)
      if (worker !== undefined && random.chance(0.3)) worker = await attempt(worker, name, undefined, ['remove', name])
      if (worker !== undefined && random.chance(0.3)) worker = await attempt(worker, undefined, undefined, ['prune'])
    }
    assert.equal(await worker?.end(), undefined)
  }

  async function open() {
    const worker = new Worker(store, source.layout, { keep: random.pick(keeps) })
    alive.add(worker)
    void worker.ended.then(() => alive.delete(worker))
    const { answer, killed } = await perhapsKilled(worker, 'open', () => worker.answer())
    if (killed) return undefined
    assert.deepEqual(answer, { done: 'open' })
    return worker
  }

  /** Does a piece of work that gives the name to that digest (or takes it away). @returns the worker, where it still lives */
  async function attempt(worker, name, digest, words) {
    const before = names.get(name)
    const { answer, killed } = await perhapsKilled(worker, words[0], () => worker.ask(...words))
    if (answer !== undefined) {
      assert.equal(answer.done, words[0], JSON.stringify(answer))
      if (words[0] === 'pull') {
        counts.pulls += 1
        assert.equal(answer.value, digest)
      }
    }
    if (name !== undefined) {
      names.set(name, answer === undefined ? new Set([...asSet(before), digest]) : digest)
      if (answer !== undefined) lacking.delete(name)
      if (digest !== undefined && worker.keep === 'unpacked') lacking.add(name)
    }
    return killed ? undefined : worker
  }

  async function readNames(worker, side) {
    for (let number = 0; number < namesOfEach; number += 1) {
      const name = `${side}-${number}`
      const { answer, killed } = await perhapsKilled(worker, 'read', () => worker.ask('read', name))
      if (answer !== undefined) names.set(name, checkImage(source, name, names.get(name), answer, lacking))
      if (killed) return undefined
    }
    return worker
  }

  /** Every fourth piece of work is met by a kill, before, in or just after it. */
  async function perhapsKilled(worker, kind, work) {
    const began = performance.now()
    if (!random.chance(0.25)) {
      const answer = await work()
      longest[kind] = Math.max(longest[kind] * 0.9, performance.now() - began)
      assert.notEqual(answer, undefined, `the worker ended by itself over ${kind}`)
      return { answer, killed: false }
    }
    const outcome = work()
    await sleep(random.below(Math.ceil(longest[kind])))
    worker.kill()
    counts.kills += 1
    const answer = await outcome
    await worker.ended
    return { answer, killed: true }
  }
}

/** Checks what a worker read of a name against what the name can stand for; `lacking` names may lack bytes of layers. @returns what it stands for */
export function checkImage(source, name, expected, { done, value, ...rest }, lacking = new Set()) {
  assert.equal(done, 'read', `${name}: ${JSON.stringify(rest)}`)
  assert.ok(asSet(expected).has(value?.digest), `${name} is ${value?.digest}, not one of ${[...asSet(expected)].join(', ')}`)
  if (value === undefined) return undefined
  const image = source.names.find((one) => source.digests[one] === value.digest)
  assert.deepEqual(value.files, source.files[image], name)
  if (!lacking.has(name)) assert.deepEqual(value.unpackedOnly, [], `${name} was given by who keeps all`)
  return value.digest
}

function asSet(expected) {
  return expected instanceof Set ? expected : new Set([expected])
}
