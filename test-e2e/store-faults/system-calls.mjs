/**
 * A worker whose system calls fail, or in the midst of one of which it is killed: any call that changes something in the store, one after the
 * other. It runs under a filter that asks this process what each call comes to (seccomp_unotify(2)), so no failing disk is needed.
 */
import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { spawn } from '@box/namespaces'
import { Worker, workerCommand } from './worker-process.mjs'

/** Calls that change files, by what says which file: a descriptor, or a path. What only makes files in an unfinished layer is left out. */
const byDescriptor = [
  'write',
  'pwrite64',
  'ftruncate',
  'fsync',
  'fdatasync',
  'syncfs',
  'mkdirat',
  'renameat',
  'renameat2',
  'linkat',
  'unlinkat',
]
const byPath = ['mkdir', 'rename', 'link', 'unlink', 'rmdir']

/**
 * Starts a worker over whose calls `onCall(number, name)` decides: nothing, an errno's name, or 'SIGKILL'.
 * @returns the worker, and how many calls there were so far
 */
async function startWatched(store, source, keep, onCall) {
  let calls = 0
  let child
  const decide = (call) => {
    const kind = touches(call, store)
    if (!kind) return 'continue'
    calls += 1
    const fault = onCall(calls, call.name)
    if (fault === undefined) return 'continue'
    if (fault === 'SIGKILL') child.kill('SIGKILL')
    return { errno: fault === 'SIGKILL' ? 'EIO' : fault }
  }
  child = await spawn(workerCommand(store, source, keep), {
    stdio: ['pipe', 'pipe', 'pipe'],
    noNewPrivileges: true,
    seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: [...byDescriptor, ...byPath], action: 'SCMP_ACT_NOTIFY' }] },
    onSystemCall: decide,
  })
  child.stdin.on('error', () => {})
  return { worker: new Worker(store, source, { keep, child }), calls: () => calls, close: () => child.close() }
}

function touches(call, store) {
  if (byPath.includes(call.name)) return call.text(0).startsWith(store)
  try {
    return readlinkSync(`/proc/${call.pid}/fd/${call.args[0]}`).startsWith(store)
  } catch {
    // Not a descriptor but the working folder (AT_FDCWD), and then a path.
    return !['write', 'pwrite64', 'ftruncate', 'fsync', 'fdatasync', 'syncfs'].includes(call.name) && call.text(1).startsWith(store)
  }
}

/** What a worker of these tests does, in this order. */
const day = (image) => [['pull', image, 'name'], ['read', 'name'], ['remove', 'name'], ['prune']]

/** @returns how many calls there are to fail in a worker's day */
export async function countCalls(store, source, { image, keep }) {
  const { worker, calls, close } = await startWatched(store, source.layout, keep, () => undefined)
  try {
    assert.deepEqual(await worker.answer(), { done: 'open' })
    for (const words of day(image)) assert.equal((await worker.ask(...words)).done, words[0])
    assert.equal(await worker.end(), undefined)
    return calls()
  } finally {
    await close()
  }
}

/**
 * One worker, one fault: at that call, and with `lasting` at all later ones. Whatever it answers is a BoxError or true.
 * @returns what was acknowledged last of the name: its digest, undefined for none, or 'unknown'
 */
export async function runWithFault(store, source, { image, keep, at, fault, lasting }) {
  let met
  const { worker, close } = await startWatched(store, source.layout, keep, (number, name) => {
    if (number < at || (number > at && !lasting)) return undefined
    met ??= name
    return fault
  })
  let name
  try {
    const opened = await worker.answer()
    if (opened === undefined || opened.failed !== undefined) return { name, met, answers: [check(opened, fault)] }
    const answers = []
    for (const words of day(image)) {
      const answer = await worker.ask(...words)
      answers.push(check(answer, fault))
      if (answer === undefined) return { name: words[0] === 'pull' || words[0] === 'remove' ? 'unknown' : name, met, answers }
      if (words[0] === 'pull') name = answer.done ? answer.value : 'unknown'
      if (words[0] === 'remove') name = answer.done ? undefined : 'unknown'
      if (words[0] === 'read' && answer.done && answer.value !== undefined) {
        assert.equal(answer.value.digest, source.digests[image])
        assert.deepEqual(answer.value.files, source.files[image])
      }
    }
    check(await worker.end(), fault)
    return { name, met, answers }
  } finally {
    await close()
  }
}

function check(answer, fault) {
  if (answer === undefined) return 'killed'
  if (answer.failed === undefined) return 'done'
  assert.ok(answer.isBoxError, `not a BoxError: ${JSON.stringify(answer)}`)
  // A name that could not be given is not there to be read.
  if (answer.errno !== undefined) assert.equal(answer.errno, fault, JSON.stringify(answer))
  return answer.code
}
