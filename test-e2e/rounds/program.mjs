/**
 * Random launches: any set of namespaces, with and without a group, ended by an exit, a signal, a timeout, an abort or a command that is not there.
 * Each must end as asked, and after all of them this process holds as many descriptors as before, and the launcher no more memory.
 * `node program.mjs ROUNDS`; BOX_SEED repeats a run.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, watch } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cgroup } from '@box/cgroups'
import { BoxError } from '@box/core'
import { spawn } from '@box/namespaces'
import { Tally } from '../../scripts/testing/tally.mjs'
import { randomSource } from './random.mjs'

const rounds = Number(process.argv[2] ?? 200)
const inFlight = 8
/** The launcher keeps up to 64 pidfds of ended children, beside those that run. */
const mostDescriptors = 100
const kinds = ['user', 'pid', 'mount', 'uts', 'ipc', 'network', 'cgroup']
const random = randomSource(process.env.BOX_SEED)
const tally = new Tally()

if (process.getuid?.() === 0) {
  process.stdout.write(`seed ${random.seed}\n`)
  // The first watch of a process opens an inotify descriptor that libuv keeps; a group is watched only when it is closed before it is empty.
  watch('.').close()
  await launchSome(300)
  await sleep(200)
  const before = holdings()
  await tally.test(`${rounds} random launches end as they were asked to (seed ${random.seed})`, () => launchSome(rounds))
  await tally.test('no descriptor is left open', () => settles(({ descriptors }) => descriptors <= before.descriptors))
  await tally.test('the launcher is the same, and holds no more than it lets go of from time to time', () =>
    settles(
      ({ launcher }) => launcher.length === 1 && launcher[0].pid === before.launcher[0]?.pid && launcher[0].descriptors < mostDescriptors,
    ),
  )
} else tally.skip('random launches needs root', 'needs root')
tally.end()

async function launchSome(count) {
  let next = 0
  const failures = []
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < count) {
        next += 1
        await launchOne(next).catch((error) => failures.push(error))
      }
    }),
  )
  if (failures.length > 0) throw new AggregateError(failures.slice(0, 5), `${failures.length} of ${count} launches did not end as asked`)
}

async function launchOne(number) {
  const namespaces = kinds.filter(() => random.chance(0.4))
  const group = random.chance(0.3) ? await Cgroup.create(`box-rounds-${process.pid}-${number}`, { pids: 32 }) : undefined
  const options = { namespaces, stdio: 'ignore', ...(group === undefined ? {} : { cgroup: group }) }
  try {
    await random.pick([endByExit, endBySignal, endByTimeout, endByAbort, endBeforeStart])(options)
  } catch (error) {
    throw new Error(`launch ${number} with ${namespaces.join(', ') || 'no namespaces'}`, { cause: error })
  } finally {
    await group?.close()
  }
}

async function endByExit(options) {
  const code = random.below(256)
  const child = await spawn(['sh', '-c', `exit ${code}`], options)
  assert.equal((await child.exited).exitCode, code)
  await child.close()
}

/** As process 1 of a pid namespace it is reached by SIGKILL only. */
async function endBySignal(options) {
  const signal = options.namespaces.includes('pid') ? 'SIGKILL' : random.pick(['SIGKILL', 'SIGTERM', 'SIGUSR1'])
  const child = await spawn(['sleep', '1000'], options)
  child.kill(signal)
  assert.equal((await child.exited).signal, signal)
  await child.close()
}

async function endByTimeout(options) {
  const child = await spawn(['sleep', '1000'], { ...options, timeout: 1 + random.below(20) })
  const { signal, timedOut } = await child.exited
  assert.deepEqual([signal, timedOut], ['SIGKILL', true])
  await child.close()
}

/** The abort meets the launch anywhere: before, during or after it. */
async function endByAbort(options) {
  const controller = new AbortController()
  const reason = new Error('enough')
  setTimeout(() => controller.abort(reason), random.below(10))
  try {
    const child = await spawn(['sleep', '1000'], { ...options, signal: controller.signal })
    assert.equal((await child.exited).signal, 'SIGKILL')
    await child.close()
  } catch (error) {
    assert.equal(error, reason)
  }
}

async function endBeforeStart(options) {
  await assert.rejects(
    spawn(['/there/is/no/such/program'], options),
    (error) => error instanceof BoxError && error.code === 'ERR_BOX_COMMAND_NOT_FOUND',
  )
}

/** A launch that was aborted has rejected before it is undone: what it held goes a moment later. */
async function settles(holds) {
  const until = Date.now() + 2000
  while (!holds(holdings())) {
    if (Date.now() > until) throw new Error(`it still holds ${JSON.stringify(holdings())}`)
    await sleep(20)
  }
}

/**
 * What this process holds: its descriptors, and of its child the launcher its descriptors. The launcher is a child of the thread that started it. What it
 * has made ahead for the next launch, and the descriptor that watches that, are left out.
 */
function holdings() {
  const children = readdirSync('/proc/self/task')
    .flatMap((thread) => readFileSync(`/proc/self/task/${thread}/children`, 'utf8').trim().split(' '))
    .filter(Boolean)
  const ahead = children.filter((pid) => textOf(`/proc/${pid}/comm`).trim() === 'box-spare')
  const count = (pid) => readdirSync(`/proc/${pid}/fd`).length
  return {
    descriptors: count('self') - ahead.filter(isWatched).length,
    launcher: children.filter((pid) => !ahead.includes(pid)).map((pid) => ({ pid, descriptors: count(pid) })),
  }
}

function isWatched(pid) {
  return readdirSync('/proc/self/fdinfo').some((fd) => new RegExp(`^Pid:\\s+${pid}$`, 'm').test(textOf(`/proc/self/fdinfo/${fd}`)))
}

/** Nothing where the process has ended, or the descriptor was closed, in this moment. */
function textOf(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return ''
    throw error
  }
}
