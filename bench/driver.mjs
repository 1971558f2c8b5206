/**
 * A process that does one thing each time it reads a line, and answers with the nanoseconds that it took, and those of processor time where it tells them: what a row drives whose parent must be another
 * process than the bench, or must be in a mount namespace of its own. `node driver.mjs PROGRAM ARGUMENT…` spawns that command as a Node
 * program does; '{}' in an argument becomes a name that is new each time.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Starts a driver: any program that speaks so. `descriptors` are given to it from 3 on. */
export function startDriver(command, args, { descriptors = [], ...options } = {}) {
  const child = spawn(command, args, { ...options, stdio: ['pipe', 'pipe', 'pipe', ...descriptors] })
  const errors = []
  child.stderr.on('data', (chunk) => errors.push(chunk))
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ended = new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  return {
    pid: child.pid,
    run: async () => {
      child.stdin.write('go\n')
      const { value, done } = await answers.next()
      if (done) throw new Error(`${[command, ...args].join(' ')} ended early: ${Buffer.concat(errors).toString()}`)
      const [took, cpu] = value.split(' ').map((nanoseconds) => Number(nanoseconds) / 1e6)
      return cpu === undefined ? took : { '': took, CPU: cpu }
    },
    close: () => {
      child.stdin.end()
      return ended
    },
  }
}

const self = fileURLToPath(import.meta.url)

/** A driver that spawns this command each time. */
export function driveCommand(program, ...args) {
  return startDriver(process.execPath, [self, program, ...args])
}

/** A null device of its own, on a file system that ends with the mount namespace. */
const ownNull = 'mount -t tmpfs tmpfs /mnt && mknod -m 666 /mnt/null c 1 3 && mount --bind /mnt/null /dev/null && umount -l /mnt'

/**
 * What unshare(1) is given for a command that has to do with crun: that refuses the hybrid of v1 and v2, and gives the null device that it has as a
 * standard stream to the container's user. So v1 alone is seen, and a null device of its own.
 */
export function apart(program, ...args) {
  const script = `umount /sys/fs/cgroup/unified 2>/dev/null; ${ownNull} && exec "$@"`
  return ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', program, ...args]
}

/** A driver that spawns this command each time, apart. */
export function driveApart(program, ...args) {
  return startDriver('unshare', apart(process.execPath, self, program, ...args))
}

/** Does the thing for each line that comes. `run` gives the milliseconds that it took. */
export async function answerLines(run) {
  for await (const _ of createInterface({ input: process.stdin })) process.stdout.write(`${Math.round((await run()) * 1e6)}\n`)
}

/** Runs a command by child_process, to its end, and gives the milliseconds that it took. */
export async function timeCommand(program, args) {
  const began = performance.now()
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const status = await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve))
  const took = performance.now() - began
  if (status !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${status}`)
  return took
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [program, ...args] = process.argv.slice(2)
  let number = 0
  await answerLines(() => {
    number += 1
    const id = `box-bench-${process.pid}-${number}`
    return timeCommand(
      program,
      args.map((argument) => argument.replaceAll('{}', id)),
    )
  })
}
